"""Two clones' knowledge of one session, made one (DESIGN section 8).

The entries are the union of the entries, the session is their fold, artifacts are the union of paths, and the fold says
which checkpoint has which name. All of this depends on what is known, not on who knew it first: in whatever order
and however often clones merge, the ones that know the same hold the same. There is no other merge code for sessions.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from git_pliny.errors import CorruptError
from git_pliny.git.notes import read_notes
from git_pliny.git.objects import ObjectReader, tree_of
from git_pliny.git.writer import ObjectWriter, write_notes
from git_pliny.model.events import Line, parse_lines, parse_time, union
from git_pliny.model.fold import Fold, fold
from git_pliny.model.names import encode
from git_pliny.model.session import encode_session
from git_pliny.sharing.history import Histories, is_fanned_out
from git_pliny.sharing.layout import Refs, TagRef
from git_pliny.sharing.trees import united
from git_pliny.store import tombstones

_SHOWN = 12
_AHEAD = 1 << 20
_LARGEST = 256 * 1024 * 1024
"""Bytes of the notes of a session: more is no trail of ours, and would not fit into memory several times over."""


class TooLargeError(CorruptError):
    """A note is larger than any that we write."""


class Merged(NamedTuple):
    """What a session's refs here are to be. `revived`: it was deleted, and has entries beyond what was."""

    refs: Refs
    revived: bool = False


class _Notes(NamedTuple):
    """Of one side: the blob on each commit. `canonical`: they are laid out as we write them, line by line."""

    blobs: dict[str, str]
    lines: dict[str, list[Line]]
    canonical: bool


