"""Who the user is to git, and the settings of git that decide about signatures: asked for in one process."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from git_pliny.git.repository import Repository

_NOBODY = "git-pliny <git-pliny@localhost> 0 +0000"
_WHOLE = re.compile(r"[^<>\n]*[^<>\n ] <[^<>\n]+> [0-9]+ [-+][0-9]{4}")
_IDENT = "GIT_COMMITTER_IDENT"
_WANTED = ("gpg.", "tag.gpgsign", "user.", "committer.")


class User(NamedTuple):
    """`ident`: a whole ident line, of nobody in particular where git knows none; `settings`: by git's own key."""

    ident: str
    settings: Mapping[str, str]


def read_user(repository: Repository) -> User:
    """As git has it now."""
    listed = repository.git_process("var", "-l", accept=range(256)).stdout.decode("utf-8", "surrogateescape")
    lines = [line.partition("=") for line in listed.splitlines()]
    settings = {key: value if equals else "true" for key, equals, value in lines if key.startswith(_WANTED)}
    ident = next((value for key, _, value in reversed(lines) if key == _IDENT), "")
    if not (_WHOLE.fullmatch(ident) and all(_is_said(repository, settings, part) for part in ("name", "email"))):
        ident = _strict(repository)
    return User(ident, settings)


def _is_said(repository: Repository, settings: Mapping[str, str], part: str) -> bool:
    """Whether the user says it, and git need not guess, which it does in the list more freely than for a commit."""
    said = (settings.get(f"user.{part}"), settings.get(f"committer.{part}"))
    return any((*said, repository.environ.get(f"GIT_COMMITTER_{part.upper()}")))


def _strict(repository: Repository) -> str:
    done = repository.git_process("var", _IDENT, accept=(0, 1, 128))
    return (done.stdout.decode("utf-8", "surrogateescape").strip() if done.returncode == 0 else "") or _NOBODY
