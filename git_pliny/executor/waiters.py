"""Threads for the jobs that block: attempts that no descriptor tells of, and those whose start or end takes time."""

import threading
from collections.abc import Callable
from queue import SimpleQueue

from git_pliny.executor.job import Finished, Job


class Waiters:
    """Works on every job at once, each on a thread that is used again; `report` is called on these threads."""

    def __init__(self, report: Callable[[Finished], None]) -> None:
        self._report = report
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self.busy = 0
        """How many jobs were taken and are not yet told to be `done`."""

    def take(self, job: Job) -> None:
        """Work on it; RuntimeError where the system gives no thread."""
        if len(self._threads) == self.busy:
            thread = threading.Thread(target=self._work, name=f"waiter-{self.busy + 1}", daemon=True)
            thread.start()
            self._threads.append(thread)
        self.busy += 1
        self._jobs.put(job)

    def done(self) -> None:
        """A job that was reported occupies its thread no more."""
        self.busy -= 1

    def close(self) -> None:
        """Let the threads end; nothing may be under way any more."""
        for _ in self._threads:
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                finished = Finished(job, job.work())
            except BaseException as error:  # noqa: BLE001 - it is handed to the coordinator, which raises it
                finished = Finished(job, None, error)
            self._report(finished)
