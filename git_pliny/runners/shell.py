"""How a command line is executed: by the shell, or without one where that makes no difference but time.

GNU make does the same for the same reason: a shell costs as much as the command itself.
"""

import re

SHELL = "/bin/sh"

_PLAIN = re.compile(r"[A-Za-z0-9_./:,@%+-][A-Za-z0-9_./:,@%+= -]*")
"""Nothing in it means anything to a shell; POSIX.1-2017, XCU 2.2 to 2.7."""

_OF_THE_SHELL = frozenset(
    """
    . : [ alias bg bind break builtin caller case cd chdir command compgen complete compopt continue declare dirs disown
    do done echo elif else enable esac eval exec exit export fc fg fi for function getopts hash help history if in jobs
    kill let local logout mapfile newgrp popd print printf pushd pwd read readarray readonly return select set shift
    shopt source suspend test then time times trap type typeset ulimit umask unalias unset until wait while
    """.split()  # noqa: SIM905 - seventy quoted words read worse
)
"""Reserved words, and built-in commands that have no twin among the programs, or not an equal one."""


def direct_argv(line: str) -> tuple[str, ...] | None:
    """The words of a line that needs no shell; None where it needs one."""
    if not _PLAIN.fullmatch(line):
        return None
    words = tuple(line.split())
    return None if words[0] in _OF_THE_SHELL or "=" in words[0] else words


def shell_argv(line: str) -> tuple[str, ...]:
    """The shell with any line; one that starts with a hyphen would be taken for options."""
    return SHELL, "-c", f" {line}" if line.startswith(("-", "+")) else line
