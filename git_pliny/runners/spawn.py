"""Starts a program that leads a process group of its own, by the quickest way that the system offers.

`subprocess` does it in any case. Where the program need not be looked for, and runs where we are, `posix_spawn` does
the same in half the time, which counts where programs end in an instant.
"""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

_STANDARD = 3
_RESTORED = [getattr(signal, name) for name in ("SIGPIPE", "SIGXFZ", "SIGXFSZ") if hasattr(signal, name)]
"""What Python ignores and programs expect not to be; the same ones as `subprocess` restores."""


def spawn(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdin: int, output: int) -> int:
    """The pid of the new process, which is the caller's to wait for; it has no other descriptors than these.

    OSError, or ValueError (a NUL among the arguments, say), where it can't be started.
    """
    if _hands_on_nothing() and "/" in argv[0] and min(stdin, output) >= _STANDARD and _is_here(cwd):
        actions = [(os.POSIX_SPAWN_DUP2, stdin, 0), (os.POSIX_SPAWN_DUP2, output, 1), (os.POSIX_SPAWN_DUP2, output, 2)]
        return os.posix_spawn(argv[0], tuple(argv), env, file_actions=actions, setpgroup=0, setsigdef=_RESTORED)
    process = subprocess.Popen(argv, cwd=cwd, env=env, stdin=stdin, stdout=output, stderr=output, process_group=0)
    process.returncode = 0  # whoever gets the pid waits for it: nothing is left to do for Popen
    return process.pid


def _is_here(folder: Path) -> bool:
    try:
        return os.getcwd() == os.fspath(folder)  # noqa: PTH109 - a path would be made for each attempt
    except OSError:  # it was removed
        return False


@cache
def _hands_on_nothing() -> bool:
    """Keep what whoever started us left open from all our programs; what Python opens itself stays here (PEP 446).

    False on a system that does not show it. An action of `posix_spawn` can't close what lies above the limit of open
    files, which may have been lowered since.
    """
    try:
        names = [path.name for path in Path("/dev/fd").iterdir()]
    except OSError:
        return False
    for name in names:
        with suppress(OSError):  # the listing's own is closed by now
            if int(name) >= _STANDARD:
                os.set_inheritable(int(name), False)
    return True
