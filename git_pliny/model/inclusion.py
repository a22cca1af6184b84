"""Ignored files that a worktree of its own brings along from the user's workspace: `.env`, `node_modules`."""

import msgspec


class Inclusion(msgspec.Struct, frozen=True, kw_only=True):
    """A path or glob (`*`, `?`, `[a-z]`, `**`), relative to the root; `link`: a symbolic link instead of a copy."""

    pattern: str
    link: bool = False


def problem(pattern: str) -> str | None:
    """Why a pattern is refused, as the end of a sentence; None where it is not."""
    parts = pattern.split("/")
    if not pattern.strip() or "\0" in pattern:
        return "names no file"
    if pattern.startswith("/"):
        return "is not relative to the root of the repository"
    if ".." in parts:
        return "leads out of the repository"
    if any(part.lower() == ".git" for part in parts):
        return "names git's own folder"
    return None
