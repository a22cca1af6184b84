"""A deleted session is gone whole, leaves a tombstone, and nothing of another session goes with it."""

import json
import shutil
from collections.abc import Callable

import pytest
from scratch import Scratch
from stores import DELETED_AT, lone_run, new_session, started
from tampering import HOSTILE, half_deleted_session, lose, put_blob, put_session, spoil, whole_session

from git_pliny.errors import BusyError, NotFoundError
from git_pliny.git.refs import read_symbolic, set_symbolic
from git_pliny.store import sessions
from git_pliny.store.deletion import clear_local, delete, half_deleted, is_covered
from git_pliny.store.journal import journal_folder
from git_pliny.store.leavings import gone_sessions
from git_pliny.store.tombstones import TOMBSTONES


def refs_of(scratch: Scratch, session: str) -> list[str]:
    return [ref for ref in scratch.git("for-each-ref", "--format=%(refname)").splitlines() if session in ref]


def leave_output(scratch: Scratch, session: str) -> None:
    folder = scratch.repository.local / "output" / session / "a@1-aaaaaaaa"
    folder.mkdir(parents=True)
    (folder / "output.log").write_text("text")


def test_only_a_tombstone_remains_of_a_deleted_session(scratch: Scratch) -> None:
    session, other = whole_session(scratch), whole_session(scratch)
    kept = refs_of(scratch, other)
    leave_output(scratch, session)
    delete(scratch.repository, session, at=DELETED_AT)
    assert refs_of(scratch, session) == [TOMBSTONES + session]
    assert refs_of(scratch, other) == kept
    assert not list(scratch.repository.local.rglob(f"*{session}*"))
    assert scratch.git("fsck", "--no-dangling") == ""


def test_the_tombstone_names_the_heads_of_the_trail_that_was_deleted(scratch: Scratch) -> None:
    session = whole_session(scratch)
    heads = scratch.session()["audit"]
    delete(scratch.repository, session, at=DELETED_AT)
    found = json.loads(scratch.git("cat-file", "blob", TOMBSTONES + session))
    assert found == {"schema": 1, "id": session, "deleted_at": DELETED_AT, "audit": heads}


def test_the_current_session_is_none_after_it_was_deleted(scratch: Scratch) -> None:
    one, two = whole_session(scratch), whole_session(scratch)
    delete(scratch.repository, one, at=DELETED_AT)
    assert sessions.current_session(scratch.repository) == two
    delete(scratch.repository, two, at=DELETED_AT)
    assert read_symbolic(scratch.repository, sessions.CURRENT) is None


def test_no_other_worktree_keeps_a_deleted_session_as_its_current_one(scratch: Scratch) -> None:
    one = whole_session(scratch)
    linked = []
    for name in ("first", "second"):
        scratch.git("worktree", "add", "-q", "--detach", name)
        linked.append(Scratch(root=scratch.root / name, environ=scratch.environ).repository)
    two = whole_session(scratch)
    set_symbolic(linked[0], sessions.CURRENT, sessions.SESSIONS + one)
    set_symbolic(linked[1], sessions.CURRENT, sessions.SESSIONS + two)
    delete(scratch.repository, one, at=DELETED_AT)
    assert [sessions.current_session(worktree) for worktree in (*linked, scratch.repository)] == [None, two, two]
    delete(linked[0], two, at=DELETED_AT)
    assert sessions.current_session(linked[1]) is None
    assert sessions.current_session(scratch.repository) is None


