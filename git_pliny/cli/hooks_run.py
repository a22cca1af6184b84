"""`git pliny hooks run`: apart from the others, since a commit waits for what it imports."""

import os
from pathlib import Path
from typing import Annotated

from git_pliny.cli.declare import argument
from git_pliny.cli.invocation import Invocation
from git_pliny.errors import NotFoundError

SOURCE = Path(__file__).parents[1] / "hooks"


def hook_names() -> list[str]:
    """What TAB offers."""
    return sorted(path.name for path in SOURCE.iterdir() if not path.suffix)


Name = Annotated[str, argument(metavar="NAME", help="One of the hooks that status lists.", autocompletion=hook_names)]
Arguments = Annotated[
    list[str] | None,
    argument(metavar="[ARGUMENT]...", help="What git gave to the hook.", show_default=False),
]


def run_command(here: Invocation, *, name: Name, arguments: Arguments = None) -> None:
    """Run one of the hooks, from a hook of somebody else's.

    It gets the arguments and the standard input that git gave to that one. For husky, pre-commit, lefthook and the
    like, in the hook of the same name:

        ! command -v git-pliny >/dev/null || git pliny hooks run prepare-commit-msg "$@"
    """
    if name not in hook_names():
        raise NotFoundError(f"there is no hook '{name}'", hint="git pliny hooks status")
    os.chdir(here.cwd)
    os.execve("/bin/sh", ["sh", str(SOURCE / name), *(arguments or ())], dict(here.environ))  # noqa: S606 - ours
