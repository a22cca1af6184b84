"""Many refs are made in one step, and git reads them as if it had made them itself."""

import os
import signal
import subprocess
import sys
import time

import pytest
from scratch import Scratch

from git_pliny.git.locks import break_stale_locks
from git_pliny.git.packed import NewRef, create_packed
from git_pliny.git.process import LockHeldError
from git_pliny.git.refs import RefMovedError


def news(scratch: Scratch, *, space: str = "refs/pliny/x/", count: int = 30) -> dict[str, NewRef]:
    """New refs to a commit and to a tag of it, in turns."""
    scratch.git("tag", "-f", "-a", "-m", "t", "t")
    commit, tag = scratch.git("rev-parse", "HEAD"), scratch.git("rev-parse", "t")
    kinds = (NewRef(commit), NewRef(tag, commit))
    return {f"{space}{number}": kinds[number % 2] for number in range(count)}


def listed(scratch: Scratch) -> dict[str, str]:
    lines = scratch.git("for-each-ref", "--format=%(refname) %(objectname) %(*objectname)").splitlines()
    return {line.split()[0]: line.partition(" ")[2].strip() for line in lines}


@pytest.mark.parametrize("before", ["none", "packed", "unsorted", "old"])
def test_new_refs_are_there_beside_those_that_were(scratch: Scratch, before: str) -> None:
    scratch.git("branch", "zz")
    scratch.git("tag", "-a", "-m", "a", "aa")
    place = scratch.root / ".git" / "packed-refs"
    if before != "none":
        scratch.git("pack-refs", "--all")
    if before == "unsorted":
        head, *lines = place.read_text().splitlines(keepends=True)
        plain = [line for line in lines if "zz" in line]
        rest = [line for line in lines if "zz" not in line]
        place.write_text(head.replace(" sorted", "") + "".join(plain + rest))
    if before == "old":
        lines = [line for line in place.read_text().splitlines(keepends=True) if line[0] not in "#^"]
        place.write_text("".join(lines))
    was, new = listed(scratch), news(scratch)
    was |= {"refs/tags/t": f"{scratch.git('rev-parse', 't')} {scratch.git('rev-parse', 'HEAD')}"}
    assert create_packed(scratch.repository, new)
    expected = was | {name: f"{ref.oid} {ref.peeled or ''}".strip() for name, ref in new.items()}
    assert listed(scratch) == expected
    scratch.git("pack-refs", "--all")
    assert listed(scratch) == expected
    assert scratch.git("rev-parse", "refs/pliny/x/1^{commit}") == scratch.git("rev-parse", "HEAD")
    assert scratch.git("fsck") == ""
    assert not (scratch.root / ".git" / "packed-refs.lock").exists()


@pytest.mark.parametrize("packed", [True, False])
def test_one_that_is_there_leaves_all_as_they_are(scratch: Scratch, packed: bool) -> None:
    scratch.git("update-ref", "refs/pliny/x/7", "HEAD")
    if packed:
        scratch.git("pack-refs", "--all")
    new, was = news(scratch), listed(scratch)
    with pytest.raises(RefMovedError):
        create_packed(scratch.repository, new)
    assert listed(scratch) == was


def test_a_file_that_is_written_in_an_unknown_way_is_left_to_git(scratch: Scratch) -> None:
    new, repository = news(scratch), scratch.repository
    scratch.git("pack-refs", "--all")
    place = scratch.root / ".git" / "packed-refs"
    place.write_text(place.read_text() + "# something new\n")
    was = place.read_bytes()
    assert not create_packed(repository, new)
    assert place.read_bytes() == was


def test_a_lock_that_somebody_holds_is_not_broken(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("git_pliny.git.packed._WAIT_S", 0.1)
    lock = scratch.root / ".git" / "packed-refs.lock"
    lock.write_text("")
    with pytest.raises(LockHeldError):
        create_packed(scratch.repository, news(scratch))
    assert lock.exists()


def test_a_lock_of_one_that_was_killed_is_removed(scratch: Scratch) -> None:
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from git_pliny.git import packed\n"
        "from git_pliny.git.repository import discover\n"
        "def hang(*_):\n"
        "    print('locked', flush=True)\n"
        "    sys.stdin.read()\n"
        "packed._merged = hang\n"
        "packed.create_packed(discover(Path.cwd(), os.environ), {'refs/pliny/x/1': packed.NewRef('a' * 40)})\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=scratch.root,
        env=scratch.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        os.kill(process.pid, signal.SIGKILL)
    lock = scratch.root / ".git" / "packed-refs.lock"
    assert lock.exists()
    break_stale_locks(scratch.repository)
    assert not lock.exists()
    assert create_packed(scratch.repository, news(scratch))


def test_nothing_is_lost_beside_a_git_that_packs_refs_all_the_time(scratch: Scratch) -> None:
    made: dict[str, NewRef] = {}
    with subprocess.Popen(
        ["sh", "-c", "i=0; while :; do i=$((i+1)); git update-ref refs/own/$i HEAD; git pack-refs --all; done"],
        cwd=scratch.root,
        env=scratch.environ,
        stderr=subprocess.DEVNULL,
        process_group=0,
    ) as process:
        for turn in range(30):
            new = news(scratch, space=f"refs/pliny/{turn}/", count=5)
            assert create_packed(scratch.repository, new)
            made |= new
        time.sleep(0.1)
        os.killpg(process.pid, signal.SIGKILL)
    (scratch.root / ".git" / "packed-refs.lock").unlink(missing_ok=True)
    found = listed(scratch)
    assert made.keys() <= found.keys()
    own = sorted(int(name.rpartition("/")[2]) for name in found if name.startswith("refs/own/"))
    assert own == list(range(1, len(own) + 1))
