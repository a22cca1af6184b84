"""Recovery: what a run does first with a session whose lock it holds. It is the same whether or not it was killed.

The lines of runs that have ended are taken over, what a kill tore is recorded, the session blob is held against the
trail (the trail wins), and checkpoint refs that no entry names are adopted.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import NamedTuple

from git_pliny.git.refs import RefUpdate, break_stale_locks
from git_pliny.git.removal import remove_refs
from git_pliny.model.events import Event, EventType
from git_pliny.model.fold import Fold, fold
from git_pliny.model.names import encode
from git_pliny.model.session import AgentStatus, Session, decode_session, encode_session
from git_pliny.model.trailers import read_trailers
from git_pliny.store import journal, locks
from git_pliny.store.checkpoints import CheckpointKind, Occasion, decode_name
from git_pliny.store.run import Run
from git_pliny.store.sessions import ARTIFACTS, CHECKPOINTS, NOTES, SESSIONS, checkpoint_refs, read_noted

START = Occasion(name="start", kind=CheckpointKind.START)
"""The checkpoint that every session has first."""


class _Ended(NamedTuple):
    """The journal of a run that has ended, held by us."""

    path: Path
    text: journal.JournalText
    lock: locks.FileLock


def recover(run: Run) -> list[Event]:
    """Bring a session to where its trail says it is; gives the repairs that were recorded. Needs the session's lock."""
    break_stale_locks(run.repository, *_refs(run.session))
    ended = list(_ended_journals(run))
    try:
        repairs = [repair for journal_ in ended if (repair := _torn(journal_))]
        repairs += _blob_against_trail(run)
        run.adopt([line for journal_ in ended for line in journal_.text.lines])
        repairs += _refs_against_trail(run, {journal_.path.stem for journal_ in ended})
        if repairs:
            run.append(*repairs)
        if run.state.newest_checkpoint() is None:
            run.checkpoint(START)
        run.flush()
        _put_away(ended)
    finally:
        for journal_ in ended:
            journal_.lock.release()
    return repairs


def _refs(session: str) -> tuple[str, ...]:
    return SESSIONS + session, NOTES + session, ARTIFACTS + session, f"{CHECKPOINTS}{session}/"


def _ended_journals(run: Run) -> Iterator[_Ended]:
    local = run.repository.local
    for path in journal.journal_files(local, run.session):
        if path.stem == run.id:
            continue
        try:
            lock = locks.acquire(path)
        except locks.LockTakenError:
            continue
        yield _Ended(path, journal.read_journal(path), lock)


def _torn(ended: _Ended) -> Event | None:
    if not ended.text.bad:
        return None
    kind = "torn" if ended.text.torn and ended.text.bad == 1 else "corrupt"
    data = {"kind": kind, "run": ended.path.stem, "lines": ended.text.bad}
    return Event(type=EventType.REPAIR, data=data)


def _put_away(ended: list[_Ended]) -> None:
    for journal_ in ended:
        if journal_.text.bad:
            journal_.path.replace(journal_.path.with_suffix(".bad"))
        else:
            journal_.lock.release(remove=True)


def _blob_against_trail(run: Run) -> list[Event]:
    noted = read_noted(run.repository, run.session, reader=run.reader)
    if not noted.lines:
        return []
    truth = fold(run.session, noted.lines).session()
    raw = run.reader.blob(SESSIONS + run.session)
    if raw == encode_session(truth):
        return []
    blob = decode_session(raw) if raw is not None else None
    return [Event(type=EventType.REPAIR, data={"kind": "session", **_differences(blob, truth)})]


def _differences(blob: Session | None, truth: Session) -> dict[str, object]:
    if blob is None:
        return {"reason": "the session's blob was missing or unreadable"}
    back = {name for name, record in truth.agents.items() if record.status is AgentStatus.ROLLED_BACK}
    return {
        "promoted": [name for name in truth.completed_agents if name not in blob.completed_agents],
        "demoted": [name for name in blob.completed_agents if name in back],
        "failed": [name for name in truth.failed_agents if name not in blob.failed_agents],
    }


def _refs_against_trail(run: Run, ended: AbstractSet[str]) -> list[Event]:
    known = {encode(name): checkpoint.commit for name, checkpoint in run.state.checkpoints.items()}
    deleted = {(encode(name), commit) for name, commit in run.state.deleted}
    repairs = []
    for encoded, tag in checkpoint_refs(run.repository, run.session):
        commit = run.reader.read(f"{tag}^{{commit}}")
        if commit is None or known.get(encoded) == commit.oid or _is_being_made(run, tag, ended):
            continue
        if (encoded, commit.oid) in deleted:
            unfinished = RefUpdate(f"{CHECKPOINTS}{run.session}/{encoded}", None, tag)
            remove_refs(run.repository, [unfinished], message="pliny checkpoint delete")
        elif not _renamed(run.state, commit.oid):
            repairs.append(_adopted(run, encoded, tag, commit.oid, commit.data))
    return repairs


def _renamed(state: Fold, commit: str) -> bool:
    return any(checkpoint.commit == commit for checkpoint in state.checkpoints.values())


def _is_being_made(run: Run, tag: str, ended: AbstractSet[str]) -> bool:
    found = run.reader.read(tag)
    trailers = read_trailers(found.data.decode("utf-8", "replace")) if found else {}
    maker = trailers.get("Audit", "").partition(":")[0]
    path = journal.journal_folder(run.repository.local, run.session) / f"{maker}.jsonl"
    return bool(maker) and maker not in ended and journal.is_alive(path)


def _adopted(run: Run, encoded: str, tag: str, commit: str, text: bytes) -> Event:
    trailers = read_trailers(text.decode("utf-8", "replace"))
    head = trailers.get("Head", "").partition(" ")[0]
    return Event(
        type=EventType.CHECKPOINT,
        phase=_named(trailers, "Phase"),
        agent=_named(trailers, "Agent"),
        data={
            "name": decode_name(encoded),
            "commit": commit,
            "tag": tag,
            "kind": trailers.get("Kind", "manual"),
            "taken_at": trailers.get("Taken") or run.state.created_at,
            "head": head if head.strip("0") else None,
            "adopted": True,
        },
    )


def _named(trailers: dict[str, str], key: str) -> str | None:
    return decode_name(trailers[key]) if key in trailers else None
