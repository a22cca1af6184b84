"""The console script, and the one place that turns errors into exit codes."""

import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from git_pliny.cli import direct, invocation, loading, messages
from git_pliny.cli.streams import drop
from git_pliny.errors import InterruptedRunError, PlinyError

BUG = 70
"""EX_SOFTWARE of sysexits.h."""
CLOSED_PIPE = 141
"""What a shell shows for a program that SIGPIPE ended, as it ends git when a pager is left early."""
_ROOM = "make room (df -h), then type the same again"
_RIGHT = "see who may write there (ls -ld), then type the same again"
_ENVIRONMENT = {
    errno.EACCES: _RIGHT,
    errno.EDQUOT: _ROOM,
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENOMEM: "end other programs, then type the same again",
    errno.ENOSPC: _ROOM,
    errno.EPERM: _RIGHT,
    errno.EROFS: "make it writable (mount), then type the same again",
}


def main() -> None:
    """What `git-pliny` and `pliny` start; it does not return.

    Everything is written by the end of `run`. Taking the interpreter apart would cost a tenth of a short command more.
    """
    _make_streams_safe()
    os._exit(run(sys.argv[1:], program_name=invocation.program_name()))


def run(arguments: Sequence[str], *, program_name: str) -> int:
    """One call of the program: says everything that is to be said, and returns the exit code."""
    try:
        return _outcome(list(arguments), program_name)
    except BrokenPipeError:
        return CLOSED_PIPE
    finally:
        _settle_streams()


def _outcome(arguments: list[str], program_name: str) -> int:
    try:
        code = _dispatch(arguments, program_name)
        sys.stdout.flush()
    except PlinyError as error:
        _settle_streams()
        messages.error(error.message, hint=error.hint or _hint(error.__cause__))
        return error.exit_code
    except KeyboardInterrupt:
        messages.error("interrupted")
        return InterruptedRunError.exit_code
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the boundary: whatever arrives here is shown as a bug
        return _unexpected(error)
    return code


def _dispatch(arguments: list[str], program_name: str) -> int:
    call = direct.plain_call(arguments)
    if call is None:
        return int(loading.program().run(arguments, program_name))
    return call.function(invocation.of_this_process(), **call.values) or 0


def _hint(error: BaseException | None) -> str | None:
    """What to do about something of the environment; None for anything else."""
    return _ENVIRONMENT.get(error.errno or 0) if isinstance(error, OSError) else None


def _unexpected(error: Exception) -> int:
    """A full disk or the like that nobody put into words, or a bug of ours."""
    _settle_streams()
    if (hint := _hint(error)) and isinstance(error, OSError):
        where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        messages.error(where + str(error.strerror).lower(), hint=hint)
        return PlinyError.exit_code
    sys.__excepthook__(type(error), error, error.__traceback__)
    messages.error("this is a bug in git-pliny; please report it with the lines above", hint="git pliny --version")
    return BUG


def _make_streams_safe() -> None:
    """Whatever we print can be printed: in any encoding, and where a stream was closed by whoever started us."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - lives as long as the process
        getattr(sys, name).reconfigure(errors="backslashreplace")


def _settle_streams() -> None:
    """Drop what can no longer be written, or Python complains about it as it ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            drop(stream)
