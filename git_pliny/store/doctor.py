"""What may be wrong with what a repository holds of ours, and how it is mended where that is safe.

Safe is what the next run of a session would do by itself, and what nobody can miss: files and refs of sessions that are
gone, locks that nobody holds. Entries are never removed.
"""

import os
import re
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import partial
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from git_pliny.errors import CorruptError, StorageError
from git_pliny.git.objects import ObjectReader
from git_pliny.git.refs import OURS, RefUpdate, delete_symbolic, list_refs, read_symbolic
from git_pliny.git.removal import remove_refs
from git_pliny.git.repository import Repository
from git_pliny.model.events import EventType, render_time
from git_pliny.model.fold import fold
from git_pliny.model.names import encode
from git_pliny.model.session import AgentStatus
from git_pliny.model.visible import visible
from git_pliny.runners import leftovers
from git_pliny.store import audit, journal, leavings, locks, pool, sessions
from git_pliny.store.artifacts import Bounds, attempt_folders
from git_pliny.store.deletion import clear_local, delete, half_deleted
from git_pliny.store.opening import resume
from git_pliny.store.tombstones import TOMBSTONES

_STALE_S = 60.0
"""How old a lock of a ref must be: ours are moved by transactions that take moments."""

_FIX = "git pliny doctor --fix"
_ID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_KNOWN = re.compile(
    rf"refs/(?:pliny/(?:sessions|artifacts|tombstones)/{_ID}|pliny/checkpoints/{_ID}/[^/]+"
    rf"|notes/pliny/{_ID}|pliny-merges/{_ID}|pliny-remotes/.+)"
)


class Level(StrEnum):
    OK = "ok"
    REMARK = "remark"
    PROBLEM = "problem"


class Finding(NamedTuple):
    """Something that was looked at: how it is, what to do about it, and what mends it."""

    level: Level
    message: str
    hint: str | None = None
    mend: partial[None] | None = None


