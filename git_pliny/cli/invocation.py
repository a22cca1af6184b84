"""What a command is told about its process. The one place that reads environment, folder, terminal and clock.

Git exports `GIT_DIR` and the like to `git pliny` only where the user gave them (`git --git-dir=… pliny`) or an alias
starting with `!` or a hook runs it; they come in unchanged with `environ`, and `git_pliny.git` decides what they mean.
"""

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from git_pliny.errors import PlinyError

_WIDTH = 80


class Invocation(NamedTuple):
    """One call of the program, after `-C` has been obeyed. Commands take it as their first argument."""

    cwd: Path
    environ: Mapping[str, str]
    now: float
    """When the call began, in seconds since the epoch: for ages. What needs the clock as it goes gets `time.time`."""
    stdin_is_terminal: bool = False
    stdout_is_terminal: bool = False
    stderr_is_terminal: bool = False
    width: int = _WIDTH

    def __repr__(self) -> str:
        """Without the environment, which may hold secrets."""
        return f"Invocation({self.cwd})"

    @property
    def color(self) -> bool:
        """Whether standard output may be coloured (https://no-color.org: any value but an empty one forbids it)."""
        return self.stdout_is_terminal and not self.environ.get("NO_COLOR") and self.environ.get("TERM") != "dumb"

    @property
    def live(self) -> bool:
        """Whether standard error is a terminal on which progress can be redrawn."""
        return self.stderr_is_terminal and self.environ.get("TERM") != "dumb"


def of_this_process() -> Invocation:
    """The call that this process is."""
    try:
        cwd = Path.cwd()
    except FileNotFoundError as error:
        raise PlinyError("the current directory no longer exists", hint="cd to one that does") from error
    return Invocation(
        cwd=cwd,
        environ=dict(os.environ),
        stdin_is_terminal=_is_terminal(0),
        stdout_is_terminal=_is_terminal(1),
        stderr_is_terminal=_is_terminal(2),
        width=_width(os.environ),
        now=time.time(),
    )


def program_name() -> str:
    """The words that the user typed: `pliny` by that name, else `git pliny`."""
    return "pliny" if Path(sys.argv[0]).name == "pliny" else "git pliny"


def _width(environ: Mapping[str, str]) -> int:
    """Columns to fill: what the user says in COLUMNS, else those of the terminal on standard output."""
    if environ.get("COLUMNS", "").isdecimal() and int(environ["COLUMNS"]):
        return int(environ["COLUMNS"])
    try:
        return os.get_terminal_size(1).columns or _WIDTH
    except OSError:
        return _WIDTH


def _is_terminal(descriptor: int) -> bool:
    """False for a descriptor that is closed, too."""
    try:
        return os.isatty(descriptor)
    except OSError:
        return False