def test_a_session_that_is_held_is_not_deleted(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        before = refs_of(scratch, run.session)
        with pytest.raises(BusyError):
            delete(scratch.repository, run.session, at=DELETED_AT)
        assert refs_of(scratch, run.session) == before


def test_a_session_that_a_run_without_the_lock_writes_to_is_not_deleted(scratch: Scratch) -> None:
    session = whole_session(scratch)
    with lone_run(scratch, session) as run:
        run.append(started("a"))
        with pytest.raises(BusyError):
            delete(scratch.repository, session, at=DELETED_AT)
    assert len(refs_of(scratch, session)) > 2


def test_a_session_that_is_not_there_is_not_deleted(scratch: Scratch) -> None:
    session = whole_session(scratch)
    delete(scratch.repository, session, at=DELETED_AT)
    with pytest.raises(NotFoundError):
        delete(scratch.repository, session, at=DELETED_AT)


def test_a_session_whose_refs_hold_anything_can_be_deleted(scratch: Scratch) -> None:
    session = whole_session(scratch)
    put_session(scratch, session, HOSTILE[-1])
    scratch.git("update-ref", sessions.NOTES + session, "HEAD")
    delete(scratch.repository, session, at=DELETED_AT)
    assert refs_of(scratch, session) == [TOMBSTONES + session]


@pytest.mark.parametrize("harm", [lose, spoil])
def test_a_session_whose_trail_git_has_lost_can_be_deleted(scratch: Scratch, harm: Callable[..., None]) -> None:
    session = whole_session(scratch)
    heads = scratch.session()["audit"]
    harm(scratch, sessions.NOTES + session)
    delete(scratch.repository, session, at=DELETED_AT)
    assert json.loads(scratch.git("cat-file", "blob", TOMBSTONES + session))["audit"] == heads


def test_a_session_that_came_back_can_be_deleted_again(scratch: Scratch) -> None:
    session = whole_session(scratch)
    blob = scratch.git("rev-parse", sessions.SESSIONS + session)
    delete(scratch.repository, session, at=DELETED_AT)
    scratch.git("update-ref", sessions.SESSIONS + session, blob)
    delete(scratch.repository, session, at=DELETED_AT)
    assert refs_of(scratch, session) == [TOMBSTONES + session]


def test_a_session_whose_deletion_a_kill_cut_off_is_known_as_such(scratch: Scratch) -> None:
    whole, half = whole_session(scratch), half_deleted_session(scratch)
    assert half_deleted(scratch.repository) == [half]
    delete(scratch.repository, half, at=DELETED_AT)
    assert half_deleted(scratch.repository) == []
    assert refs_of(scratch, half) == [TOMBSTONES + half]
    assert sessions.session_ids(scratch.repository) == [whole]


def test_a_session_with_entries_beyond_its_tombstone_is_not_half_deleted(scratch: Scratch) -> None:
    session = whole_session(scratch)
    put = put_blob(scratch, json.dumps({"audit": {"heads": {"aaaaaaaa": "1:x"}}}).encode())
    scratch.git("update-ref", TOMBSTONES + session, put)
    assert half_deleted(scratch.repository) == []


def test_entries_up_to_the_heads_of_a_tombstone_are_covered_and_later_ones_are_not(scratch: Scratch) -> None:
    session = whole_session(scratch)
    with lone_run(scratch, session) as run:
        run.append(started("b", 2))
        lines = sessions.load_lines(scratch.repository, session)
    put = put_blob(
        scratch, json.dumps({"audit": {"heads": {lines[0].entry.run: f"8:{lines[-2].digest}", run.id: "0:x"}}}).encode()
    )
    scratch.git("update-ref", TOMBSTONES + session, put)
    assert is_covered(scratch.repository, session, lines[:-1])
    assert not is_covered(scratch.repository, session, lines)


@pytest.mark.parametrize("heads", [None, 7, {"aaaaaaaa": 7}, {"aaaaaaaa": ""}, {"aaaaaaaa": "²:x"}])
def test_a_tombstone_of_any_other_content_covers_nothing(scratch: Scratch, heads: object) -> None:
    session = whole_session(scratch)
    lines = sessions.load_lines(scratch.repository, session)
    put = put_blob(scratch, json.dumps({"audit": {"heads": heads}}).encode())
    scratch.git("update-ref", TOMBSTONES + session, put)
    assert not is_covered(scratch.repository, session, lines)


def test_files_of_a_session_without_refs_are_those_of_a_gone_one(scratch: Scratch) -> None:
    session = whole_session(scratch)
    leave_output(scratch, session)
    assert gone_sessions(scratch.repository) == []
    for ref in refs_of(scratch, session):
        scratch.git("update-ref", "-d", ref)
    assert gone_sessions(scratch.repository) == [session]
    clear_local(scratch.repository, session)
    assert gone_sessions(scratch.repository) == []


def test_a_session_whose_entries_are_only_in_its_journal_is_not_gone(scratch: Scratch) -> None:
    session = whole_session(scratch)
    with lone_run(scratch, session) as run:
        run.append(started("b", 2))
        folder = journal_folder(scratch.repository.local, session)
        shutil.copytree(folder, folder.with_name("copy"))
    folder.with_name("copy").rename(folder)
    for ref in refs_of(scratch, session):
        scratch.git("update-ref", "-d", ref)
    assert gone_sessions(scratch.repository) == []


def test_a_journal_that_a_kill_left_of_a_deleted_session_is_of_no_use(scratch: Scratch) -> None:
    session = whole_session(scratch)
    with lone_run(scratch, session) as run:
        run.append(started("b", 2))
        folder = journal_folder(scratch.repository.local, session)
        shutil.copytree(folder, folder.with_name("copy"))
    delete(scratch.repository, session, at=DELETED_AT)
    folder.with_name("copy").rename(folder)
    assert gone_sessions(scratch.repository) == [session]


def test_a_session_that_a_process_is_about_to_make_is_not_gone(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        for ref in refs_of(scratch, run.session):
            scratch.git("update-ref", "-d", ref)
        assert gone_sessions(scratch.repository) == []


def test_other_files_in_our_folder_are_no_sessions(scratch: Scratch) -> None:
    folder = scratch.repository.local / "output" / "notes"
    folder.mkdir(parents=True)
    assert gone_sessions(scratch.repository) == []
