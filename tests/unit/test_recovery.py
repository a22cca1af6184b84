import json
import os
from pathlib import Path

import pytest
from scratch import Scratch
from stores import DELETED_AT, ended, lone_run, new_session, plan_of, resumed, started

from git_pliny.errors import CorruptError
from git_pliny.git.process import LockHeldError
from git_pliny.git.refs import RefUpdate, update_refs
from git_pliny.git.snapshot import capture
from git_pliny.model.session import AgentStatus
from git_pliny.store import deletion, journal, listing, sessions
from git_pliny.store.checkpoints import Occasion
from git_pliny.store.run import Run


class KilledError(BaseException):
    """Stands for a kill: nothing that would run afterwards does."""


def dead_run(scratch: Scratch, session: str) -> Run:
    """A run whose process is gone: its entries are in its journal, its lock is free."""
    run = lone_run(scratch, session)
    run.append(plan_of("a", "b"), started("a"), ended("a"), started("b"))
    run._journal._lock.release()
    return run


def new(scratch: Scratch) -> str:
    with new_session(scratch) as run:
        return run.session


def test_the_entries_of_a_dead_run_are_taken_over_once(scratch: Scratch) -> None:
    session = new(scratch)
    dead = dead_run(scratch, session)
    with resumed(scratch, session) as (run, repairs):
        assert repairs == []
        assert run.state.agents["b"].status is AgentStatus.RUNNING
    assert not dead._journal.path.exists()
    assert scratch.session()["completed_agents"] == ["a"]
    assert len(sessions.load_lines(scratch.repository, session)) == 6


def test_lines_that_are_in_notes_and_journal_count_once(scratch: Scratch) -> None:
    session = new(scratch)
    dead = dead_run(scratch, session)
    text = dead._journal.path.read_bytes()
    with resumed(scratch, session):
        pass
    dead._journal.path.parent.mkdir(parents=True, exist_ok=True)
    dead._journal.path.write_bytes(text)
    with resumed(scratch, session) as (_, repairs):
        assert repairs == []
    assert len(sessions.load_lines(scratch.repository, session)) == 6


def test_a_torn_line_is_recorded_and_the_journal_kept_aside(scratch: Scratch) -> None:
    session = new(scratch)
    path = dead_run(scratch, session)._journal.path
    with path.open("ab") as torn:
        torn.write(b'{"ts":"2026')
    with resumed(scratch, session) as (run, repairs):
        assert [repair.data["kind"] for repair in repairs] == ["torn"]
        assert run.state.agents["a"].status is AgentStatus.COMPLETED
    assert path.with_suffix(".bad").exists()
    with resumed(scratch, session) as (_, repairs):
        assert repairs == []


def test_a_corrupt_line_is_recorded_and_no_other_is_lost(scratch: Scratch) -> None:
    session = new(scratch)
    path = dead_run(scratch, session)._journal.path
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], b"\0\0\n", *lines[2:]]))
    with resumed(scratch, session) as (run, repairs):
        assert [repair.data["kind"] for repair in repairs] == ["corrupt"]
        assert run.state.agents["a"].status is AgentStatus.COMPLETED


@pytest.mark.parametrize("content", ["", "{", '{"id": 7}', "[]"])
def test_a_corrupt_session_blob_is_mended_from_the_trail(scratch: Scratch, content: str) -> None:
    session = new(scratch)
    ref = f"refs/pliny/sessions/{session}"
    right = scratch.git("rev-parse", ref)
    wrong = scratch.run("git", "hash-object", "-w", "--stdin", stdin=content).stdout.strip()
    update_refs(scratch.repository, [RefUpdate(ref, wrong, right)])
    assert sessions.load(scratch.repository, session).name == "n"
    with resumed(scratch, session) as (_, repairs):
        assert [repair.data["kind"] for repair in repairs] == ["session"]
    assert scratch.session()["name"] == "n"


