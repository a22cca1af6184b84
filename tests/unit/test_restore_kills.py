"""A restore that is killed, or meets locks, can be run again and ends right."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from snapshot_edits import Editor
from snapshot_repos import KINDS, Work, differences, interfere, run_apart
from snapshot_restores import plan, refuses, restore, restoring, target_of

from git_pliny.git import locks
from git_pliny.git.locks import INDEX_RECORD, REFS_RECORD, break_stale_locks, hold_index, recorded_refs
from git_pliny.git.process import GitKilledError, LockHeldError
from git_pliny.git.restore import apply_restore, plan_restore
from git_pliny.git.scratch import scratch
from git_pliny.git.snapshot import capture
from git_pliny.git.treediff import Kind


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """A repository with one commit of a few files, and an ignored one."""
    return KINDS["plain"](tmp_path)


def test_a_lock_that_another_git_holds_is_waited_for_and_then_named(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "WAIT_S", 0.1)
    snapshot = capture(work.repository)
    lock = work.write(".git/index.lock", "")
    with pytest.raises(LockHeldError, match=r"index\.lock"):
        restore(work, snapshot)
    assert lock.exists()


def test_a_lock_that_another_git_lets_go_of_is_taken(work: Work) -> None:
    snapshot = capture(work.repository)
    work.write("plain", "changed\n")
    work.write(".git/index.lock", "")
    with subprocess.Popen(["sh", "-c", "sleep 0.3; rm .git/index.lock"], cwd=work.root):
        restore(work, snapshot)
    assert work.path("plain").read_text() == "plain\n"


def test_a_ref_lock_that_another_git_lets_go_of_is_waited_for(work: Work) -> None:
    snapshot = capture(work.repository)
    work.write("plain", "changed\n")
    work.commit()
    work.write(".git/HEAD.lock", "")
    with subprocess.Popen(["sh", "-c", "sleep 0.5; rm .git/HEAD.lock"], cwd=work.root):
        restore(work, snapshot)
    assert capture(work.repository) == snapshot


def test_where_hard_links_are_missing_the_lock_is_made_plainly(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", _no_links)
    with scratch(work.repository) as own, hold_index(work.repository, own):
        assert work.path(".git/index.lock").read_bytes() == (own / INDEX_RECORD).read_bytes()
    assert not work.path(".git/index.lock").exists()


def test_where_hard_links_are_missing_a_lock_that_another_git_holds_is_named(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", _no_links)
    monkeypatch.setattr(locks, "WAIT_S", 0.0)
    snapshot = capture(work.repository)
    work.write(".git/index.lock", "")
    with pytest.raises(LockHeldError):
        restore(work, snapshot)


def _no_links(*_: object) -> None:
    raise PermissionError("no hard links here")


@pytest.mark.parametrize("call", range(2, 26, 4))
def test_a_restore_killed_at_any_git_can_be_run_again(call: int, tmp_path: Path) -> None:
    work = KINDS["edited"](tmp_path)
    before, snapshot = work.facts(), capture(work.repository)
    Editor(work, call).edit(12)
    work.commit()
    count = tmp_path / "count"
    killer = interfere(
        work, tmp_path / "bin", f'echo >> {count}; [ "$(wc -l < {count})" -ge {call} ] && {{ kill -9 $PPID; exit 1; }}'
    )
    done = run_apart(killer, restoring(snapshot))
    assert done.returncode == -signal.SIGKILL, done
    restore(work, snapshot)
    assert differences(before, work.facts()) == {}
    assert not list(work.repository.git_dir.glob("*.lock"))
    assert not list((work.repository.local / "tmp").iterdir())


def test_a_tracked_file_that_the_rules_ignore_does_not_stop_a_second_run(work: Work) -> None:
    work.write("tracked.ign", "tracked\n")
    work.git("add", "-f", "tracked.ign")
    work.git("commit", "-q", "-m", "tracked and ignored")
    before, snapshot = work.facts(), capture(work.repository)
    work.git("rm", "-q", "tracked.ign")
    work.commit()
    work.write("tracked.ign", "tracked\n")
    restore(work, snapshot)
    assert differences(before, work.facts()) == {}


def test_a_tracked_file_that_the_rules_ignore_is_not_overwritten_where_it_differs(work: Work) -> None:
    work.write("tracked.ign", "tracked\n")
    work.git("add", "-f", "tracked.ign")
    work.git("commit", "-q", "-m", "tracked and ignored")
    snapshot = capture(work.repository)
    work.git("rm", "-q", "--cached", "tracked.ign")
    work.write("tracked.ign", "edited\n")
    refuses(work, snapshot, r"tracked\.ign is in the way")


def test_a_second_run_leaves_files_that_were_ignored_when_the_first_began(work: Work) -> None:
    snapshot = capture(work.repository)
    work.write(".gitignore", "precious\n")
    work.write("precious")
    work.write("new")
    begun = capture(work.repository)
    work.git("checkout", "-q", ".gitignore")
    planned = plan_restore(
        work.repository, target=target_of(snapshot), current=capture(work.repository), begun_at=begun.tree
    )
    assert planned.paths(Kind.REMOVE) == ("new",)
    apply_restore(work.repository, planned, keep_head=False, reason="x")
    assert work.path("precious").exists()


def _leave_abandoned(work: Work, record: str, content: bytes) -> Path:
    folder = work.repository.local / "tmp" / "left"
    folder.mkdir(parents=True)
    (folder / record).write_bytes(content)
    return folder


def test_the_index_lock_of_a_killed_restore_is_removed(work: Work) -> None:
    lock = work.path(".git/index.lock")
    folder = _leave_abandoned(work, INDEX_RECORD, b"%s\nours\n" % os.fsencode(lock))
    os.link(folder / INDEX_RECORD, lock)
    assert break_stale_locks(work.repository) == (str(lock),)
    assert not lock.exists()
    assert not folder.exists()


@pytest.mark.parametrize("content", [b"", b"another git's"])
def test_the_index_lock_of_another_git_is_left_alone(content: bytes, work: Work) -> None:
    lock = work.path(".git/index.lock")
    lock.write_bytes(content)
    _leave_abandoned(work, INDEX_RECORD, b"%s\nours\n" % os.fsencode(lock))
    assert break_stale_locks(work.repository) == ()
    assert lock.exists()


def _killed_at_the_lock(work: Work, tmp_path: Path, content: str) -> Work:
    """Every git that would move a ref is killed while it holds the lock."""
    script = f'case "$*" in *update-ref*) printf "{content}" > .git/refs/heads/main.lock; kill -9 $$;; esac'
    return interfere(work, tmp_path / "bin", script)


@pytest.mark.parametrize("end", ["\\n", ""], ids=["whole", "cut off"])
def test_the_ref_lock_that_a_killed_git_of_ours_left_is_removed(end: str, work: Work, tmp_path: Path) -> None:
    snapshot = capture(work.repository)
    work.write("plain", "changed\n")
    work.commit()
    planned = plan(work, snapshot)
    busy = _killed_at_the_lock(work, tmp_path, f"{snapshot.head.oid}{end}")
    with pytest.raises(GitKilledError):
        apply_restore(busy.repository, planned, keep_head=False, reason="x")
    assert not work.path(".git/refs/heads/main.lock").exists()
    restore(work, snapshot)
    assert capture(work.repository) == snapshot


def test_the_ref_lock_of_a_killed_restore_is_removed_by_the_next(work: Work) -> None:
    snapshot = capture(work.repository)
    repository = work.repository
    with scratch(repository) as own, recorded_refs(repository, own, "refs/heads/main", snapshot.head.oid):
        record = (own / REFS_RECORD).read_bytes()
    _leave_abandoned(work, REFS_RECORD, record)
    lock = work.write(".git/refs/heads/main.lock", f"{snapshot.head.oid}\n")
    assert break_stale_locks(repository) == (str(lock),)
    assert not lock.exists()


@pytest.mark.parametrize("why", ["other content", "made before", "made long after", "let go of"])
def test_the_ref_lock_of_another_git_is_left_alone(why: str, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_SETTLE_S", 0.3)
    snapshot = capture(work.repository)
    repository = work.repository
    lock = work.write(".git/refs/heads/main.lock", "x" if why == "other content" else f"{snapshot.head.oid}\n")
    with scratch(repository) as own, recorded_refs(repository, own, "refs/heads/main", snapshot.head.oid):
        record = (own / REFS_RECORD).read_bytes()
    left = _leave_abandoned(work, REFS_RECORD, record) / REFS_RECORD
    made = left.stat().st_mtime_ns
    offset = {"made before": -1, "made long after": 3600 * 10**9}.get(why, 10**6)
    os.utime(lock, ns=(made + offset, made + offset))
    if why == "let go of":
        with subprocess.Popen(["sh", "-c", "sleep 0.1; rm .git/refs/heads/main.lock"], cwd=work.root):
            assert break_stale_locks(repository) == ()
    else:
        assert break_stale_locks(repository) == ()
        assert lock.exists()


def test_a_git_that_outlives_its_killed_restore_is_waited_for(work: Work, tmp_path: Path) -> None:
    snapshot = capture(work.repository)
    work.write("plain", "changed\n")
    work.commit()
    slow = interfere(work, tmp_path / "bin", 'case "$*" in *"-m -u"*) kill -9 $PPID; sleep 1;; esac')
    done = run_apart(slow, restoring(snapshot))
    assert done.returncode == -signal.SIGKILL, done
    assert work.path("plain").read_text() == "changed\n"
    assert break_stale_locks(work.repository, wait_s=5) == (str(work.path(".git/index.lock")),)
    assert work.path("plain").read_text() == "plain\n"


def test_a_corrupt_record_breaks_nothing(work: Work) -> None:
    _leave_abandoned(work, REFS_RECORD, b"{")
    assert break_stale_locks(work.repository) == ()
