"""Plan files are read within bounds and written as a whole."""

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from git_pliny.errors import BusyError, ConfigError, PlanError, StorageError
from git_pliny.plans import atomic
from git_pliny.plans.files import LIMIT, label, read_text


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\n")
    assert read_text(path, "x") == "a: 1\r\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a: 1\n\xc3\xa9 \xff", "x:2:3: byte 0xff is not UTF-8 text"),
        ("a: 1".encode("utf-16"), "x:1:1: the file is UTF-16; save it as UTF-8"),
    ],
)
def test_what_is_no_utf_8_is_named_with_its_place(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(PlanError) as caught:
        read_text(tmp_path / "x", "x")
    assert caught.value.message == message


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with path.open("wb") as file:
        file.truncate(LIMIT + 1)
    with pytest.raises(ConfigError, match="x is larger than 4 MiB"):
        read_text(path, "x")


def test_a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x")
    with pytest.raises(ConfigError, match="x is not a regular file"):
        read_text(tmp_path / "x", "x")


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^x (can't be read: Is a directory|is not a regular file)$"):
        read_text(tmp_path, "x")


def test_a_missing_file_and_an_impossible_name_are_errors_of_the_user(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="x does not exist"):
        read_text(tmp_path / "no", "x")
    with pytest.raises(ConfigError, match="can't be read: not a valid file name"):
        read_text(Path("a\0b"), "a\0b")
    with pytest.raises(ConfigError, match="can't be read: File name too long"):
        read_text(tmp_path / ("x" * 5000), "x")


def test_a_file_is_named_relative_to_the_root_where_it_is_below_it(tmp_path: Path) -> None:
    assert label(tmp_path / "a" / ".." / "b.yaml", tmp_path) == "b.yaml"
    assert label(Path("/elsewhere/b.yaml"), tmp_path) == "/elsewhere/b.yaml"


def test_a_replaced_file_keeps_its_mode_its_link_and_its_mark(tmp_path: Path) -> None:
    target, link = tmp_path / "real" / "m.json", tmp_path / "m.json"
    target.parent.mkdir()
    target.write_bytes(b"\xef\xbb\xbf{}")
    target.chmod(0o640)
    link.symlink_to("real/m.json")
    with atomic.held(link):
        atomic.replace_text(link, "{1}")
    assert link.is_symlink()
    assert target.read_bytes() == b"\xef\xbb\xbf{1}"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert sorted(path.name for path in target.parent.iterdir()) == ["m.json"]


def test_a_new_file_has_the_mode_that_the_user_gives_to_new_files(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    atomic.replace_text(tmp_path / "m.json", "x")
    assert (tmp_path / "m.json").stat().st_mode == plain.stat().st_mode


def test_what_a_killed_write_left_is_taken_over_or_removed(tmp_path: Path) -> None:
    path, fresh = tmp_path / "m.json", tmp_path / ".m.json.pliny-new"
    fresh.write_text("torn")
    atomic.replace_text(path, "whole")
    assert (path.read_text(), fresh.exists()) == ("whole", False)
    fresh.write_text("torn")
    atomic.forget_fresh(path)
    atomic.forget_fresh(path)
    assert not fresh.exists()


def test_a_disk_that_takes_no_more_leaves_the_old_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_text("old")
    program = f"""
import resource, signal
from pathlib import Path
from git_pliny.errors import StorageError
from git_pliny.plans import atomic
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    atomic.replace_text(Path({str(path)!r}), "x" * 5000)
except StorageError as error:
    print(error.message)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert f"can't be written: {os.strerror(errno.EFBIG)}" in done.stdout
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("m.json", "old")]


def test_a_folder_that_is_not_there_is_a_storage_error(tmp_path: Path) -> None:
    path = tmp_path / "no" / "m.json"
    with pytest.raises(StorageError, match="can't be written: No such file"), atomic.held(path):
        pass
    with pytest.raises(StorageError, match="can't be written: No such file"):
        atomic.replace_text(path, "x")


def test_two_writers_of_a_folder_wait_for_each_other(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    order: list[str] = []
    second = threading.Thread(target=lambda: _hold(path, order))
    with atomic.held(path):
        second.start()
        second.join(0.2)
        order.append("first")
    second.join()
    assert order == ["first", "second"]


def _hold(path: Path, order: list[str]) -> None:
    with atomic.held(path):
        order.append("second")


def test_a_writer_that_never_lets_go_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic, "_TRIES", 2)
    path = tmp_path / "m.json"
    with atomic.held(path), pytest.raises(BusyError, match="another process has kept"), atomic.held(path):
        pass


def test_of_a_file_that_is_not_there_the_nearest_one_is_named(tmp_path: Path) -> None:
    for name in ("release.yaml", "other.txt"):
        (tmp_path / name).write_text("")
    (tmp_path / "relaese.yml").mkdir()
    with pytest.raises(ConfigError, match=r"^relase\.yaml does not exist; did you mean `release\.yaml`\?$"):
        read_text(tmp_path / "relase.yaml", "relase.yaml")
    with pytest.raises(ConfigError, match=r"^elsewhere/release\.yaml does not exist$"):
        read_text(tmp_path / "elsewhere" / "release.yaml", "elsewhere/release.yaml")
