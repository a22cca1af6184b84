import os
from pathlib import Path

import pytest
from trails import SESSION, chained, event

from git_pliny.errors import StorageError
from git_pliny.model.events import EventType
from git_pliny.store import journal, locks

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
    with pytest.raises(StorageError, match=r"cannot write the journal .*x\.jsonl: File exists") as raised:
        journal.Journal(tmp_path / "file" / "x.jsonl")
    assert isinstance(raised.value.__cause__, OSError)


def test_a_journal_is_never_unlocked_where_a_recovery_would_remove_it(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acquire = locks.acquire

    def acquire_after_a_recovery(lock: Path, *, wait: bool = False) -> locks.FileLock:
        lock.unlink(missing_ok=True)
        return acquire(lock, wait=wait)

    monkeypatch.setattr(locks, "acquire", acquire_after_a_recovery)
    journal.Journal(path).append(LINES)
    assert list(journal.journal_lines(tmp_path, SESSION)) == LINES


def test_a_folder_that_another_process_removes_just_then_is_made_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdir = Path.mkdir
    removed: list[Path] = []

    def mkdir_and_lose_it(folder: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        mkdir(folder, mode, parents, exist_ok)
        if not removed:
            folder.rmdir()
            removed.append(folder)

    monkeypatch.setattr(Path, "mkdir", mkdir_and_lose_it)
    journal.Journal(path).append(LINES)
    assert journal.read_journal(path).lines == LINES


def test_the_name_of_a_new_journal_is_synced_as_its_lines_are(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    journal.Journal(path)
    assert [folder.stat().st_ino for folder in path.parents[:4]] == synced


def test_a_journal_that_went_away_holds_nothing(tmp_path: Path) -> None:
    assert journal.read_journal(tmp_path / "none.jsonl") == journal.JournalText([], 0, torn=False)


def test_a_folder_that_is_not_there_holds_no_journal(tmp_path: Path) -> None:
    assert journal.journal_files(tmp_path, SESSION) == []
