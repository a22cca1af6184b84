"""The runner of command agents: a line for the shell, or a program with its arguments."""

import errno
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache, partial
from pathlib import Path

from git_pliny.runners import leader, lineage, results
from git_pliny.runners.alarm import AlarmClock
from git_pliny.runners.base import CONTEXT, OUTPUT, RESULT, Attempt, Outcome, Running, Watchable
from git_pliny.runners.deliverables import collect
from git_pliny.runners.process import Exit, ProcessGroup
from git_pliny.runners.shell import direct_argv, shell_argv

_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
_REPLACE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
_OWN = 0o600  # what agents print and are told may hold secrets, and is not masked here


class CommandRunner:
    """Starts the command at the repository root; its prompt, if any, is its standard input.

    Nothing passes through us: input and output are files, so that no size of them blocks or fills the memory.
    """

    def __init__(self) -> None:
        self._alarms = AlarmClock()
        self._spare: deque[Path] = deque()
        """Folders of attempts that delivered nothing and left nobody: to move one costs a fraction of making one."""

    def start(self, attempt: Attempt) -> Running:
        try:
            self._make_folder(attempt.deliverables)
            group = _spawn(attempt, self._alarms)
        except (OSError, ValueError) as error:  # ValueError: a NUL in an argument, say
            return never_started(error, attempt)
        return _RunningCommand(attempt, group, self._spare)

    def _make_folder(self, folder: Path) -> None:
        while self._spare:
            with suppress(OSError, IndexError):
                os.rename(self._spare.pop(), folder)  # noqa: PTH104 - for each attempt
                return
        try:
            os.mkdir(folder)  # noqa: PTH102 - all that is to be done, but for the first attempt of a session
        except (FileNotFoundError, FileExistsError):
            folder.mkdir(parents=True, exist_ok=True)


class _RunningCommand(Watchable):
    def __init__(self, attempt: Attempt, group: ProcessGroup, spare: deque[Path]) -> None:
        self._attempt = attempt
        self._group = group
        self._spare = spare
        self._is_recorded = False

    def wait(self) -> Outcome:
        self.lasts()
        return _outcome(self._attempt, self._group.wait())

    def lasts(self) -> None:
        """Who leads it is recorded: until then, its lineage is all that tells of it should we be killed."""
        if not self._is_recorded and not self._group.is_reaped:
            self._is_recorded = True
            leader.record(self._attempt.folder, self._group.pid)

    def descriptor(self) -> int | None:
        return self._group.descriptor()

    def collect(self) -> Outcome | None:
        """None after a failure, since the rest of the group may take its time to end."""
        ended = self._group.reap()
        if not ended.succeeded:
            return None
        outcome = _outcome(self._attempt, ended)
        if not outcome.deliverables and not outcome.missing_deliverables and self._group.is_gone():
            self._spare.append(self._attempt.deliverables)
        return outcome

    def cancel(self, *, now: bool = False) -> None:
        self._group.cancel(now=now)


class _NeverStarted:
    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome

    def wait(self) -> Outcome:
        return self._outcome

    def cancel(self, *, now: bool = False) -> None:
        """Nothing runs."""


def never_started(error: OSError | ValueError, attempt: Attempt) -> Running:
    """An attempt that could not be started, which its outcome tells."""
    return _NeverStarted(_refusal(error, attempt))


def refused(why: str) -> Running:
    """An attempt that must not be started."""
    return _NeverStarted(Outcome(refusal=why))


def variables(attempt: Attempt) -> dict[str, str]:
    """The whole environment of the agent. What we say of the attempt stands above what the agent's `env` says.

    `PLINY_CONTEXT` can always be read: without a context it is the empty device.
    """
    return {
        **attempt.environ,
        "PWD": os.fspath(attempt.root),  # the caller's may be another
        **attempt.agent.env,
        "PLINY_SESSION": attempt.session,
        "PLINY_AGENT": attempt.agent.name,
        "PLINY_PHASE": attempt.phase,
        "PLINY_ATTEMPT": str(attempt.number),
        "PLINY_CONTEXT": f"{attempt.folder}{CONTEXT}" if attempt.context else os.devnull,
        "PLINY_DELIVERABLES": os.fspath(attempt.deliverables),
        "PLINY_RESULT": f"{attempt.folder}{RESULT}",
        lineage.VARIABLE: lineage.extended(
            attempt.environ.get(lineage.VARIABLE, ""),
            session=attempt.session,
            run=attempt.run,
            number=attempt.number,
            agent=attempt.agent.name,
        ),
    }