def test_a_session_behind_its_trail_is_promoted_and_demoted_by_it(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("a", "b"), started("b"), ended("b"))
        run.flush()
        before = scratch.git("rev-parse", f"refs/pliny/sessions/{run.session}")
        run.append(started("a"), ended("a"), started("b", 2), ended("b", 2, "failed"))
    ref = f"refs/pliny/sessions/{run.session}"
    update_refs(scratch.repository, [RefUpdate(ref, before, scratch.git("rev-parse", ref))])
    with resumed(scratch, run.session) as (_, repairs):
        assert repairs[0].data["promoted"] == ["a"]
        assert repairs[0].data["failed"] == ["b"]
    assert scratch.session()["completed_agents"] == ["a"]


def test_a_checkpoint_ref_that_no_entry_names_is_adopted(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    session = new(scratch)
    run = lone_run(scratch, session)

    def killed(*_: object) -> None:
        raise KilledError

    monkeypatch.setattr(run, "append", killed)
    with pytest.raises(KilledError):
        run.checkpoint(Occasion(name="lost one", phase="p"))
    run._journal._lock.release()
    with resumed(scratch, session) as (after, repairs):
        assert [repair.data["name"] for repair in repairs] == ["lost one"]
        assert "lost one" in after.state.checkpoints
    with resumed(scratch, session) as (_, repairs):
        assert repairs == []


def test_a_checkpoint_that_a_living_run_is_making_is_left_to_it(
    scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = new(scratch)
    run = lone_run(scratch, session)
    with monkeypatch.context() as patch:
        patch.setattr(run, "append", lambda *_: (_ for _ in ()).throw(KilledError()))
        with pytest.raises(KilledError):
            run.checkpoint(Occasion(name="busy"))
    with resumed(scratch, session) as (after, repairs):
        assert repairs == []
        assert "busy" not in after.state.checkpoints
    run.close(flush=False)


def test_a_deletion_that_was_cut_off_is_finished(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        run.checkpoint(Occasion(name="mine"))
        ref = f"refs/pliny/checkpoints/{run.session}/mine"
        tag = scratch.git("rev-parse", ref)
        run.delete_checkpoint("mine")
    update_refs(scratch.repository, [RefUpdate(ref, tag, None)])
    with resumed(scratch, run.session) as (after, repairs):
        assert repairs == []
        assert "mine" not in after.state.checkpoints
    assert "mine" not in scratch.git("for-each-ref", "refs/pliny")


def test_a_session_killed_before_its_first_checkpoint_gets_it_on_resume(
    scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr("git_pliny.store.run.capture", killed)
        with pytest.raises(KilledError), new_session(scratch):
            pass
    (session,) = sessions.session_ids(scratch.repository)
    assert sessions.load(scratch.repository, session).name == "n"
    with resumed(scratch, session) as (run, _):
        assert list(run.state.checkpoints) == ["start"]
    assert not journal.journal_files(scratch.repository.local, session)


def test_a_stale_lock_on_our_own_ref_does_not_block_for_ever(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    session = new(scratch)
    monkeypatch.setattr("git_pliny.git.refs._STALE_S", 0.2)
    lock = scratch.root / ".git" / "refs" / "pliny" / "sessions" / f"{session}.lock"
    lock.write_text("")
    with resumed(scratch, session) as (run, _):
        run.append(started("a"))
    assert scratch.session()["agents"]["a"]["attempts"] == 1
    assert not Path(lock).exists()


def test_a_recovery_removes_stale_locks_of_refs_that_nobody_moves_any_more(scratch: Scratch) -> None:
    session = new(scratch)
    folder = scratch.root / ".git" / "refs" / "pliny" / "checkpoints" / session
    stale, fresh, foreign = folder / "gone.lock", folder / "fresh.lock", scratch.root / ".git" / "index.lock"
    for lock in (stale, fresh, foreign):
        lock.write_text("")
    os.utime(stale, (1, 1))
    os.utime(foreign, (1, 1))
    with resumed(scratch, session):
        pass
    assert not stale.exists()
    assert fresh.exists()
    assert foreign.exists()


def test_capture_is_what_a_checkpoint_holds(scratch: Scratch) -> None:
    scratch.write("new file", "x")
    with new_session(scratch) as run:
        made, snapshot, _ = run.checkpoint(Occasion(name="mine"))
    assert scratch.git("rev-parse", f"{made.commit}^{{tree}}") == snapshot.tree == capture(scratch.repository).tree


def lose(scratch: Scratch, name: str, *, corrupt: bool = False) -> None:
    """Remove the file of a loose object, or spoil it."""
    oid = scratch.git("rev-parse", name)
    file = scratch.root / ".git" / "objects" / oid[:2] / oid[2:]
    file.chmod(0o644)
    file.write_bytes(b"spoilt") if corrupt else file.unlink()


@pytest.mark.parametrize("corrupt", [False, True])
def test_a_session_object_that_git_lost_is_written_anew(scratch: Scratch, *, corrupt: bool) -> None:
    session = new(scratch)
    lose(scratch, f"refs/pliny/sessions/{session}", corrupt=corrupt)
    assert [found.name for found in sessions.load_all(scratch.repository)] == ["n"]
    assert [found.name for found in listing.list_sessions(scratch.repository)] == ["n"]
    with resumed(scratch, session) as (_, repairs):
        assert [repair.data["kind"] for repair in repairs] == ["session"]
    assert scratch.session()["name"] == "n"


@pytest.mark.parametrize("lost", ["", "^{tree}", ":NOTE"])
def test_a_trail_that_git_lost_a_part_of_is_never_written_over(scratch: Scratch, lost: str) -> None:
    session = new(scratch)
    with new_session(scratch, "other"):
        pass
    notes = f"refs/notes/pliny/{session}"
    note = scratch.git("ls-tree", "-r", "--name-only", notes)
    before = scratch.git("rev-parse", notes, f"refs/pliny/sessions/{session}")
    lose(scratch, notes + lost.replace("NOTE", note))
    with pytest.raises(CorruptError, match=f"audit trail of session {session[:8]} cannot be read"):
        sessions.load(scratch.repository, session)
    with pytest.raises(CorruptError), resumed(scratch, session):
        pass
    assert scratch.git("rev-parse", notes, f"refs/pliny/sessions/{session}") == before
    for found in (sessions.load_all(scratch.repository), listing.list_sessions(scratch.repository)):
        assert [one.name for one in found] == ["n", "other"]


def test_a_session_with_a_lost_trail_can_be_deleted(scratch: Scratch) -> None:
    session = new(scratch)
    audit = scratch.session()["audit"]
    lose(scratch, f"refs/notes/pliny/{session}")
    deletion.delete(scratch.repository, session, at=DELETED_AT)
    assert sessions.session_ids(scratch.repository) == []
    assert json.loads(scratch.git("show", f"refs/pliny/tombstones/{session}"))["audit"] == audit


def test_a_deletion_that_meets_held_packed_refs_names_them_and_is_finished_later(
    scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("git_pliny.git.refs._WAIT_S", 0.2)
    monkeypatch.setattr("git_pliny.git.refs._TIMEOUTS", ("-c", "core.packedRefsTimeout=10"))
    lock = scratch.write(".git/packed-refs.lock", "")
    with new_session(scratch) as run:
        run.checkpoint(Occasion(name="mine"))
        with pytest.raises(LockHeldError, match=r"packed-refs\.lock"):
            run.delete_checkpoint("mine")
    lock.unlink()
    with resumed(scratch, run.session) as (after, _):
        assert list(after.state.checkpoints) == ["start"]
    assert "mine" not in scratch.git("for-each-ref", "refs/pliny")
