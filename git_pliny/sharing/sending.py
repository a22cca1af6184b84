"""Sends sessions to a remote: the refs that it has not, each by its lease, so that nobody's work is overwritten.

Who loses a lease to another clone fetches, merges, and tries again. What was sent is known at any moment by the
copies of the remote's refs, so a push that was cut off is finished by the next.
"""

import random
import time
from collections.abc import Callable, Sequence

import msgspec

from git_pliny.git import transport
from git_pliny.git.refs import put_refs
from git_pliny.git.repository import Repository
from git_pliny.git.transport import PushStatus, Told, Wish
from git_pliny.sharing.layout import Refs, refs_here, refs_there, refspecs, tracked
from git_pliny.store.sessions import CHECKPOINTS, load
from git_pliny.store.tombstones import TOMBSTONES

_DONE = (PushStatus.SENT, PushStatus.DELETED, PushStatus.SAME)
_PAUSE_S = 0.05
_LONGEST_S = 2.0


class Remote(msgspec.Struct, frozen=True, kw_only=True):
    """A remote, by name or address, and the namespace of what it has."""

    name: str
    folder: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """How the network is spoken to: what git says on the way, and whether it shows progress."""

    told: Told
    progress: bool


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What a push came to: the sessions whose refs are all there now, and what was refused, with git's reason."""

    sessions: list[str]
    refs: int
    refused: dict[str, str]
    again: bool = False
    """Somebody else had moved a ref: fetch, merge and try again."""


def fetch(repository: Repository, remote: Remote, prefixes: Sequence[str], line: Line) -> None:
    """Make the copies of the remote's refs what they are there now."""
    specs = refspecs(remote.folder, prefixes or ("",))
    transport.fetch(repository, remote.name, specs, told=line.told, progress=line.progress)


def push(
    repository: Repository,
    remote: Remote,
    chosen: Callable[[str], bool],
    line: Line,
) -> Sent:
    """Send what the remote has not, as far as is known, of the chosen sessions; once."""
    here, there = refs_here(repository), refs_there(repository, remote.folder)
    wanted = {}
    for session, ours in here.items():
        theirs = there.get(session, Refs())
        if ours.is_there and ours != theirs and chosen(session):
            wanted[session] = _wishes(session, ours, theirs) + _outdated(repository, session, ours, theirs)
    return _send(repository, remote, wanted, line)


def bury(repository: Repository, remote: Remote, sessions: Sequence[str], line: Line) -> Sent:
    """Put the tombstones of sessions that were deleted here in the place of what the remote has of them."""
    here, there = refs_here(repository), refs_there(repository, remote.folder)
    wanted = {name: _burial(name, here.get(name, Refs()), there.get(name, Refs())) for name in sessions}
    return _send(repository, remote, wanted, line)


def wait_a_little(number: int, rng: random.Random, sleep: Callable[[float], None] = time.sleep) -> None:
    """Before try `number` (from 1): others that lost as well shall not all come back at once."""
    sleep(min(_PAUSE_S * 2**number, _LONGEST_S) * rng.random())


def _wishes(session: str, ours: Refs, theirs: Refs) -> list[Wish]:
    mine = ours.by_name(session)
    mine.pop(TOMBSTONES + session, None)
    old = theirs.by_name(session)
    return [Wish(name, oid, old.get(name)) for name, oid in mine.items() if old.get(name) != oid]


def _outdated(repository: Repository, session: str, ours: Refs, theirs: Refs) -> list[Wish]:
    """The remote's refs for checkpoints that have another name by now, or were deleted; others are left alone."""
    only = {name: tag for name, tag in theirs.checkpoints.items() if name not in ours.checkpoints}
    if not only:
        return []
    state = load(repository, session)
    gone = {commit for _, commit in state.deleted} | {known.commit for known in state.checkpoints.values()}
    return [Wish(f"{CHECKPOINTS}{session}/{name}", None, tag.oid) for name, tag in only.items() if tag.commit in gone]


def _burial(session: str, ours: Refs, theirs: Refs) -> list[Wish]:
    old = theirs.by_name(session)
    stone = TOMBSTONES + session
    gone = [Wish(name, None, oid) for name, oid in old.items() if name != stone]
    return gone if ours.tombstone in (None, theirs.tombstone) else [Wish(stone, ours.tombstone, old.get(stone)), *gone]


def _send(repository: Repository, remote: Remote, wanted: dict[str, list[Wish]], line: Line) -> Sent:
    wishes = [wish for each in wanted.values() for wish in each]
    news = {wish.ref: wish.new for wish in wishes}
    left, refused, again, count = dict(news), dict[str, str](), False, 0
    for batch in transport.push(repository, remote.name, wishes, told=line.told, progress=line.progress):
        done = [each.ref for each in batch if each.ref in left and each.status in _DONE]
        put_refs(repository, {tracked(remote.folder, ref): news[ref] for ref in done})
        count += len(done)
        for ref in done:
            del left[ref]
        for each in batch:
            again = again or each.status is PushStatus.STALE
            if each.status is PushStatus.REFUSED:
                refused[each.ref] = each.reason
    sent = [session for session, each in wanted.items() if each and not any(wish.ref in left for wish in each)]
    return Sent(sessions=sent, refs=count, refused=refused, again=again)