def _spawn(attempt: Attempt, alarms: AlarmClock) -> ProcessGroup:
    if attempt.context:
        write_own(attempt.context_file, attempt.context)
    with _opened(f"{attempt.folder}{OUTPUT}", _APPEND) as output, _stdin(attempt) as stdin:
        launch = partial(
            ProcessGroup,
            cwd=attempt.root,
            env=variables(attempt),
            stdin=stdin,
            output=output,
            timeout_s=attempt.timeout_s,
            grace_s=attempt.grace_s,
            alarms=alarms,
        )
        run = attempt.agent.run
        return _launch_line(run, launch) if isinstance(run, str) else launch(run)


def _launch_line(line: str, launch: Callable[[Sequence[str]], ProcessGroup]) -> ProcessGroup:
    """Without a shell where it needs none; what can't be started so, the shell shall judge in its own words."""
    if words := direct_argv(line):
        with suppress(OSError):
            return launch(words)
    return launch(shell_argv(line))


def _stdin(attempt: Attempt) -> AbstractContextManager[int]:
    if attempt.prompt is None:
        return nullcontext(_nothing())
    write_own(attempt.prompt_file, attempt.prompt)
    return _opened(attempt.prompt_file, os.O_RDONLY)


@cache
def _nothing() -> int:
    """The empty device, opened once for all agents without a prompt."""
    return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)


def write_own(path: Path, text: str) -> None:
    """Write a file of the attempt's, for nobody else to read."""
    with _opened(path, _REPLACE) as descriptor, open(descriptor, "wb", closefd=False) as file:
        file.write(text.encode("utf-8", "surrogateescape"))


def append_own(path: Path, text: str) -> None:
    """Add to a file of the attempt's."""
    with _opened(path, _APPEND) as descriptor, open(descriptor, "wb", closefd=False) as file:
        file.write(text.encode("utf-8", "surrogateescape"))


@contextmanager
def _opened(path: Path | str, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags | os.O_CLOEXEC, _OWN)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _refusal(error: OSError | ValueError, attempt: Attempt) -> Outcome:
    if not isinstance(error, OSError):
        return Outcome(launch_errno=errno.EINVAL, launch_error=f"cannot start: {error}")
    number = error.errno or errno.EINVAL
    about = os.fsdecode(error.filename or "")
    why = os.strerror(number)
    if number == errno.ENOENT and "/" in about and os.path.lexists(attempt.root / about):
        why = "the interpreter that its first line names does not exist"
    return Outcome(launch_errno=number, launch_error=": ".join(filter(None, ("cannot start", about, why))))


def _outcome(attempt: Attempt, ended: Exit) -> Outcome:
    result, invalid = results.read_result(f"{attempt.folder}{RESULT}")
    deliverables, missing = collect(declared=attempt.agent.deliverables, folder=attempt.deliverables, root=attempt.root)
    lost = ended.code is None and ended.signal is None
    return Outcome(
        exit_code=ended.code,
        signal=ended.signal,
        timed_out=ended.timed_out,
        cancelled=ended.cancelled,
        launch_errno=errno.ECHILD if lost else None,
        launch_error="its exit status is lost: somebody else took it" if lost else None,
        duration_s=ended.duration_s,
        tail="" if ended.succeeded else results.tail_of(attempt.output),
        result=result,
        invalid_result=invalid,
        missing_deliverables=missing,
        deliverables=deliverables,
        output_size=results.size_of(f"{attempt.folder}{OUTPUT}"),
    )
