"""The list of sessions, quick where there are thousands: a few facts of each, kept in a local file.

What stands under an object's name never changes, so facts that were once read from a session's blob hold for as long
as its ref names that blob. The file may be thrown away at any time; where it can't be written, a list is only slower.
"""

import contextlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from git_pliny.errors import CorruptError
from git_pliny.git.objects import ObjectReader
from git_pliny.git.refs import list_refs
from git_pliny.git.repository import Repository
from git_pliny.model.fold import fold
from git_pliny.model.session import Session, SessionStatus, decode_session
from git_pliny.store import sessions

VERSION = 1
"""Of the file: another one is not read."""


class Listed(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What a list shows of a session. `done` and `agents` are numbers of agents; `ran`: whether one ever started.

    `interrupted`: it is under way by its trail, and no process of this machine works on it.
    """

    id: str
    name: str
    status: SessionStatus
    created_at: str
    last_activity: str
    done: int
    agents: int
    ran: bool
    cost_usd: float | None
    interrupted: bool = False


class _File(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    facts: dict[str, Listed]
    """By the oid of the session's blob."""


_decoder = msgspec.json.Decoder(_File)


def list_sessions(repository: Repository) -> list[Listed]:
    """Every session, oldest first, as exactly as `sessions.load_all` gives it."""
    worked_on = _worked_on(repository)  # before anything is read: a process that ends writes so, then lets go
    unsure = set(sessions.with_journals(repository))
    blobs = {ref.name.removeprefix(sessions.SESSIONS): ref.oid for ref in list_refs(repository, sessions.SESSIONS)}
    blobs = {session: oid for session, oid in blobs.items() if sessions.is_id(session)}
    with ObjectReader(repository) as reader:
        facts = _facts(repository, reader, blobs)
        found = {session: facts[oid] for session, oid in blobs.items() if oid in facts and facts[oid].id == session}
        for session in unsure | (blobs.keys() - found.keys()):
            with contextlib.suppress(CorruptError):  # its object, where there is one, is all that can be had
                if lines := sessions.load_lines(repository, session, reader=reader):
                    found[session] = _listed(fold(session, lines).session())
    listed = (_with_standing(repository, each, worked_on) for each in found.values())
    return sorted(listed, key=lambda each: (each.created_at, each.id))


def _worked_on(repository: Repository) -> set[str]:
    """The sessions that a process works on now."""
    paths = (repository.local / "locks").glob("*.lock")
    return {path.stem for path in paths if sessions.holder(repository, path.stem) is not None}


def _with_standing(repository: Repository, listed: Listed, worked_on: set[str]) -> Listed:
    under_way = listed.status is SessionStatus.IN_PROGRESS and listed.ran
    if not under_way or listed.id in worked_on or sessions.holder(repository, listed.id) is not None:
        return listed
    return msgspec.structs.replace(listed, interrupted=True)


def _facts(repository: Repository, reader: ObjectReader, blobs: Mapping[str, str]) -> dict[str, Listed]:
    path = repository.local / "cache" / "sessions.json"
    known = _read(path)
    wanted = set(blobs.values())
    unknown = wanted - known.keys()
    if not unknown:
        return known
    found = _read_blobs(reader, unknown)
    facts = {**{oid: listed for oid, listed in known.items() if oid in wanted}, **found}
    if found:
        _write(path, facts)
    return facts


def _read_blobs(reader: ObjectReader, oids: Iterable[str]) -> dict[str, Listed]:
    decoded = ((oid, decode_session(reader.blob(oid) or b"")) for oid in oids)
    return {oid: _listed(session) for oid, session in decoded if session is not None}


def _listed(session: Session) -> Listed:
    records = session.agents.values()
    return Listed(
        id=session.id,
        name=session.name,
        status=session.status,
        created_at=session.created_at,
        last_activity=session.last_activity,
        done=sum(record.status.done for record in records),
        agents=len(records),
        ran=any(record.attempts for record in records),
        cost_usd=session.metrics.cost_usd,
    )


def _read(path: Path) -> dict[str, Listed]:
    try:
        found = _decoder.decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    return found.facts if found.version == VERSION else {}


def _write(path: Path, facts: dict[str, Listed]) -> None:
    new = path.with_name(f"{path.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            new.write_bytes(msgspec.json.encode(_File(version=VERSION, facts=facts)))
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)
