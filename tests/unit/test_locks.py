import subprocess
import sys
from pathlib import Path

import pytest

from git_pliny.errors import StorageError
from git_pliny.store import locks

HOLD = """
import sys, time
from pathlib import Path
from git_pliny.store import locks
lock = locks.acquire(Path(sys.argv[1]))
lock.describe({"pid": 42})
print("held", flush=True)
time.sleep(60)
"""


def holding(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_held_lock_is_refused_with_who_holds_it(tmp_path: Path) -> None:
    process = holding(tmp_path / "lock")
    try:
        with pytest.raises(locks.LockTakenError) as refused:
            locks.acquire(tmp_path / "lock")
        assert refused.value.holder == {"pid": 42}
        assert locks.holder_of(tmp_path / "lock") == {"pid": 42}
    finally:
        process.kill()
        process.wait()


def test_a_lock_dies_with_its_holder_even_by_kill(tmp_path: Path) -> None:
    process = holding(tmp_path / "lock")
    process.kill()
    process.wait()
    assert locks.holder_of(tmp_path / "lock") is None
    locks.acquire(tmp_path / "lock").release()


def test_a_child_process_does_not_inherit_a_lock(tmp_path: Path) -> None:
    lock = locks.acquire(tmp_path / "lock")
    child = subprocess.Popen(["sleep", "60"], close_fds=False)
    lock.release()
    try:
        locks.acquire(tmp_path / "lock").release()
    finally:
        child.kill()
        child.wait()


def test_a_lock_whose_file_is_removed_by_its_holder_can_be_taken_again(tmp_path: Path) -> None:
    locks.acquire(tmp_path / "lock").release(remove=True)
    assert not (tmp_path / "lock").exists()
    again = locks.acquire(tmp_path / "lock")
    assert locks.holder_of(tmp_path / "lock") == {}
    again.release()


def test_nobody_holds_a_lock_that_never_was(tmp_path: Path) -> None:
    assert locks.holder_of(tmp_path / "none") is None


def test_garbage_in_a_lock_file_is_no_holder(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("[1")
    lock = locks.acquire(tmp_path / "lock")
    assert locks.holder_of(tmp_path / "lock") == {}
    lock.release()


def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot open the lock"):
        locks.acquire(tmp_path / "file" / "lock")
