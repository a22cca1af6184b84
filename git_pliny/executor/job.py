"""A job: one attempt on its way through the workers, from its start to what it delivered. It decides nothing."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from git_pliny.runners.base import Attempt, Deliverable, Outcome, Runner, Running, Watchable
from git_pliny.runners.leftovers import Leftover


class Job:
    """One attempt. `clear` ends what earlier ones left, and may take its time; a refused attempt ends as it begins."""

    def __init__(
        self,
        attempt: Attempt,
        runner: Runner,
        clear: Callable[[], list[Leftover]] | None,
        *,
        refusal: Outcome | None = None,
    ) -> None:
        self.attempt = attempt
        self.leftovers: list[Leftover] = []
        self._runner = runner
        self._clear = clear
        self._refusal = refusal
        self._guard = threading.Lock()
        self._running: Running | None = None
        self._cancelled = False

    @property
    def is_ready(self) -> bool:
        """Whether it starts at once: nothing has to be cleared before."""
        return self._clear is None

    def start(self) -> Running | Outcome:
        """Begin the attempt; an outcome where it does not come to that."""
        if self._refusal is not None:
            return self._refusal
        if self._clear is not None:
            self.leftovers = self._clear()
        if self.leftovers:
            return Outcome()
        attempt = self._ready_attempt()
        with self._guard:
            if self._cancelled:
                return Outcome(cancelled=True)
            self._running = self._runner.start(attempt)
            return self._running

    def _ready_attempt(self) -> Attempt:
        """The attempt with all that it needs to start."""
        return self.attempt

    def work(self) -> Outcome:
        """Bring the attempt to its end, started or not; blocks as long as that takes."""
        running = self._running or self.start()
        return running if isinstance(running, Outcome) else _keep_deliverables(self.attempt, running.wait())

    def collect(self, running: Watchable) -> Outcome | None:
        """The outcome where it can be had without blocking, or copying what was delivered; else None."""
        return None if self.attempt.agent.deliverables else running.collect()

    def settled(self, *, kept: bool) -> None:
        """What it made is taken care of; or, where `kept` is false, somebody else will have to."""

    def cancel(self, *, now: bool) -> None:
        """End it, or keep it from starting. Returns at once."""
        with self._guard:
            self._cancelled = True
            running = self._running
        if running is not None:
            running.cancel(now=now)


class Finished:
    """What becomes of a job: its outcome, or the bug that it met."""

    def __init__(self, job: Job, outcome: Outcome | None, error: BaseException | None = None) -> None:
        self.job = job
        self.outcome = outcome
        self.error = error


def _keep_deliverables(attempt: Attempt, outcome: Outcome) -> Outcome:
    """Copy what was delivered into the attempt's folder, so that it is kept as it was when the attempt ended.

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
