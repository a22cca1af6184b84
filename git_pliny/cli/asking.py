"""Asking a user at a terminal before something is lost."""

import sys

from git_pliny.cli.invocation import Invocation
from git_pliny.errors import PlinyError
from git_pliny.model.visible import visible


def confirm(here: Invocation, question: str, *, hint: str) -> None:
    """Go on only where the user says yes; where nobody can be asked, the command line has said it."""
    if not here.stdin_is_terminal:
        return
    sys.stderr.write(f"{visible(question)} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise PlinyError("nothing was deleted", hint=hint)
