"""The entries of a session as they come: journals are looked at again and again, notes when their ref has moved."""

from collections.abc import Callable, Iterator

from git_pliny.git.notes import read_notes
from git_pliny.git.objects import ObjectReader
from git_pliny.git.repository import Repository
from git_pliny.model.events import EventType, Line, parse_lines, union
from git_pliny.store import journal, sessions

_BEGINS = (EventType.SESSION_RESUME, EventType.AGENT_START)
_ENDS = (EventType.SESSION_END, EventType.SESSION_ARCHIVE)


def follow(repository: Repository, session: str, *, pause: Callable[[], None]) -> Iterator[list[Line]]:
    """Batches of new entries, each in the trail's order, until nobody works on the session any more.

    A session that was never worked on is waited for. `pause` is called between looks.
    """
    seen: set[bytes] = set()
    begun = False
    with ObjectReader(repository) as reader:
        source = _Source(repository, session, reader)
        while True:
            working = _is_worked_on(repository, session)
            fresh = [line for line in source.read() if line.raw not in seen]
            if fresh:
                seen.update(line.raw for line in fresh)
                begun = begun or any(line.entry.type in (*_BEGINS, *_ENDS) for line in fresh)
                yield fresh
            if begun and not working:
                return
            pause()


class _Source:
    """A session's entries, read again only where they changed."""

    def __init__(self, repository: Repository, session: str, reader: ObjectReader) -> None:
        self._local = repository.local
        self._session = session
        self._reader = reader
        self._tip: str | None = None
        self._noted: dict[str, list[Line]] = {}

    def read(self) -> list[Line]:
        """All entries; journals first, since lines move from them to the notes."""
        local = list(journal.journal_lines(self._local, self._session))
        tip = self._reader.read(sessions.NOTES + self._session)
        if tip is not None and tip.oid != self._tip:
            self._tip = tip.oid
            blobs = set(read_notes(self._reader, tip.oid, width=len(tip.oid)).values())
            self._noted = {oid: self._noted.get(oid) or self._parse(oid) for oid in blobs}
        return union(local, *self._noted.values())

    def _parse(self, oid: str) -> list[Line]:
        return list(parse_lines(self._reader.blob(oid) or b""))


def _is_worked_on(repository: Repository, session: str) -> bool:
    files = journal.journal_files(repository.local, session)
    return sessions.holder(repository, session) is not None or any(map(journal.is_alive, files))