class Merger:
    """Merges sessions of one repository; what it makes is written by `writer.write`."""

    def __init__(self, reader: ObjectReader, writer: ObjectWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._histories = Histories(reader, writer)

    def read_ahead(self, sides: Sequence[Refs]) -> None:
        """Read what merging these will ask for; what was read ahead before is forgotten."""
        self._reader.cool()
        tips = [side.notes for side in sides if side.notes]
        self._reader.warm([*map(tree_of, tips), *(side.blob for side in sides if side.blob)], limit=_AHEAD)
        folders = [entry.oid for tip in tips for entry in self._reader.tree(tip).values()]
        self._reader.warm(map(tree_of, folders), limit=_AHEAD)
        notes = [entry.oid for folder in folders for entry in self._reader.tree(folder).values()]
        self._reader.warm(notes, limit=_AHEAD)

    def merge(self, session: str, ours: Refs, theirs: Refs, unflushed: Iterable[Line] = ()) -> Merged:
        """The union of both sides; `unflushed`: entries in journals here, which name checkpoints, too.

        CorruptError where a side can't be read.
        """
        stone = self._tombstone(ours, theirs)
        if not theirs.is_there and not ours.is_there:
            return Merged(Refs(tombstone=stone))
        mine, other = self._notes(ours.notes), self._notes(theirs.notes)
        noted = union(*mine.lines.values(), *other.lines.values())
        everything = union(noted, unflushed)
        if stone and tombstones.covers(self._reader.blob(stone) or self._writer.waiting(stone), everything):
            return Merged(Refs(tombstone=stone))
        state = fold(session, noted)
        moment = parse_time(state.last_activity) // 1_000_000 if noted else 0
        refs = Refs(
            blob=self._session(state, ours, theirs) if noted else ours.blob,
            notes=self._joined_notes(session, (ours.notes, mine), (theirs.notes, other), moment),
            artifacts=self._artifacts(session, ours.artifacts, theirs.artifacts, state, moment),
            tombstone=stone,
            checkpoints=_checkpoints(fold(session, everything), ours.checkpoints, theirs.checkpoints),
        )
        return Merged(refs, revived=stone is not None)

    def _tombstone(self, ours: Refs, theirs: Refs) -> str | None:
        stones = {stone for stone in (ours.tombstone, theirs.tombstone) if stone}
        if len(stones) < 2:  # noqa: PLR2004 - a pair
            return next(iter(stones), None)
        return self._writer.blob(tombstones.united(*(self._reader.blob(stone) or b"" for stone in sorted(stones))))

    def _notes(self, tip: str | None) -> _Notes:
        if tip is None:
            return _Notes({}, {}, canonical=True)
        blobs = read_notes(self._reader, tip, width=len(tip))
        lines, canonical = {}, is_fanned_out(self._reader, tip, len(blobs))
        total = 0
        for annotated, oid in blobs.items():
            raw = self._reader.blob(oid, limit=_LARGEST)
            if raw is None:
                raise TooLargeError(f"the note {oid[:_SHOWN]} is missing or larger than {_LARGEST >> 20} MiB")
            total += len(raw)
            if total > _LARGEST:
                raise TooLargeError(f"the notes {tip[:_SHOWN]} are larger than {_LARGEST >> 20} MiB in all")
            lines[annotated] = union(parse_lines(raw))
            canonical = canonical and raw == _text(lines[annotated])
        return _Notes(blobs, lines, canonical)

    def _joined_notes(
        self, session: str, ours: tuple[str | None, _Notes], theirs: tuple[str | None, _Notes], moment: int
    ) -> str | None:
        if theirs[0] in (None, ours[0]) and ours[1].canonical:
            return ours[0]
        if ours[0] is None and theirs[1].canonical:
            return theirs[0]
        blobs = self._joined_blobs(ours[1], theirs[1])
        tree = write_notes(self._writer, blobs)
        return self._histories.joined(ours[0], theirs[0], tree, moment, f"audit entries of session {session}\n")

    def _joined_blobs(self, ours: _Notes, theirs: _Notes) -> dict[str, str]:
        found = {}
        for annotated in sorted({*ours.blobs, *theirs.blobs}):
            mine, other = ours.blobs.get(annotated), theirs.blobs.get(annotated)
            if ours.canonical and theirs.canonical and (mine == other or None in (mine, other)):
                found[annotated] = mine or other or ""
            else:
                lines = union(ours.lines.get(annotated, ()), theirs.lines.get(annotated, ()))
                found[annotated] = self._writer.blob(_text(lines))
        return found

    def _session(self, state: Fold, ours: Refs, theirs: Refs) -> str:
        raw = encode_session(state.session())
        for known in (ours.blob, theirs.blob):
            if known and self._reader.blob(known, limit=_LARGEST) == raw:
                return known
        return self._writer.blob(raw)

    def _artifacts(self, session: str, ours: str | None, theirs: str | None, state: Fold, moment: int) -> str | None:
        if theirs in (None, ours):
            return ours
        if ours is None:
            return theirs
        tree = united(self._reader, self._writer, ours, theirs, plan=state.plan)
        return self._histories.joined(ours, theirs, tree, moment, f"artifacts of session {session}\n")


def _text(lines: Iterable[Line]) -> bytes:
    return b"".join(line.raw + b"\n" for line in lines)


def _checkpoints(state: Fold, ours: Mapping[str, TagRef], theirs: Mapping[str, TagRef]) -> dict[str, TagRef]:
    """A ref for each checkpoint that the entries name, and those here that no entry names yet."""
    tags: dict[str, str] = {}
    for tag in (*ours.values(), *theirs.values()):
        if tag.commit is not None:
            tags[tag.commit] = min(tag.oid, tags.get(tag.commit, tag.oid))
    found = {
        encode(name): TagRef(tags[known.commit], known.commit)
        for name, known in state.checkpoints.items()
        if known.commit in tags
    }
    named = {known.commit for known in state.checkpoints.values()}
    deleted = {(encode(name), commit) for name, commit in state.deleted}
    for name, tag in ours.items():
        if tag.commit not in named and (name, tag.commit) not in deleted:
            found[name if name not in found else f"{name}.{(tag.commit or tag.oid)[:_SHOWN]}"] = tag
    return found
