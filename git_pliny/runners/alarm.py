"""Timeouts without a thread for each: one thread sleeps until the next of all alarms is due."""

import errno
import math
import threading
import time
from collections.abc import Callable

import msgspec


class Alarm(msgspec.Struct, frozen=True, eq=False):
    """Something that is to be done at a time of the monotonic clock."""

    at: float
    action: Callable[[], None]


class AlarmClock:
    """Calls actions when they are due, on a thread of its own that begins with the first alarm and never ends.

    An action must be short, and must not raise. It may still be called while it is being cleared.
    """

    def __init__(self) -> None:
        self._alarms: set[Alarm] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def call_after(self, seconds: float, action: Callable[[], None]) -> Alarm:
        """Set an alarm; OSError (EAGAIN) where the system gives no thread to keep it."""
        alarm = Alarm(time.monotonic() + seconds, action)
        with self._changed:
            self._begin()
            is_next = alarm.at < self._next()
            self._alarms.add(alarm)
            if is_next:
                self._changed.notify()
        return alarm

    def clear(self, alarm: Alarm) -> None:
        """Forget an alarm, whether it has gone off or not."""
        with self._changed:
            self._alarms.discard(alarm)

    def _begin(self) -> None:
        if self._thread:
            return
        thread = threading.Thread(target=self._keep, name="alarms", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            raise OSError(errno.EAGAIN, str(error)) from error
        self._thread = thread

    def _keep(self) -> None:
        while True:
            for alarm in self._due():
                alarm.action()

    def _due(self) -> list[Alarm]:
        """Wait for the next ones, and take them out."""
        with self._changed:
            while self._next() > time.monotonic():
                self._changed.wait(min(self._next() - time.monotonic(), threading.TIMEOUT_MAX))
            due = [alarm for alarm in self._alarms if alarm.at <= time.monotonic()]
            self._alarms.difference_update(due)
            return due

    def _next(self) -> float:
        return min((alarm.at for alarm in self._alarms), default=math.inf)