class Doctor:
    """Examines one repository."""

    def __init__(self, repository: Repository, *, clock: Callable[[], int], bounds: Bounds) -> None:
        self._repository = repository
        self._clock = clock
        self._bounds = bounds

    def examine(self) -> Iterator[Finding]:
        """Everything that is worth saying; nothing is changed."""
        yield self._locking()
        yield from self._ref_locks()
        yield from self._current()
        yield from self._refs()
        yield from self._gone()
        half = half_deleted(self._repository)
        for session in half:
            message = f"session {session[:8]} was deleted, and a kill left a part of it"
            yield Finding(Level.PROBLEM, message, _FIX, partial(self._delete, session))
        for session in self._sessions():
            if session not in half:
                yield from self._session(session)
        yield from self._worktrees()

    def _worktrees(self) -> Iterator[Finding]:
        needed = pool.is_needed(self._repository)
        clear = partial(self._clear_pool)
        for one in pool.idle(self._repository):
            session, agent = pool.owned_by(one.owner)
            if one.owner and needed(one.owner):
                message = f"worktree {one.name} holds what agent {visible(agent)} had made when it was cut off"
                yield Finding(Level.REMARK, message, f"git pliny session resume {session[:8]}")
            elif one.owner:
                message = f"worktree {one.name} holds what an agent of a session made that can't go on"
                yield Finding(Level.REMARK, f"{message}: {one.root}", _FIX, clear)
            elif one.broken:
                yield Finding(Level.PROBLEM, f"worktree {one.name} is half made, or damaged", _FIX, clear)

    def _clear_pool(self) -> None:
        pool.clear(self._repository)

    def _sessions(self) -> list[str]:
        noted = (ref.name.removeprefix(sessions.NOTES) for ref in list_refs(self._repository, sessions.NOTES))
        gone = set(leavings.gone_sessions(self._repository))
        known = {*sessions.session_ids(self._repository), *filter(sessions.is_id, noted)}
        return sorted(known - gone)

    def _locking(self) -> Finding:
        """Whether locks hold, which some network file systems only pretend."""
        path = self._repository.local / "locks" / "doctor"
        try:
            lock = locks.acquire(path)
        except StorageError as error:
            message = f"nothing can be written here, so nothing can run: {error.message}"
            return Finding(Level.PROBLEM, message, f"ls -ld {quote(str(_nearest(path)))}")
        try:
            if locks.holder_of(path) is not None:
                return Finding(Level.OK, "locks work on this file system")
        finally:
            lock.release(remove=True)
        hint = "do not run two commands at once on one session here"
        return Finding(Level.PROBLEM, "this file system does not keep locks, so nothing guards a session", hint)

    def _ref_locks(self) -> Iterator[Finding]:
        common = self._repository.common_dir
        found = [path for prefix in OURS for path in sorted((common / prefix).rglob("*.lock"))]
        for path in [*found, self._repository.git_dir / f"{sessions.CURRENT}.lock"]:
            if _age(path) > _STALE_S:
                message = f"a killed git left the lock {path.relative_to(common)}"
                yield Finding(Level.PROBLEM, message, _FIX, partial(path.unlink))
        for path in (common / "packed-refs.lock", self._repository.git_dir / "index.lock"):
            if _age(path) > _STALE_S:
                hint = f"if no git runs here: rm {quote(str(path))}"
                yield Finding(Level.PROBLEM, f"a git holds {path.name}, or was killed and left it", hint)

    def _current(self) -> Iterator[Finding]:
        target = read_symbolic(self._repository, sessions.CURRENT)
        if target is None:
            yield from self._broken_current()
            return
        current = sessions.current_session(self._repository)
        if current is None or not sessions.exists(self._repository, current):
            message = f"{sessions.CURRENT} names {target}, which is no session here"
            yield Finding(Level.PROBLEM, message, _FIX, partial(self._forget_current))

    def _broken_current(self) -> Iterator[Finding]:
        """Of a file that should be a symbolic ref; git itself would take a commit's id there for a ref."""
        path = self._repository.git_dir / sessions.CURRENT
        if path.is_dir():
            yield Finding(
                Level.PROBLEM, f"{path} is a folder, so no session can be the current one", f"rm -r {quote(str(path))}"
            )
        elif os.path.lexists(path):
            yield Finding(
                Level.PROBLEM, f"{path} names no session: it is not a symbolic ref", _FIX, partial(path.unlink)
            )

    def _forget_current(self) -> None:
        delete_symbolic(self._repository, sessions.CURRENT)

    def _refs(self) -> Iterator[Finding]:
        refs = list_refs(self._repository, *OURS)
        names = {ref.name for ref in refs}
        living = {name.rpartition("/")[2] for name in names if name.startswith((sessions.SESSIONS, sessions.NOTES))}
        for ref in refs:
            if not _KNOWN.fullmatch(ref.name):
                yield Finding(
                    Level.REMARK, f"the ref {ref.name} is none that we know", f"git update-ref -d {quote(ref.name)}"
                )
                continue
            owner = _owner(ref.name)
            if owner is None or owner in living:
                continue
            gone = RefUpdate(ref.name, None, ref.oid)
            if TOMBSTONES + owner in names:
                message = f"the ref {ref.name} is of a session that was deleted"
                yield Finding(Level.PROBLEM, message, _FIX, partial(self._update, gone))
            else:
                message = f"the ref {ref.name} is of a session without entries"
                yield Finding(Level.REMARK, message, f"git update-ref -d {quote(ref.name)}")

    def _update(self, *updates: RefUpdate) -> None:
        remove_refs(self._repository, updates, message="pliny doctor")

    def _gone(self) -> Iterator[Finding]:
        for session in leavings.gone_sessions(self._repository):
            message = f"session {session[:8]} is gone, and files of it are still in {self._repository.local}"
            yield Finding(Level.REMARK, message, _FIX, partial(self._clear, session))

    def _clear(self, session: str) -> None:
        clear_local(self._repository, session)

    def _delete(self, session: str) -> None:
        delete(self._repository, session, at=render_time(self._clock()))

    def _session(self, session: str) -> Iterator[Finding]:
        name = f"session {session[:8]}"
        who = sessions.holder(self._repository, session)
        if who is not None:
            yield Finding(Level.OK, f"{name} is being worked on by process {who.get('pid', '?')}")
        report = audit.verify(self._repository, session)
        if report.ok:
            yield Finding(Level.OK, f"{name} verifies: {report.entries} entries, {report.checkpoints} checkpoints")
        for finding in report.findings:
            yield self._trail(session, finding, mendable=who is None)
        yield from self._journals(session, busy=who is not None)
        if who is None:
            yield from self._leftovers(session)

    def _trail(self, session: str, finding: audit.Finding, *, mendable: bool) -> Finding:
        level = Level.PROBLEM if finding.severity is audit.Severity.PROBLEM else Level.REMARK
        message = f"session {session[:8]}: {finding.message}"
        if finding.is_of_entries:
            return Finding(level, message, f"git pliny audit view {session[:8]}")
        mend = partial(self._recover, session) if mendable else None
        return Finding(level, message, _FIX, mend)

    def _recover(self, session: str) -> None:
        with resume(self._repository, session, clock=self._clock, bounds=self._bounds):
            self._restore_checkpoints(session)

    def _restore_checkpoints(self, session: str) -> None:
        """Make the refs of checkpoints anew that are lost, where the tags that entries name are still here."""
        lines = sessions.load_lines(self._repository, session)
        known = {checkpoint.commit: name for name, checkpoint in fold(session, lines).checkpoints.items()}
        there = {name for name, _ in sessions.checkpoint_refs(self._repository, session)}
        made = [line.entry.data for line in lines if line.entry.type == EventType.CHECKPOINT]
        with ObjectReader(self._repository) as reader:
            for commit, tag in ((str(data.get("commit")), reader.read(str(data.get("tag")))) for data in made):
                name = encode(known.get(commit, ""))
                if commit not in known or name in there or tag is None or tag.kind != "tag":
                    continue
                found = reader.read(f"{tag.oid}^{{commit}}")
                if found is not None and found.oid == commit:
                    self._update(RefUpdate(f"{sessions.CHECKPOINTS}{session}/{name}", tag.oid, None))

    def _journals(self, session: str, *, busy: bool) -> Iterator[Finding]:
        folder = journal.journal_folder(self._repository.local, session)
        for path in journal.journal_files(self._repository.local, session):
            if not busy and not journal.is_alive(path):
                message = f"session {session[:8]}: run {path.stem} ended before its last entries were put into git"
                yield Finding(Level.REMARK, message, _FIX, partial(self._recover, session))
        for path in sorted(folder.glob("*.bad")):
            yield Finding(
                Level.REMARK, f"session {session[:8]}: {path} keeps lines that are no entries", f"rm '{path}'"
            )

    def _leftovers(self, session: str) -> Iterator[Finding]:
        try:
            state = fold(session, sessions.load_lines(self._repository, session))
        except CorruptError:  # which is said of the trail already
            return
        for agent, known in state.agents.items():
            folders = attempt_folders(self._repository, session, agent)
            if known.status is AgentStatus.RUNNING and folders:
                for left in leftovers.find(session=session, agent=agent, folders=folders):
                    message = f"session {session[:8]}: process {left.pid} of agent {agent} still lives: {left.command}"
                    yield Finding(Level.PROBLEM, message, f"git pliny session resume {session[:8]}")


def _owner(ref: str) -> str | None:
    """The session that a ref can't be without; tombstones and the sessions' own refs stand alone."""
    for prefix in (sessions.CHECKPOINTS, sessions.ARTIFACTS, sessions.PINS):
        if ref.startswith(prefix):
            return ref.removeprefix(prefix).partition("/")[0]
    return None


def _nearest(path: Path) -> Path:
    """The path itself, or the folder on the way to it that is there."""
    return next((folder for folder in (path, *path.parents) if os.path.lexists(folder)), path)


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0
