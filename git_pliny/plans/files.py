"""Bytes of a plan file as text, bounded: only regular files, only UTF-8, only a few MiB. So nothing here can hang."""

import os
import stat
from pathlib import Path

from git_pliny.errors import ConfigError
from git_pliny.plans.positions import LONGEST_FILE, Place, shortened, suggestion

LIMIT = 4 * 1024 * 1024
"""Bytes. Ten thousand agents, a line each, are less than one MiB."""

_OTHER_ENCODINGS = (b"\xff\xfe", b"\xfe\xff")


def label(path: Path, root: Path) -> str:
    """`path` as people name it: relative to the repository root where it is below it."""
    absolute, top = Path(os.path.abspath(path)), Path(os.path.abspath(root))  # noqa: PTH100 - symlinks stay
    return absolute.relative_to(top).as_posix() if absolute.is_relative_to(top) else str(path)


def read_text(path: Path, name: str) -> str:
    """The text of `path`, which messages call `name`, without a byte order mark."""
    data = _read_bytes(path, name)
    if data.startswith(_OTHER_ENCODINGS):
        raise Place(name, 1, 1).error("the file is UTF-16; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, len(before.rpartition(b"\n")[2].decode(errors="replace")) + 1
        raise Place(name, line, column).error(f"byte 0x{data[error.start]:02x} is not UTF-8 text") from error


def _read_bytes(path: Path, name: str) -> bytes:
    shown = shortened(name, limit=LONGEST_FILE)
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ConfigError(f"{shown} is not a regular file")
            data = file.read(LIMIT + 1)
    except FileNotFoundError as error:
        raise ConfigError(f"{shown} does not exist{_near(path)}") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or "not a valid file name"
        raise ConfigError(f"{shown} can't be read: {reason}") from error
    if len(data) > LIMIT:
        raise ConfigError(f"{shown} is larger than {LIMIT >> 20} MiB, the most that is read as a plan")
    return data


def _near(path: Path) -> str:
    """The file beside it that was perhaps meant."""
    try:
        names = [file.name for file in path.parent.iterdir() if file.name != path.name and file.is_file()]
    except OSError:
        return ""
    return suggestion(path.name, names)


def _without_waiting(path: str, flags: int) -> int:
    """Open so that a named pipe in the place of a file is met with a message and not with a wait for its writer."""
    return os.open(path, flags | os.O_NONBLOCK)
