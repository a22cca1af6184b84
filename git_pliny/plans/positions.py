"""Where something stands in a file, and how a message names it: short, visible, with the nearest valid word."""

from collections.abc import Iterable
from difflib import get_close_matches

import msgspec

from git_pliny.errors import PlanError
from git_pliny.model.visible import visible

LONGEST_FILE = 400
"""Characters of a file's name that are shown; of other texts only some of a line."""

_SHOWN = 60
_COMPARED = 1000
"""At most so many words are compared: difflib takes time in proportion to their number and their lengths' product."""


class Place(msgspec.Struct, frozen=True):
    """A file as the user names it, with line and column from 1 where they are known."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"

    def error(self, message: str, *, hint: str | None = None) -> PlanError:
        """An error that begins with this place."""
        return PlanError(
            message, file=shortened(self.file, limit=LONGEST_FILE), line=self.line, column=self.column, hint=hint
        )


def shortened(text: str, *, limit: int = _SHOWN) -> str:
    """`text` in one line that is safe to print, cut in the middle where it is long."""
    return visible(text if len(text) <= limit else f"{text[: limit // 2]}…{text[-limit // 4 :]}")


def quoted(text: str) -> str:
    """`text` for a message: shortened, between backquotes."""
    return f"`{shortened(text)}`"


def listed(words: Iterable[str]) -> str:
    """Some words for a message, the first dozen of them."""
    every = list(words)
    return ", ".join(quoted(word) for word in every[:12]) + ("…" if len(every) > 12 else "")  # noqa: PLR2004 - a line


def suggestion(word: str, valid: Iterable[str]) -> str:
    """`; did you mean …?` with the valid word nearest to `word`, or nothing where none is near."""
    if len(word) > _SHOWN:
        return ""
    near = [each for each in valid if abs(len(each) - len(word)) <= 1 + len(word) // 3][:_COMPARED]
    lower = {each.lower(): each for each in reversed(near)}
    found = get_close_matches(word.lower(), lower, n=1)
    return f"; did you mean {quoted(lower[found[0]])}?" if found else ""
