"""The starter: one thread that starts attempts as slots get free, and looks after all that can be watched at once.

A thread for each attempt would spend more time on handing the interpreter over than on the attempts. Only what blocks
gets one: attempts that no descriptor tells of, and those whose start or end takes time. Such threads are used again.
"""

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from queue import SimpleQueue

from git_pliny.executor.job import Finished, Job
from git_pliny.runners.base import Outcome, Watchable

_MANY = 4096
_LONGEST_SILENCE_S = 0.02
_ONCE_MORE, _LAST = b"!", b"."


class Starter:
    """Works on at most `size` jobs at a time, in the order they come; `report` is called on its threads.

    What ended is told at once, unless half of what was handed over still waits for a slot: then together with what ends
    soon, so that whoever hears of it wakes up less often.
    """

    def __init__(self, size: int, report: Callable[[Sequence[Finished]], None]) -> None:
        self._size = size
        self._report = report
        self._untold: list[Finished] = []
        self._tell_at = 0.0
        self._enough = 0
        self._waiting: deque[Job] = deque()
        self._watched: dict[int, tuple[Job, Watchable]] = {}
        self._blocking: SimpleQueue[Job | None] = SimpleQueue()
        self._blocked = 0
        self._unblocked: deque[None] = deque()
        self._threads: list[threading.Thread] = []
        self._bell, self._rope = os.pipe()
        self._poll = select.poll()
        self._poll.register(self._bell, select.POLLIN)
        self._is_idle = self._is_closed = False

    def submit(self, jobs: Iterable[Job]) -> None:
        """Hand jobs over; the first ones call the thread into life."""
        self._waiting.extend(jobs)
        self._enough = len(self._waiting) // 2
        if not self._threads:
            self._add_thread(self._serve)
        elif self._is_idle:
            self._ring()

    def close(self) -> None:
        """Let the threads end; nothing may be under way any more."""
        if self._threads:
            self._ring(_LAST)
        else:
            self._hang_up()

    def _ring(self, how: bytes = _ONCE_MORE) -> None:
        os.write(self._rope, how)

    def _serve(self) -> None:
        try:
            while not self._is_closed:
                self._turn()
        except BaseException as error:  # noqa: BLE001 - a bug of ours, which the coordinator raises
            jobs = [*(job for job, _ in self._watched.values()), *self._waiting]
            self._report([*self._untold, *(Finished(job, None, error) for job in jobs)])
            return
        for _ in self._threads:
            self._blocking.put(None)
        self._hang_up()

    def _turn(self) -> None:
        self._start()
        self._tell()
        for descriptor, _ in self._poll.poll(self._patience_ms()):
            if descriptor == self._bell:
                self._is_closed = _LAST in os.read(self._bell, _MANY)
            else:
                self._collect(descriptor)
                self._start()

    def _tell(self) -> None:
        if self._untold and (len(self._waiting) <= self._enough or time.monotonic() >= self._tell_at):
            told, self._untold = self._untold, []
            self._report(told)

    def _patience_ms(self) -> float | None:
        return max(self._tell_at - time.monotonic(), 0.0) * 1000 if self._untold else None

    def _finish(self, finished: Finished) -> None:
        if not self._untold:
            self._tell_at = time.monotonic() + _LONGEST_SILENCE_S
        self._untold.append(finished)

    def _hang_up(self) -> None:
        os.close(self._bell)
        os.close(self._rope)

    def _start(self) -> None:
        """Start what there is a slot for. Who hands over more meanwhile rings, unless all slots are taken."""
        self._is_idle = False
        while self._has_room():
            if self._waiting:
                self._begin(self._waiting.popleft())
            elif self._is_idle:
                return
            else:
                self._is_idle = True  # and look once more: who came before this did not ring

    def _has_room(self) -> bool:
        while self._unblocked:
            self._unblocked.pop()
            self._blocked -= 1
        return len(self._watched) + self._blocked < self._size

    def _begin(self, job: Job) -> None:
        if not job.is_ready:
            self._block(job)
            return
        try:
            running = job.start()
            descriptor = running.descriptor() if isinstance(running, Watchable) else None
            if isinstance(running, Watchable) and descriptor is not None:
                self._poll.register(descriptor, select.POLLIN)
                self._watched[descriptor] = job, running
                return
        except BaseException as error:  # noqa: BLE001 - it is handed to the coordinator, which raises it
            self._finish(Finished(job, None, error))
            return
        if isinstance(running, Outcome):
            self._finish(Finished(job, running))
        else:
            self._block(job)

    def _collect(self, descriptor: int) -> None:
        job, running = self._watched.pop(descriptor)
        self._poll.unregister(descriptor)
        try:
            outcome = job.collect(running)
        except BaseException as error:  # noqa: BLE001 - it is handed to the coordinator, which raises it
            self._finish(Finished(job, None, error))
            return
        if outcome is None:
            self._block(job)
        else:
            self._finish(Finished(job, outcome))

    def _block(self, job: Job) -> None:
        if len(self._threads) <= self._blocked + 1:
            try:
                self._add_thread(self._wait)
            except RuntimeError as error:  # the system gives no more
                self._finish(Finished(job, None, error))
                return
        self._blocked += 1
        self._blocking.put(job)

    def _wait(self) -> None:
        """What a thread does that may block."""
        while (job := self._blocking.get()) is not None:
            try:
                finished = Finished(job, job.work())
            except BaseException as error:  # noqa: BLE001 - it is handed to the coordinator, which raises it
                finished = Finished(job, None, error)
            self._unblocked.append(None)
            self._ring()
            self._report([finished])

    def _add_thread(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name=f"worker-{len(self._threads)}", daemon=True)
        self._threads.append(thread)
        try:
            thread.start()
        except BaseException:
            self._threads.remove(thread)
            raise
