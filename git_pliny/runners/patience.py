"""Ends an agent that waits for a server that is not there, or talks nonsense: some do so without an end of their own.

What it waits for is told by its output while it runs. A program that gets over a failure by itself keeps what it has
done so far, so only one that has told nothing else for a while is ended; trying again is the coordinator's business.
"""

import os
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from git_pliny.model.preset import OutputForm
from git_pliny.runners.alarm import Alarm, AlarmClock
from git_pliny.runners.base import Outcome, Running, Watchable
from git_pliny.runners.forms import codex, gemini, opencode

LOOKS_S = 5.0
"""How often the output is looked at."""

_TAIL = 16_384


class Wait(msgspec.Struct, frozen=True):
    """How a program tells at the end of its output that it waits for a server, and how many looks may see it so."""

    is_told: Callable[[bytes], bool]
    looks: int


WAITS: Mapping[OutputForm, Wait] = {
    OutputForm.CODEX: Wait(codex.waits, looks=6),
    OutputForm.GEMINI: Wait(gemini.waits, looks=1),  # it is silent once it has got through: only a fresh line counts
    OutputForm.OPENCODE: Wait(opencode.waits, looks=1),
}
"""Those of other forms end by themselves."""


class Patient(Watchable):
    """An attempt under way that is looked at; without a descriptor it is to be waited for, as `running` is."""

    def __init__(self, running: Running, output: Path, wait: Wait, alarms: AlarmClock) -> None:
        self._running = running
        self._output = output
        self._wait = wait
        self._alarms = alarms
        self._looks_left = wait.looks
        self._gave_up = self._is_over = False
        self._alarm: Alarm | None = None
        with suppress(OSError):  # there is no thread for alarms: its timeout had none either
            self._next()

    def wait(self) -> Outcome:
        return self._told(self._running.wait())

    def descriptor(self) -> int | None:
        return self._running.descriptor() if isinstance(self._running, Watchable) else None

    def collect(self) -> Outcome | None:
        outcome = self._running.collect() if isinstance(self._running, Watchable) else None
        return None if outcome is None else self._told(outcome)

    def lasts(self) -> None:
        if isinstance(self._running, Watchable):
            self._running.lasts()

    def cancel(self, *, now: bool = False) -> None:
        self._stop()
        self._gave_up = False
        self._running.cancel(now=now)

    def _told(self, outcome: Outcome) -> Outcome:
        """That it was us who ended it for its waiting is nobody's cancelling."""
        self._stop()
        return msgspec.structs.replace(outcome, cancelled=False) if self._gave_up else outcome

    def _stop(self) -> None:
        self._is_over = True
        if self._alarm is not None:
            self._alarms.clear(self._alarm)

    def _next(self) -> None:
        self._alarm = self._alarms.call_after(LOOKS_S, self._look)

    def _look(self) -> None:
        if self._is_over:
            return
        self._looks_left = self._looks_left - 1 if self._wait.is_told(_end_of(self._output)) else self._wait.looks
        if self._looks_left:
            self._next()
        else:
            self._gave_up = True
            self._running.cancel()


def _end_of(path: Path) -> bytes:
    """The end of a regular file; nothing where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        found = os.fstat(descriptor)
        return os.pread(descriptor, _TAIL, max(0, found.st_size - _TAIL)) if stat.S_ISREG(found.st_mode) else b""
    except OSError:
        return b""
    finally:
        os.close(descriptor)
