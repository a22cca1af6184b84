"""Tombstones: what is left of a deleted session, so that it does not come back from another clone.

One says up to where the deleted trail went: a clone that knows no more of it can let go of it too, and one that knows
more can tell. Two of one session make one, whoever joins them. They may come from anywhere: what can't be
read says nothing.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated

import msgspec

from git_pliny.model.events import Line
from git_pliny.model.session import AuditHead, as_json

TOMBSTONES = "refs/pliny/tombstones/"

_DIGITS = 18
_EVER = "1970-01-01T00:00:00.000000Z"


class _Tombstone(msgspec.Struct, kw_only=True):
    """`deleted_at`: one from before there was such a key is as old as can be."""

    id: str = ""
    audit: AuditHead
    deleted_at: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")] = _EVER


_decoder = msgspec.json.Decoder(_Tombstone)


def covers(tombstone: bytes, lines: Iterable[Line]) -> bool:
    """Whether a tombstone says that these entries were deleted; one that can't be read says nothing."""
    known = _read(tombstone)
    if known is None:
        return False
    ends = {run: _end(head) for run, head in known.audit.heads.items()}
    return all(_reaches(ends.get(line.entry.run), line) for line in lines)


def _reaches(end: tuple[int, str] | None, line: Line) -> bool:
    """Whoever deleted the very entry up to which a run went must have known it."""
    if end is None or end[0] < line.entry.seq:
        return False
    return end[0] > line.entry.seq or end[1] == line.digest


def united(*tombstones: bytes) -> bytes:
    """One that says what each of them says; what can't be read says nothing. Commutative and associative."""
    known = [stone for stone in map(_read, tombstones) if stone is not None]
    if not known:
        return min(tombstones)
    heads: dict[str, str] = {}
    for stone in known:
        for run, head in stone.audit.heads.items():
            heads[run] = max(head, heads.get(run, head), key=_end)
    return written(min(stone.id for stone in known), heads, max(stone.deleted_at for stone in known))


def deleted_at(tombstone: bytes) -> str | None:
    """When the session was deleted, as entries write a time; None where that can't be read."""
    known = _read(tombstone)
    return known.deleted_at if known else None


def _read(tombstone: bytes) -> _Tombstone | None:
    try:
        return _decoder.decode(tombstone)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _end(head: str) -> tuple[int, str]:
    """Number and digest of a run's last entry."""
    seq, _, digest = head.partition(":")
    return (int(seq) if seq.isascii() and seq.isdecimal() and len(seq) <= _DIGITS else 0), digest


def written(session: str, heads: Mapping[str, str], at: str) -> bytes:
    """A tombstone's content; `heads` as in the session's JSON, `at` as entries write a time."""
    entries = sum(_end(head)[0] for head in heads.values())
    audit = AuditHead(entries=entries, heads=dict(sorted(heads.items())))
    return as_json({"schema": 1, "id": session, "deleted_at": at, "audit": audit})
