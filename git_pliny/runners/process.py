"""A program that leads a process group of its own, so that it can be ended together with what it started.

What leaves the group (setsid, setpgid) is not ended here; `leftovers` finds it.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path

import msgspec

from git_pliny.runners.alarm import Alarm, AlarmClock
from git_pliny.runners.machine import read_table
from git_pliny.runners.spawn import spawn

POLITE = (signal.SIGTERM, signal.SIGCONT)
"""How a group is asked to end; what is stopped could not heed a TERM alone."""

_CAN_PEEK = hasattr(os, "waitid")  # not on macOS before Python 3.13
_open_pidfd: Callable[[int], int] | None = getattr(os, "pidfd_open", None)  # Linux
_AFTER_KILL_S = 5.0
_SHORTEST_PAUSE_S = 0.002
_LONGEST_PAUSE_S = 0.1


class Exit(msgspec.Struct, frozen=True, kw_only=True):
    """How the leader ended: with `code`, or by `signal`; neither where somebody else took its exit status."""

    code: int | None
    signal: int | None
    timed_out: bool
    cancelled: bool
    duration_s: float

    @property
    def succeeded(self) -> bool:
        return self.code == 0 and not self.timed_out and not self.cancelled


class ProcessGroup:
    """A running group. It is waited for once, on any thread, and cancelled from any other.

    `stdin` and `output` are file descriptors; no other one reaches the program. OSError, or ValueError (a NUL among
    the arguments, say), where it can't be started.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        stdin: int,
        output: int,
        timeout_s: float | None,
        grace_s: float,
        alarms: AlarmClock,
    ) -> None:
        self._alarms = alarms
        self._grace_s = grace_s
        self._lock = threading.Lock()
        """Held to signal the group, and to let go of the leader's number: what was let go is signalled no more."""
        self._is_hurried = False
        self._ended = self._timed_out = self._cancelled = False
        self._asked_at: float | None = None
        self._set_alarms: list[Alarm] = []
        self._descriptor: int | None = None
        self._exit: Exit | None = None
        with self._lock:  # so that even a timeout of 0 finds a process
            if timeout_s is not None:
                self._call_after(timeout_s, self._expire)
            self._started_at = time.monotonic()
            try:
                self.pid = spawn(argv, cwd=cwd, env=env, stdin=stdin, output=output)
            except BaseException:
                self._ended = True
                self._clear_alarms()
                raise

    def descriptor(self) -> int | None:
        """What becomes readable when the leader has ended, until it is reaped; None where the system has no such."""
        if self._descriptor is None and _open_pidfd is not None:
            with suppress(OSError):  # a sandbox may refuse it; descriptors may have run out
                self._descriptor = _open_pidfd(self.pid)
        return self._descriptor

    @property
    def is_reaped(self) -> bool:
        """Whether the leader's number may belong to another process by now."""
        return self._exit is not None

    def is_gone(self) -> bool:
        """Whether nobody of the group is left, its leader included."""
        if self._exit is not None:
            try:
                os.killpg(self.pid, 0)
            except ProcessLookupError:
                return True
            except PermissionError:
                return False
        return False

    def reap(self) -> Exit:
        """Block until the leader has ended."""
        if self._exit is None:
            code = self._reap()
            ended_at = time.monotonic()
            self._clear_alarms()
            self._close_descriptor()
            self._exit = Exit(
                code=code if code is not None and code >= 0 else None,
                signal=-code if code is not None and code < 0 else None,
                timed_out=self._timed_out,
                cancelled=self._cancelled,
                duration_s=ended_at - self._started_at,
            )
        return self._exit

    def wait(self) -> Exit:
        """Block until the leader has ended; where that was no success, until the rest of the group has ended too.

        After a success the rest is left alone, as `make` and the shell do it. What can't be killed (another user's
        program, one that hangs in the kernel) is given up after some seconds.
        """
        ended = self.reap()
        if not ended.succeeded:
            self._end_rest()
        return ended

    def cancel(self, *, now: bool = False) -> None:
        """End the group: TERM, and KILL after the grace; KILL at once if `now`. Returns at once, may be repeated."""
        if now:
            self._is_hurried = True
        with self._lock:
            if not self._is_over():
                self._cancelled = True
                self._kill() if now else self._ask()

    def _expire(self) -> None:
        with self._lock:
            if not self._is_over():
                self._timed_out = True
                self._ask()

    def _ask(self) -> None:
        if self._asked_at is not None:
            return
        self._asked_at = time.monotonic()
        signal_group(self.pid, *POLITE)
        try:
            self._call_after(self._grace_s, self._insist)
        except OSError:
            self._kill()

    def _insist(self) -> None:
        with self._lock:
            if not self._ended:
                self._kill()

    def _kill(self) -> None:
        signal_group(self.pid, signal.SIGKILL)

    def _is_over(self) -> bool:
        """Whether the leader has ended by itself: then neither a timeout nor a cancel has ended it."""
        if self._ended or not _CAN_PEEK:
            return self._ended
        with suppress(ChildProcessError):
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
        return True

    def _reap(self) -> int | None:
        """The exit code, or the signal as a negative number, or None where it can't be known."""
        code = None
        # None is left to ask where SIGCHLD was ignored by whoever started us, which programs inherit.
        with suppress(ChildProcessError):
            if _CAN_PEEK:  # a zombie keeps its number, so that it is not given away while `cancel` uses it
                os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
            with self._lock if _CAN_PEEK else nullcontext():
                code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
                self._ended = True
        with self._lock:
            self._ended = True
        return code

    def _end_rest(self) -> None:
        """End what the leader left in its group. Its number is not given away again before all others were."""
        if self._asked_at is None:
            self._asked_at = time.monotonic()
            signal_group(self.pid, *POLITE)
        grace_left = self._asked_at + self._grace_s - time.monotonic()
        if not _ends_within(self.pid, grace_left, lambda: self._is_hurried):
            self._kill()
            _ends_within(self.pid, _AFTER_KILL_S, lambda: False)

    def _close_descriptor(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _call_after(self, seconds: float, action: Callable[[], None]) -> None:
        self._set_alarms.append(self._alarms.call_after(seconds, action))

    def _clear_alarms(self) -> None:
        for alarm in self._set_alarms:
            self._alarms.clear(alarm)


def signal_group(group: int, *signals: signal.Signals) -> None:
    """Send the signals to all of a group. That it has ended, or is not ours to signal, is no error."""
    with suppress(ProcessLookupError, PermissionError):
        for number in signals:
            os.killpg(group, number)


def _ends_within(group: int, seconds: float, is_hurried: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    pause = _SHORTEST_PAUSE_S
    while _is_alive(group):
        if is_hurried() or time.monotonic() >= deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_S)
    return True


def _is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it has members that are not ours, or (macOS) zombies only
        pass
    return any(process.alive and process.group == group for process in read_table().processes.values())
