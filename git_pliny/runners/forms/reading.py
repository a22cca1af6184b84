"""What can be read out of a coding agent's output, and the output as a form reads it: never more than a bounded part.

Nothing in it is trusted: what has not the expected shape is passed over, as if it were not there.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from git_pliny.model.session import Tokens
from git_pliny.runners.usage import Used

TAIL, WHOLE, LINE = 4 << 20, 64 << 20, 1 << 20
"""Bytes: of the end, of what is read line by line, of a line that is looked at."""

_TEXT = 100_000
_NAME, _MOST = 100, 20

T = TypeVar("T")


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent told of itself; unknown is None. `error` is a sentence where it says that it failed."""

    text: str | None = None
    tokens: Tokens | None = None
    cost_usd: float | None = None
    used: tuple[Used, ...] = ()
    """The same tokens as prices need them, where the program does not tell a cost."""
    error: str | None = None
    http_status: int | None = None
    retry_after_s: float | None = None
    denied: tuple[str, ...] = ()
    """The tools that it wanted to use and was not allowed to: it may call its work done all the same."""


def denied(denials: object) -> tuple[str, ...]:
    """The names of the tools, each once, in a list like `[{"tool_name": "Bash"}]`; what is none says nothing."""
    entries = denials if isinstance(denials, list) else []
    names = [each.get("tool_name") for each in entries if isinstance(each, dict)]
    return tuple(dict.fromkeys(name[:_NAME] for name in names if isinstance(name, str) and name))[:_MOST]


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """The output of an attempt that has ended; `beside` is what the paths of its other files begin with."""

    path: Path
    beside: str = ""

    def tail(self) -> bytes:
        """The end of it; nothing where it can't be read."""
        return _read(self.path, TAIL)

    def text(self) -> str:
        """The end of it as text, what is no UTF-8 replaced."""
        return self.tail().decode("utf-8", "replace")

    def file(self, name: str) -> bytes:
        """The end of another file of the attempt, the `{file:NAME}` of its preset."""
        return _read(Path(f"{self.beside}.{name}"), WHOLE)

    def is_whole(self) -> bool:
        """Whether `lines` gives all of it."""
        with suppress(OSError):
            return self.path.stat().st_size <= WHOLE
        return False

    def lines(self) -> Iterator[bytes]:
        """The lines that may be JSON objects, in order; overlong ones are left out."""
        with suppress(OSError), _opened(self.path) as file:
            _seek(file, WHOLE)
            while line := file.readline(LINE):
                if line.startswith(b"{") and (line.endswith(b"\n") or len(line) < LINE):
                    yield line
                while line and not line.endswith(b"\n"):
                    line = file.readline(LINE)


def decoded(decoder: msgspec.json.Decoder[T], data: bytes) -> T | None:
    """`data` as the type of the decoder; None where it is something else."""
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def shortened(text: str | None) -> str | None:
    """An answer as far as it is kept; None where it is blank."""
    return text.strip()[:_TEXT] or None if text else None


def cost(said: float | None, tokens: Tokens | None) -> float | None:
    """What an agent says that it cost: an agent without a price for its model says 0, which is no price."""
    return said if said and said > 0 and tokens is not None else None


def _opened(path: Path) -> BinaryIO:
    """A regular file only: no link is followed, no pipe waited for."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise FileNotFoundError(path)
    return file


def _seek(file: BinaryIO, limit: int) -> None:
    file.seek(max(0, file.seek(0, os.SEEK_END) - limit))


def _read(path: Path, limit: int) -> bytes:
    with suppress(OSError), _opened(path) as file:
        _seek(file, limit)
        return file.read(limit)
    return b""
