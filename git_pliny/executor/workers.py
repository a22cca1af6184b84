"""The workers as the coordinator sees them: jobs go in; outcomes and interrupts come out.

Attempts that can be watched are started and collected on the coordinator's own thread, while it waits for something to
happen: handing each to another thread costs more than the attempt. Only what blocks gets a thread.
"""

import math
import os
import select
import time
from collections import deque
from collections.abc import Iterable
from enum import Enum

from git_pliny.executor.job import Finished, Job
from git_pliny.executor.waiters import Waiters
from git_pliny.runners.base import Outcome, Watchable

_MANY = 4096
_INSTANT_S = 0.003


class Interrupt(Enum):
    """The user wants an end: after the agents were asked to end, or at once."""

    POLITE = 1
    AT_ONCE = 2


class Workers:
    """Runs at most `size` jobs at a time, in the order they are handed over. All but `interrupt` is for one thread."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._waiting: deque[Job] = deque()
        self._watched: dict[int, tuple[Job, Watchable]] = {}
        self._young: deque[tuple[float, int, Watchable]] = deque()
        """Attempts in their first instant, each with the time when that is over, and its descriptor."""
        self._waiters = Waiters(self._unblock)
        self._unblocked: deque[Finished] = deque()
        self._reports: deque[Finished | Interrupt] = deque()
        self._bell, self._rope = os.pipe()
        self._poll = select.poll()
        self._poll.register(self._bell, select.POLLIN)
        self.interrupted: Interrupt | None = None
        """What the user asked for last."""
        self.is_closed = False

    @property
    def ahead(self) -> int:
        """How many jobs were handed over and wait for a slot."""
        return len(self._waiting)

    def submit(self, jobs: Iterable[Job]) -> None:
        """Hand jobs over, and start those that there is a slot for."""
        self._waiting.extend(jobs)
        self._fill()

    def interrupt(self, kind: Interrupt) -> None:
        """Tell the coordinator; may be called from a signal handler."""
        self.interrupted = kind
        self._reports.append(kind)
        self._ring()

    def next(self, timeout_s: float | None) -> list[Finished | Interrupt]:
        """What has happened, as soon as there is something; nothing when the time is over first."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            self._look(0.0 if self._reports else timeout_s)
            found: list[Finished | Interrupt] = []
            while self._reports:
                found.append(self._reports.popleft())
            if found:
                return found
            if deadline is not None:
                timeout_s = deadline - time.monotonic()
                if timeout_s <= 0.0:
                    return found

    def tend(self) -> None:
        """Fill the slots that got free meanwhile: for whoever has more to do than an attempt takes."""
        if self._waiting:
            self._look(0.0)

    def close(self) -> None:
        """Let the threads end; nothing may be under way."""
        self.is_closed = True
        self._waiters.close()
        os.close(self._bell)
        os.close(self._rope)

    def settle(self) -> None:
        """Before the coordinator is away for long: treat all attempts that have not ended as ones that last."""
        self._grow_up(math.inf)

    def _grow_up(self, now: float) -> float | None:
        """Tell those that their first instant is over; gives the time until the next one's is."""
        while self._young:
            until, descriptor, running = self._young[0]
            is_over = self._watched.get(descriptor, (None, None))[1] is not running
            if not is_over and until > now:
                return until - now
            self._young.popleft()
            if not is_over:
                running.lasts()
        return None

    def _patience_ms(self, timeout_s: float | None) -> float | None:
        rest = [seconds for seconds in (timeout_s, self._grow_up(time.monotonic())) if seconds is not None]
        return max(min(rest), 0.0) * 1000 if rest else None

    def _look(self, timeout_s: float | None) -> None:
        """Take in what has ended, each slot filled again before the next end is looked at."""
        for descriptor, _ in self._poll.poll(self._patience_ms(timeout_s)):
            if descriptor == self._bell:
                os.read(self._bell, _MANY)
                self._take_unblocked()
            else:
                self._collect(descriptor)
            self._fill()

    def _fill(self) -> None:
        while self._waiting and len(self._watched) + self._waiters.busy < self._size:
            self._begin(self._waiting.popleft())

    def _begin(self, job: Job) -> None:
        if not job.is_ready:
            self._wait_for(job)
            return
        try:
            running = job.start()
            descriptor = running.descriptor() if isinstance(running, Watchable) else None
            if isinstance(running, Watchable) and descriptor is not None:
                self._poll.register(descriptor, select.POLLIN)
                self._watched[descriptor] = job, running
                self._young.append((time.monotonic() + _INSTANT_S, descriptor, running))
                return
        except BaseException as error:  # noqa: BLE001 - the coordinator raises it, or we do
            self._give_up(job, error)
            return
        if isinstance(running, Outcome):
            self._reports.append(Finished(job, running))
        else:
            self._wait_for(job)

    def _collect(self, descriptor: int) -> None:
        job, running = self._watched.pop(descriptor)
        self._poll.unregister(descriptor)
        try:
            outcome = job.collect(running)
        except BaseException as error:  # noqa: BLE001 - the coordinator raises it, or we do
            self._give_up(job, error)
            return
        if outcome is None:
            self._wait_for(job)
        else:
            self._reports.append(Finished(job, outcome))

    def _give_up(self, job: Job, error: BaseException) -> None:
        """Hand a bug to the coordinator, which raises it; a last ^C is nobody's bug, and goes on up at once."""
        self._reports.append(Finished(job, None, error))
        if not isinstance(error, Exception):
            raise error

    def _wait_for(self, job: Job) -> None:
        try:
            self._waiters.take(job)
        except RuntimeError as error:  # the system gives no more threads
            self._reports.append(Finished(job, None, error))

    def _unblock(self, finished: Finished) -> None:
        self._unblocked.append(finished)
        self._ring()

    def _take_unblocked(self) -> None:
        while self._unblocked:
            self._waiters.done()
            self._reports.append(self._unblocked.popleft())

    def _ring(self) -> None:
        if not self.is_closed:
            os.write(self._rope, b"!")
