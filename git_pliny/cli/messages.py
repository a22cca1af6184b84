"""How commands talk to people: on standard error, in the words git uses, with control characters made visible."""

import sys

from git_pliny.cli.streams import unless_lost
from git_pliny.model.visible import visible


def note(text: str) -> None:
    """Something worth knowing, in a line."""
    _write(text)


def warning(text: str) -> None:
    """Something that went differently from what the user may expect, and does not stop the command."""
    _write(f"warning: {text}")


def error(text: str, *, hint: str | None = None) -> None:
    """Why the command failed, and what to type next."""
    _write(f"error: {text}")
    if hint:
        _write(f"hint: {hint}")


def confirmed(question: str) -> bool:
    """Whether the user answers yes; anything else, the end of the input too, is no."""
    sys.stdout.flush()
    sys.stderr.write(f"{visible(question)} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _write(text: str) -> None:
    sys.stdout.flush()  # what was printed before stands before it where both go to one place
    with unless_lost(sys.stderr):
        sys.stderr.write(visible(text, multiline=True) + "\n")
        sys.stderr.flush()
