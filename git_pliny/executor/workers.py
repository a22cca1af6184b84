"""The workers as the coordinator sees them: jobs go in; outcomes and interrupts come out, through one queue."""

from collections.abc import Sequence
from contextlib import suppress
from enum import Enum
from queue import Empty, SimpleQueue

from git_pliny.executor.job import Finished, Job
from git_pliny.executor.starter import Starter


class Interrupt(Enum):
    """The user wants an end: after the agents were asked to end, or at once."""

    POLITE = 1
    AT_ONCE = 2


class Workers:
    """Runs at most `size` jobs at a time, in the order they are handed over."""

    def __init__(self, size: int) -> None:
        self._reports: SimpleQueue[Sequence[Finished | Interrupt]] = SimpleQueue()
        self._starter = Starter(size, self._reports.put)
        self.interrupted: Interrupt | None = None
        """What the user asked for last."""

    def submit(self, jobs: Sequence[Job]) -> None:
        """Hand jobs over."""
        if jobs:
            self._starter.submit(jobs)

    def interrupt(self, kind: Interrupt) -> None:
        """Tell the coordinator; may be called from a signal handler."""
        self.interrupted = kind
        self._reports.put([kind])

    def next(self, timeout_s: float | None) -> list[Finished | Interrupt]:
        """What was reported, at least one report; nothing when the time is over first."""
        found: list[Finished | Interrupt] = []
        with suppress(Empty):
            found += self._reports.get(timeout=timeout_s)
            while True:
                found += self._reports.get_nowait()
        return found

    def close(self) -> None:
        """Let the threads end; nothing may be under way."""
        self._starter.close()
