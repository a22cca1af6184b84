"""The settings of isolated agents: ignored files that their worktrees bring along, and who resolves conflicts."""

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


def ignored_path(text: str) -> str | None:
    """What a pattern has to be instead; None where it is right."""
    wrong = problem(text)
    return wrong and f"a path or glob of ignored files below the root of the repository; this one {wrong}"


def on_conflict(text: str) -> str | None:
    """What the setting has to be instead; None where it is right."""
    kind, colon, name = text.partition(":")
    if text == "fail" or (kind == "agent" and colon and name and name == name.strip() and name.isprintable()):
        return None
    return "`fail`, or `agent:NAME` for the agent that resolves conflicts"
