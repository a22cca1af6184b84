import os
from pathlib import Path

import pytest
from trails import SESSION, chained, event

from git_pliny.errors import StorageError
from git_pliny.model.events import EventType
from git_pliny.store import journal

LINES = chained([event(EventType.SESSION_RESUME) for _ in range(3)])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return journal.journal_folder(tmp_path, SESSION) / "aaaaaaaa.jsonl"


def test_what_is_appended_can_be_read(tmp_path: Path, path: Path) -> None:
    written = journal.Journal(path)
    written.append(LINES[:1])
    written.append(LINES[1:])
    assert list(journal.journal_lines(tmp_path, SESSION)) == LINES
    assert journal.is_alive(path)
    written.close()
    assert not journal.is_alive(path)


def test_a_torn_last_line_is_dropped_and_counted(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(LINES[0].raw + b"\n" + LINES[1].raw[:40])
    text = journal.read_journal(path)
    assert (text.lines, text.bad, text.torn) == (LINES[:1], 1, True)


def test_a_whole_last_line_without_its_newline_counts_as_torn(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(LINES[0].raw)
    assert journal.read_journal(path).lines == []


def test_a_corrupt_line_in_the_middle_costs_no_other_line(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(LINES[0].raw + b"\n\0garbage\n" + LINES[2].raw + b"\n")
    text = journal.read_journal(path)
    assert (text.lines, text.bad, text.torn) == ([LINES[0], LINES[2]], 1, False)


def test_a_cleared_journal_leaves_no_file_behind_when_it_ends(path: Path) -> None:
    written = journal.Journal(path)
    written.append(LINES)
    written.clear()
    written.close()
    assert not path.parent.exists()


def test_a_full_disk_leaves_nothing_of_the_entries_and_says_so(path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    written = journal.Journal(path)
    full = os.open("/dev/full", os.O_WRONLY)
    keep = os.dup(written._descriptor)
    os.dup2(full, written._descriptor)
    with pytest.raises(StorageError, match="No space left"):
        written.append(LINES)
    os.dup2(keep, written._descriptor)
    written.append(LINES[:1])
    assert journal.read_journal(path).lines == LINES[:1]
    os.close(full)
    os.close(keep)


def test_a_journal_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write the journal"):
        journal.Journal(tmp_path / "file" / "x.jsonl")


def test_a_journal_that_went_away_holds_nothing(tmp_path: Path) -> None:
    assert journal.read_journal(tmp_path / "none.jsonl") == journal.JournalText([], 0, torn=False)
