"""Sends sessions to a remote: the refs that it has not, each by its lease, so that nobody's work is overwritten.

Who loses a lease to another clone fetches, merges, and tries again. What was sent is known at any moment by the
copies of the remote's refs, so a push that was cut off is finished by the next.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Self

import msgspec

from git_pliny.git import transport
from git_pliny.git.repository import Repository
from git_pliny.git.transport import PushStatus, Remote, Told
from git_pliny.sharing.layout import Refs, refs_here, refs_there, refspecs, sending, session_of
from git_pliny.store.sessions import CHECKPOINTS, load
from git_pliny.store.tombstones import TOMBSTONES

_DONE = (PushStatus.SENT, PushStatus.DELETED, PushStatus.SAME)
_FEW = 100
"""Up to this many sessions are named one by one; for more, git is told to send whatever differs."""
_PAUSE_S = 0.05
_LONGEST_S = 2.0


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """How the network is spoken to: what git says on the way, and whether it shows progress.

    `large` is told the bytes of a push that is about to send `limit` or more.
    """

    told: Told
    progress: bool
    large: Callable[[int], None]
    limit: int


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What a push came to: the sessions whose refs are all there now, and what was refused, with git's reason."""

    sessions: list[str]
    refs: int
    refused: dict[str, str]
    bytes: int = 0
    """About; of what was to be sent."""
    again: bool = False
    """Somebody else had moved a ref: fetch, merge and try again."""

    def followed_by(self, other: Self) -> Self:
        """What two tries came to together."""
        names = list(dict.fromkeys([*self.sessions, *other.sessions]))
        return msgspec.structs.replace(
            other, sessions=names, refs=self.refs + other.refs, bytes=self.bytes + other.bytes
        )


def fetch(repository: Repository, remote: Remote, folder: str, ids: Sequence[str], line: Line) -> None:
    """Make the copies of the remote's refs in `folder` what they are there now."""
    transport.fetch(repository, remote, refspecs(folder, ids or ("",)), told=line.told, progress=line.progress)


class Sending:
    """To one remote, whose copies lie in `folder`."""

    def __init__(self, repository: Repository, remote: Remote, folder: str, line: Line) -> None:
        self._repository = repository
        self._remote = remote
        self._folder = folder
        self._line = line

    def push(self, ids: Sequence[str]) -> Sent:
        """Send what the remote has not, as far as is known, of these sessions, or of all; once."""
        here, there = refs_here(self._repository), refs_there(self._repository, self._folder)
        unsent = [
            name
            for name, ours in here.items()
            if ours.is_there
            and (not ids or name in ids)
            and ours.without_stone() != there.get(name, Refs()).without_stone()
        ]
        if not unsent:
            return Sent(sessions=[], refs=0, refused={})
        gone = [
            f":{ref}"
            for name in unsent
            for ref in _outdated(self._repository, name, here[name], there.get(name, Refs()))
        ]
        size = self._size([oid for name in unsent for oid in here[name].without_stone().by_name(name).values()])
        if size >= self._line.limit:
            self._line.large(size)
        return self._send(unsent, [*sending(unsent if ids or len(unsent) <= _FEW else ()), *gone], size)

    def _size(self, oids: Sequence[str]) -> int:
        """Bytes on disk of what the remote has not, as far as is known: about what is sent."""
        known = ("--not", f"--glob={self._folder}*", f"--remotes={self._remote.name}")
        command = ("rev-list", "--objects", "--disk-usage", "--stdin", *known)
        return int(self._repository.git(*command, stdin="".join(f"{oid}\n" for oid in oids).encode()))

    def bury(self, ids: Sequence[str]) -> Sent:
        """Put the tombstones of sessions that were deleted here in the place of what the remote has of them."""
        here, there = refs_here(self._repository), refs_there(self._repository, self._folder)
        specs = []
        for name in ids:
            ours, theirs = here.get(name, Refs()), there.get(name, Refs())
            specs += [f":{ref}" for ref in theirs.without_stone().by_name(name)]
            if ours.tombstone not in (None, theirs.tombstone):
                specs.append(f"{TOMBSTONES}{name}:{TOMBSTONES}{name}")
        return self._send(ids, specs) if specs else Sent(sessions=[], refs=0, refused={})

    def _send(self, ids: Sequence[str], specs: Sequence[str], size: int = 0) -> Sent:
        line = self._line
        done = transport.push(self._repository, self._remote, specs, told=line.told, progress=line.progress)
        left = {session_of(each.ref) for each in done if each.status not in _DONE}
        return Sent(
            sessions=[name for name in ids if name not in left],
            bytes=size,
            refs=sum(each.status in (PushStatus.SENT, PushStatus.DELETED) for each in done),
            refused={each.ref: each.reason for each in done if each.status is PushStatus.REFUSED},
            again=any(each.status is PushStatus.STALE for each in done),
        )


def unsent_of(here: Mapping[str, Refs], there: Mapping[str, Refs], ids: Sequence[str]) -> list[str]:
    """Which of these sessions, or of all, the remote has not, or not as they are here."""
    chosen = [name for name, ours in here.items() if ours.is_there and (not ids or name in ids)]
    return [name for name in chosen if here[name].without_stone() != there.get(name, Refs()).without_stone()]


def wait_a_little(number: int, rng: random.Random, sleep: Callable[[float], None] = time.sleep) -> None:
    """Before try `number` (from 1): others that lost as well shall not all come back at once."""
    sleep(min(_PAUSE_S * 2**number, _LONGEST_S) * rng.random())


def _outdated(repository: Repository, session: str, ours: Refs, theirs: Refs) -> list[str]:
    """The remote's refs for checkpoints that have another name by now, or were deleted; others are left alone."""
    only = {name: tag for name, tag in theirs.checkpoints.items() if name not in ours.checkpoints}
    if not only:
        return []
    state = load(repository, session)
    gone = {commit for _, commit in state.deleted} | {known.commit for known in state.checkpoints.values()}
    return [f"{CHECKPOINTS}{session}/{name}" for name, tag in only.items() if tag.commit in gone]
