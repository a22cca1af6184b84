"""One exchange with a remote: fetch and take in, send, and again where another clone was quicker."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from git_pliny.errors import BusyError
from git_pliny.git.repository import Repository
from git_pliny.git.transport import list_remote, remember
from git_pliny.sharing import sending
from git_pliny.sharing.joining import Joined, Joining
from git_pliny.sharing.layout import Refs, patterns, refs_here, refs_there, remote_of, session_of
from git_pliny.sharing.sending import Line, Sending, Sent, unsent_of
from git_pliny.store import sessions
from git_pliny.store.artifacts import Bounds
from git_pliny.store.opening import resume
from git_pliny.store.sessions import is_id
from git_pliny.store.tombstones import TOMBSTONES

_TRIES = 12


class Exchanged(NamedTuple):
    """What came in, and what went out (None: nothing was to)."""

    joined: list[Joined]
    sent: Sent | None = None


class Exchange:
    """With one remote, of all sessions or of those whose ids are given. `oldest`: as of `Joining`."""

    def __init__(
        self, repository: Repository, remote: str, line: Line, *, chosen: Sequence[str] = (), oldest: str = ""
    ) -> None:
        self._repository = repository
        self._remote, self._folder = remote_of(repository, remote)
        self._line = line
        self._sending = Sending(repository, self._remote, self._folder, line)
        self._ids = tuple(chosen)
        self._oldest = oldest
        self._rng = random.Random()  # noqa: S311 - spreads tries, no secret

    def fetch(self) -> list[Joined]:
        """Bring in what the remote has."""
        sending.fetch(self._repository, self._remote, self._folder, self._ids, self._line)
        return list(Joining(self._repository, self._folder, oldest=self._oldest).join(self._is_chosen))

    def push(self) -> Exchanged:
        """Send what the remote lacks; where that was wrong about it, take in what it has, and try again.

        From then on, a plain `git fetch` of it brings in copies of what it has.
        """
        remember(self._repository, self._remote)
        return self._repeated([], lambda: self._sending.push(self._ids))

    def sync(self) -> Exchanged:
        """Both ways."""
        joined = self.fetch()
        remember(self._repository, self._remote)
        return self._repeated(joined, lambda: self._sending.push(self._ids))

    def bury(self) -> Exchanged:
        """Remove at the remote what was deleted here, and leave its tombstone there."""
        return self._repeated([], lambda: self._sending.bury(self._ids))

    def unsent(self) -> list[str]:
        """The sessions here that the remote has not, or not as they are here, as far as is known."""
        here, there = refs_here(self._repository), refs_there(self._repository, self._folder)
        return unsent_of(here, there, self._ids)

    def unfetched(self) -> list[str]:
        """The sessions that the remote has other than they are here, or were last fetched; takes nothing."""
        found: dict[str, dict[str, str]] = {}
        for ref, oid in list_remote(self._repository, self._remote, patterns(), told=self._line.told).items():
            found.setdefault(session_of(ref), {})[ref] = oid
        here, there = refs_here(self._repository), refs_there(self._repository, self._folder)
        names = [name for name in found if is_id(name) and self._is_chosen(name)]
        names = [name for name in names if name in here or found[name].keys() - {TOMBSTONES + name}]
        known = {name: [each.get(name, Refs()).by_name(name) for each in (here, there)] for name in names}
        return [name for name in names if name not in here or found[name] not in known[name]]

    def carried(self) -> tuple[list[str], list[str]]:
        """The checkpoints that a push would send, and what the remote has, in git rev-list's words."""
        here = refs_here(self._repository)
        return [tag.oid for name in self.unsent() for tag in here[name].checkpoints.values()], [
            f"--glob={self._folder}*"
        ]

    def _repeated(self, joined: list[Joined], send: Callable[[], Sent]) -> Exchanged:
        sent = send()
        for number in range(1, _TRIES):
            if not sent.again:
                break
            sending.wait_a_little(number, self._rng)
            joined = [*joined, *self.fetch()]
            sent = sent.followed_by(send())
        return Exchanged(joined, sent)

    def _is_chosen(self, session: str) -> bool:
        return not self._ids or session in self._ids


def flush_ended(
    repository: Repository, *, clock: Callable[[], int], bounds: Bounds, chosen: Callable[[str], bool]
) -> Iterator[str]:
    """Bring into git what runs that were killed left in journals; gives the sessions that are being worked on."""
    for session in sessions.with_journals(repository):
        if chosen(session):
            try:
                with resume(repository, session, clock=clock, bounds=bounds):
                    pass
            except BusyError:
                yield session
