"""What attempts left behind, as a tree under `refs/pliny/artifacts/<id>` (DESIGN section 2).

Collected from the local folder of each attempt that the entries being flushed name, so that a run which was killed
between its last entry and its flush loses nothing: whoever flushes its journal collects its outputs too.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from git_pliny.git.objects import MODE_EXECUTABLE, MODE_FILE, ObjectReader
from git_pliny.git.repository import Repository
from git_pliny.git.signing import Signer
from git_pliny.git.writer import ObjectWriter, TreeNode
from git_pliny.model.events import EventType, Line
from git_pliny.model.names import encode
from git_pliny.runners.base import ANSWER, OUTPUT, PROMPT

_BATCH = 16 * 1024 * 1024
_AT = "@"  # no encoded name contains it
_ENDS = (EventType.AGENT_END, EventType.ERROR)


class Masking(Protocol):
    """Takes secrets out of text before it is stored."""

    @property
    def reach(self) -> int:
        """How many bytes around a place may decide what is a secret there."""
        ...

    def mask_bytes(self, data: bytes) -> bytes: ...

    def mask_slice(self, data: bytes, start: int, stop: int) -> bytes:
        """`data[start:stop]` as it reads where all of `data` is masked."""
        ...


class Bounds(NamedTuple):
    """What is stored of one file: at most `limit` bytes, without secrets; and what signs checkpoints, if anything."""

    masking: Masking
    limit: int
    signer: Signer | None = None


class AttemptPlace(NamedTuple):
    """Which attempt of which agent, in which run."""

    agent: str
    attempt: int
    run: str

    @property
    def stem(self) -> str:
        return f"{self.attempt}-{self.run}"


def outputs_folder(repository: Repository, session: str) -> Path:
    """Where the files of a session's attempts lie on this machine."""
    return repository.local / "output" / session


def attempt_folder(outputs: Path, place: AttemptPlace) -> Path:
    """An attempt's own folder there; its other files lie beside it."""
    return outputs / f"{encode(place.agent)}{_AT}{place.stem}"


def attempt_folders(repository: Repository, session: str, agent: str) -> tuple[Path, ...]:
    """The folders of all attempts of an agent, of whatever run."""
    start, outputs = f"{encode(agent)}{_AT}", outputs_folder(repository, session)
    stems = (path.name.removeprefix(start).partition(".")[0] for path in outputs.glob(f"{start}*"))
    return tuple(outputs / f"{start}{stem}" for stem in dict.fromkeys(stems))


def ended_attempts(lines: Iterable[Line]) -> Iterator[AttemptPlace]:
    """The attempts whose end these entries tell."""
    for line in lines:
        entry = line.entry
        if entry.type in _ENDS and entry.agent is not None and entry.attempt is not None:
            yield AttemptPlace(entry.agent, entry.attempt, entry.run)


class ArtifactsTree:
    """The session's artifacts while they grow; `write` gives the tree that holds them all."""

    def __init__(self, reader: ObjectReader, tip: str | None) -> None:
        self._reader = reader
        self._tip = tip
        self._root = TreeNode(reader.tree(tip) if tip else None)
        self.changed = False

    def put(self, path: tuple[str, ...], oid: str, mode: int = MODE_FILE) -> None:
        """Set the file at `path`."""
        node, place = self._root, ""
        for part in path[:-1]:
            name = _name(part)
            place = f"{place}/{part}" if place else part
            known = node.entry(name)
            node = node.folder(name, {} if known is None else self._reader.tree(known.oid))
        node.put(_name(path[-1]), oid, mode)
        self.changed = True

    def write(self, writer: ObjectWriter) -> str:
        """The oid of the whole tree."""
        return self._root.write(writer)

    def collect(self, folder: Path, place: AttemptPlace, writer: ObjectWriter, bounds: Bounds) -> None:
        """Take in an attempt's prompt, output and deliverables, as far as they are still there."""
        agent = encode(place.agent)
        for path, file, mode in _files(folder, agent, place.stem):
            data = bounded(file, bounds)
            if data is not None:
                self.put(path, writer.blob(data), mode)
        if writer.size > _BATCH:
            writer.write()


def _files(folder: Path, agent: str, stem: str) -> Iterator[tuple[tuple[str, ...], Path | str, int]]:
    yield ("outputs", agent, f"{stem}.log"), f"{folder}{OUTPUT}", MODE_FILE
    yield ("answers", agent, f"{stem}.md"), f"{folder}{ANSWER}", MODE_FILE
    yield ("prompts", agent, f"{stem}.md"), f"{folder}{PROMPT}", MODE_FILE
    if folder.is_symlink():  # put in place of ours
        return
    for parent, _, names in os.walk(folder):
        for name in sorted(names):
            file = Path(parent, name)
            parts = [_component(part) for part in file.relative_to(folder).parts]
            yield ("deliverables", agent, stem, *parts), file, _mode(file)


def _component(part: str) -> str:
    return f"%2E{part[1:]}" if part.lower() in (".git", "git~1") else part


def _name(part: str) -> bytes:
    return os.fsencode(part)


def _mode(file: Path) -> int:
    try:
        return MODE_EXECUTABLE if file.lstat().st_mode & stat.S_IXUSR else MODE_FILE
    except OSError:
        return MODE_FILE


def bounded(file: Path | str, bounds: Bounds) -> bytes | None:
    """A regular file's content, masked; head and tail with what was cut, where it is over the limit; else None.

    What surrounds the border is looked at as well, so that no half of a secret is stored.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        return None
    if found.st_size == 0:
        os.close(descriptor)
        return b""
    with open(descriptor, "rb") as opened:  # noqa: PTH123 - a descriptor
        if found.st_size <= bounds.limit:
            return bounds.masking.mask_bytes(opened.read(bounds.limit))
        half, reach = bounds.limit // 2, bounds.masking.reach
        start = opened.read(half + reach)
        opened.seek(max(found.st_size - half - reach, 0))
        end = opened.read(half + reach)
    head = bounds.masking.mask_slice(start, 0, min(half, len(start)))
    tail = bounds.masking.mask_slice(end, max(len(end) - half, 0), len(end))
    cut = f"\n[... {found.st_size - 2 * half} bytes were cut here; the whole is kept locally ...]\n"
    return head + cut.encode() + tail
