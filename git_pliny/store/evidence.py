"""Everything that git and the journals hold about a session, read once, for the audit to check."""

from collections.abc import Iterator
from typing import NamedTuple

from git_pliny.errors import CorruptError
from git_pliny.git.notes import read_notes
from git_pliny.git.objects import ObjectReader
from git_pliny.git.repository import Repository
from git_pliny.git.signatures import is_signed
from git_pliny.model.events import Line, parse_line, union
from git_pliny.model.trailers import read_trailers
from git_pliny.store import journal
from git_pliny.store.sessions import NOTES, SESSIONS, checkpoint_refs


class JournalEvidence(NamedTuple):
    """A run's journal; `alive`: its writer still ran after it was read."""

    run: str
    text: journal.JournalText
    alive: bool


class NoteEvidence(NamedTuple):
    """The note on one commit: its entries, and the numbers, from 1, of the lines that are none; `lost` by git."""

    commit: str
    lines: list[Line]
    bad: list[int]
    lost: bool = False


class TagEvidence(NamedTuple):
    """A checkpoint's ref; None where it is no annotated tag, or where its commit is missing."""

    encoded: str
    oid: str
    commit: str | None
    trailers: dict[str, str]
    signed: bool = False


class Evidence(NamedTuple):
    """Of one session."""

    session: str
    journals: list[JournalEvidence]
    notes: list[NoteEvidence] | None
    """None where git has lost the tree that names them."""
    blob: bytes | None
    tags: list[TagEvidence]

    @property
    def noted(self) -> list[Line]:
        """The entries in the notes, in the trail's order."""
        return union(*(note.lines for note in self.notes or ()))

    @property
    def lines(self) -> list[Line]:
        """All entries, in the trail's order."""
        return union(self.noted, *(found.text.lines for found in self.journals))


def collect(repository: Repository, session: str) -> Evidence:
    """Read journals before notes, since lines move from here to there."""
    with ObjectReader(repository) as reader:
        journals = list(_journals(repository, session))
        notes = _notes(reader, session)
        return Evidence(
            session=session,
            journals=journals,
            notes=notes,
            blob=reader.blob(SESSIONS + session),
            tags=[_tag(reader, encoded, oid) for encoded, oid in checkpoint_refs(repository, session)],
        )


def _journals(repository: Repository, session: str) -> Iterator[JournalEvidence]:
    for path in journal.journal_files(repository.local, session):
        text = journal.read_journal(path)
        yield JournalEvidence(run=path.stem, text=text, alive=journal.is_alive(path))


def _notes(reader: ObjectReader, session: str) -> list[NoteEvidence] | None:
    tip = reader.resolve(NOTES + session)
    if tip is None:
        return []
    try:
        notes = read_notes(reader, tip, width=len(tip))
    except CorruptError:
        return None
    return [_note(commit, reader.blob(oid)) for commit, oid in notes.items()]


def _note(commit: str, blob: bytes | None) -> NoteEvidence:
    if blob is None:
        return NoteEvidence(commit=commit, lines=[], bad=[], lost=True)
    parsed = [(raw, parse_line(raw)) for raw in blob.split(b"\n")]
    lines = [line for _, line in parsed if line is not None]
    bad = [number for number, (raw, line) in enumerate(parsed, 1) if raw and line is None]
    return NoteEvidence(commit=commit, lines=lines, bad=bad)


def _tag(reader: ObjectReader, encoded: str, oid: str) -> TagEvidence:
    tag, commit = reader.read(oid), reader.read(f"{oid}^{{commit}}")
    if tag is None or tag.kind != "tag":
        return TagEvidence(encoded=encoded, oid=oid, commit=None, trailers={})
    trailers = read_trailers(tag.data.decode("utf-8", "replace"))
    return TagEvidence(
        encoded=encoded,
        oid=oid,
        commit=commit.oid if commit else None,
        trailers=trailers,
        signed=is_signed(tag.data),
    )
