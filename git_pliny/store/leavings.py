"""Local files of sessions that are no longer there: outputs, journals without a use, locks."""

from collections.abc import Iterator
from pathlib import Path

from git_pliny.git.refs import list_refs
from git_pliny.git.repository import Repository
from git_pliny.store import journal, locks, sessions
from git_pliny.store.deletion import is_covered


def gone_sessions(repository: Repository) -> list[str]:
    """The sessions that are gone and left files here: no ref, no living process, no entry that was not deleted."""
    refs = list_refs(repository, sessions.SESSIONS, sessions.NOTES)
    kept = {ref.name.rpartition("/")[2] for ref in refs}
    left = {name for name in _names(repository.local) if sessions.is_id(name)}
    return sorted(name for name in left - kept if not _is_of_use(repository, name))


def _is_of_use(repository: Repository, session: str) -> bool:
    files = journal.journal_files(repository.local, session)
    if any(locks.holder_of(path) is not None for path in (sessions.lock_path(repository, session), *files)):
        return True
    lines = list(journal.journal_lines(repository.local, session))
    return bool(lines) and not is_covered(repository, session, lines)


def _names(local: Path) -> Iterator[str]:
    for folder in ("journal", "output", "locks"):
        if (local / folder).is_dir():
            yield from (path.name.partition(".")[0] for path in (local / folder).iterdir())
