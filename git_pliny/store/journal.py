"""A run's journal: the entries that are durable and not yet in the notes (DESIGN section 3).

One file a run, `journal/<session>/<run>.jsonl` in the local folder, locked by its living writer. A last line that a
kill tore is no entry; whoever recovers the run says so in the trail.
"""

import contextlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from git_pliny.errors import StorageError
from git_pliny.model.events import Line, parse_line
from git_pliny.store import locks

_OURS = 4
"""The folders that a first journal makes or changes: of the session, of all journals, ours, git's own."""

_sync = getattr(os, "fdatasync", os.fsync)


class JournalText(NamedTuple):
    """What a journal holds: its entries, and how many lines of it are none (a torn last one among them)."""

    lines: list[Line]
    bad: int
    torn: bool


class Journal:
    """The journal that this process writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # Locked before it is opened: a recovery beside us removes journals that nobody holds.
            self._lock = locks.acquire(path, wait=True)
            self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
            _sync_folders(path)
        except (StorageError, OSError) as error:
            reason = error if isinstance(error, OSError) else error.__cause__
            raise StorageError(f"cannot write the journal {path}: {_words(reason)}") from reason
        self._size = os.fstat(self._descriptor).st_size

    def append(self, lines: Sequence[Line]) -> None:
        """Write whole lines and sync them; where that fails nothing of them is left, and StorageError is raised."""
        text = b"".join(line.raw + b"\n" for line in lines)
        try:
            written = os.write(self._descriptor, text)
            while written < len(text):
                written += os.write(self._descriptor, text[written:])
            _sync(self._descriptor)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise StorageError(
                f"cannot write the journal {self.path}: {error.strerror}",
                hint="make room, then: git pliny execute --resume",
            ) from error
        self._size += len(text)

    def clear(self) -> None:
        """Forget what it holds: the notes hold it now."""
        os.ftruncate(self._descriptor, 0)
        self._size = 0

    def close(self) -> None:
        """End it; an empty one is removed."""
        if self._size == 0:
            self._lock.release(remove=True)
            with contextlib.suppress(OSError):
                self.path.parent.rmdir()
        else:
            self._lock.release()
        os.close(self._descriptor)


def _sync_folders(path: Path) -> None:
    """So that a power failure leaves the new file its name; not every system can sync a folder, or has to."""
    for folder in path.parents[:_OURS]:
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _words(reason: BaseException | None) -> str:
    return str(getattr(reason, "strerror", None) or reason)


def journal_folder(local: Path, session: str) -> Path:
    """Where the journals of a session lie."""
    return local / "journal" / session


def journal_files(local: Path, session: str) -> list[Path]:
    """The journals of a session that exist now; a folder that has just gone holds none."""
    folder = journal_folder(local, session)
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".jsonl")
    except (FileNotFoundError, NotADirectoryError):
        return []


def read_journal(path: Path) -> JournalText:
    """What a journal holds; one that has just gone holds nothing."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return JournalText([], 0, torn=False)
    except OSError as error:
        raise StorageError(f"cannot read the journal {path}: {error.strerror}") from error
    return _parse(text)


def _parse(text: bytes) -> JournalText:
    parts = text.split(b"\n")
    whole, rest = parts[:-1], parts[-1]
    found = [parse_line(raw) for raw in whole]
    lines = [line for line in found if line is not None]
    return JournalText(lines, len(found) - len(lines) + bool(rest), torn=bool(rest))


def journal_lines(local: Path, session: str) -> Iterable[Line]:
    """Every entry in every journal of a session. Read this before the notes: lines move from here to there."""
    for path in journal_files(local, session):
        yield from read_journal(path).lines


def is_alive(path: Path) -> bool:
    """Whether the writer of a journal still runs."""
    return locks.holder_of(path) is not None
