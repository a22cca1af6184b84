"""Worker threads: they run attempts and report outcomes, and decide nothing.

An attempt's output goes from its process to a file, so that a worker does nothing but wait. Outcomes and interrupts
reach the coordinator through one queue.
"""

import shutil
import threading
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from queue import Empty, SimpleQueue

import msgspec

from git_pliny.runners.base import Attempt, Deliverable, Outcome, Runner, Running
from git_pliny.runners.leftovers import Leftover


class Interrupt(Enum):
    """The user wants an end: after the agents were asked to end, or at once."""

    POLITE = 1
    AT_ONCE = 2


class Job:
    """One attempt on its way through a worker."""

    def __init__(
        self,
        attempt: Attempt,
        runner: Runner,
        clear: Callable[[], list[Leftover]] | None,
        *,
        refusal: Outcome | None = None,
    ) -> None:
        self.attempt = attempt
        self._refusal = refusal
        self.leftovers: list[Leftover] = []
        self._runner = runner
        self._clear = clear
        self._guard = threading.Lock()
        self._running: Running | None = None
        self._cancelled = False

    def work(self) -> Outcome:
        """Run the attempt to its end; a refused one ends as it began."""
        if self._refusal is not None:
            return self._refusal
        if self._clear is not None:
            self.leftovers = self._clear()
        with self._guard:
            if self._cancelled:
                return Outcome(cancelled=True, exit_code=None)
            if self.leftovers:
                return Outcome(exit_code=None)
            self._running = self._runner.start(self.attempt)
        return _keep_deliverables(self.attempt, self._running.wait())

    def cancel(self, *, now: bool) -> None:
        """End it, or keep it from starting. Returns at once."""
        with self._guard:
            self._cancelled = True
            running = self._running
        if running is not None:
            running.cancel(now=now)


class Finished:
    """What a worker reports: the job with its outcome, or the bug that it met."""

    def __init__(self, job: Job, outcome: Outcome | None, error: BaseException | None) -> None:
        self.job = job
        self.outcome = outcome
        self.error = error


class Workers:
    """A growing pool of at most `size` threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._reports: SimpleQueue[Finished | Interrupt] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._submitted = 0
        self.interrupted: Interrupt | None = None
        """What the user asked for last."""

    def submit(self, job: Job) -> None:
        """Hand over a job; the caller sees to it that no more than `size` are under way."""
        self._submitted += 1
        if len(self._threads) < min(self._size, self._submitted):
            thread = threading.Thread(target=self._serve, name=f"worker-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._jobs.put(job)

    def interrupt(self, kind: Interrupt) -> None:
        """Tell the coordinator; may be called from a signal handler."""
        self.interrupted = kind
        self._reports.put(kind)

    def next(self, timeout_s: float | None) -> list[Finished | Interrupt]:
        """What was reported, at least one report; nothing when the time is over first."""
        try:
            found = [self._reports.get(timeout=timeout_s)]
        except Empty:
            return []
        while not self._reports.empty():
            found.append(self._reports.get())
        return found

    def close(self) -> None:
        """Let the threads end."""
        for _ in self._threads:
            self._jobs.put(None)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                report = Finished(job, job.work(), None)
            except BaseException as error:  # noqa: BLE001 - it is handed to the coordinator, which raises it
                report = Finished(job, None, error)
            self._reports.put(report)


def _keep_deliverables(attempt: Attempt, outcome: Outcome) -> Outcome:
    """Copy what was delivered into the workspace, so that it is kept as it was when the attempt ended.

    What can't be copied any more is missing: the outcome says so.
    """
    lost = [deliverable.name for deliverable in outcome.deliverables if not _keep(attempt.deliverables, deliverable)]
    if not lost:
        return outcome
    return msgspec.structs.replace(outcome, missing_deliverables=(*outcome.missing_deliverables, *lost))


def _keep(folder: Path, deliverable: Deliverable) -> bool:
    kept = folder / deliverable.name
    if deliverable.path == kept:
        return True
    try:
        if folder.is_symlink() or kept.parent.resolve() != folder.resolve() / Path(deliverable.name).parent:
            return False
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(deliverable.path, kept, follow_symlinks=False)
    except OSError:
        return False
    return True
