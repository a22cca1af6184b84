"""What is wrong with a repository is found, and mended where that is safe."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from scratch import Scratch
from stores import BOUNDS, DELETED_AT, clock, ended, lone_run, new_session, plan_of, started
from tampering import HOSTILE, drop, edit_notes, half_deleted_session, lose, put_blob, put_session, whole_session

from git_pliny.git.refs import set_symbolic
from git_pliny.runners.base import OUTPUT, beside
from git_pliny.store import sessions
from git_pliny.store.artifacts import AttemptPlace, attempt_folder, outputs_folder
from git_pliny.store.audit import verify
from git_pliny.store.deletion import delete
from git_pliny.store.doctor import Doctor, Finding, Level
from git_pliny.store.journal import journal_folder
from git_pliny.store.tombstones import TOMBSTONES

NOBODY = "99999999-9999-9999-9999-999999999999"


def examine(scratch: Scratch) -> list[Finding]:
    """What is not as it should be."""
    doctor = Doctor(scratch.repository, clock=clock, bounds=BOUNDS)
    return [finding for finding in doctor.examine() if finding.level is not Level.OK]


def mend(scratch: Scratch) -> list[Finding]:
    """What is still not as it should be after everything that can be was mended."""
    for finding in examine(scratch):
        if finding.mend is not None:
            finding.mend()
    return examine(scratch)


def die_with(scratch: Scratch, session: str, *, tail: bytes = b"") -> Path:
    """Leave the journal of a run that was killed."""
    with lone_run(scratch, session) as run:
        run.append(started("b", 2))
        path = journal_folder(scratch.repository.local, session) / f"{run.id}.jsonl"
        content = path.read_bytes()
        run._pending.clear()
        run._journal.clear()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content + tail)
    return path


def test_a_sound_repository_has_nothing_to_mend(scratch: Scratch) -> None:
    whole_session(scratch)
    assert examine(scratch) == []


def test_a_repository_without_a_session_has_nothing_to_mend(scratch: Scratch) -> None:
    assert examine(scratch) == []


def test_a_sound_session_is_said_to_be(scratch: Scratch) -> None:
    session = whole_session(scratch)
    found = [finding.message for finding in Doctor(scratch.repository, clock=clock, bounds=BOUNDS).examine()]
    assert f"session {session[:8]} verifies: 8 entries, 2 checkpoints" in found
    assert "locks work on this file system" in found


def test_who_works_on_a_session_is_said(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        found = [finding.message for finding in Doctor(scratch.repository, clock=clock, bounds=BOUNDS).examine()]
    assert f"session {run.session[:8]} is being worked on by process {os.getpid()}" in found


@pytest.mark.parametrize("content", [HOSTILE[0], HOSTILE[-1]])
def test_a_session_object_of_any_other_content_is_written_anew(scratch: Scratch, content: bytes) -> None:
    session = whole_session(scratch)
    put_session(scratch, session, content)
    [found] = examine(scratch)
    assert (found.level, found.hint) == (Level.PROBLEM, "git pliny doctor --fix")
    assert mend(scratch) == []
    assert verify(scratch.repository, session).ok


def test_a_session_ref_that_was_removed_is_made_anew(scratch: Scratch) -> None:
    session = whole_session(scratch)
    scratch.git("update-ref", "-d", sessions.SESSIONS + session)
    assert any("no session object" in finding.message for finding in examine(scratch))
    assert mend(scratch) == []
    assert scratch.session()["name"] == "Tidy the parser"


def test_entries_of_a_killed_run_are_put_into_git(scratch: Scratch) -> None:
    session = whole_session(scratch)
    path = die_with(scratch, session)
    [found] = examine(scratch)
    assert (found.level, "ended before its last entries" in found.message) == (Level.REMARK, True)
    assert mend(scratch) == []
    assert not path.exists()
    assert sessions.load(scratch.repository, session).agents["b"].attempts == 2


def test_a_torn_line_is_recorded_and_kept_aside(scratch: Scratch) -> None:
    session = whole_session(scratch)
    path = die_with(scratch, session, tail=b'{"ts"')
    [left] = mend(scratch)
    assert left.message == f"session {session[:8]}: {path.with_suffix('.bad')} keeps lines that are no entries"
    path.with_suffix(".bad").unlink()
    assert examine(scratch) == []


def test_a_broken_chain_is_a_problem_that_nothing_mends(scratch: Scratch) -> None:
    session = whole_session(scratch)
    edit_notes(scratch, session, drop(b'"agent_start","phase":"p","agent":"a"'))
    broken = [finding for finding in mend(scratch) if finding.level is Level.PROBLEM]
    assert broken[0].message.startswith(f"session {session[:8]}: entry 4 of run")
    assert broken[0].mend is None


@pytest.mark.parametrize("name", [sessions.NOTES, sessions.SESSIONS])
def test_objects_that_git_has_lost_are_a_problem_and_no_error(scratch: Scratch, name: str) -> None:
    session = whole_session(scratch)
    lose(scratch, name + session)
    assert Level.PROBLEM in {finding.level for finding in examine(scratch)}


def test_a_checkpoint_ref_that_was_removed_is_made_anew(scratch: Scratch) -> None:
    session = whole_session(scratch)
    refs = [f"{sessions.CHECKPOINTS}{session}/{name}" for name in ("start", "p")]
    before = scratch.git("for-each-ref")
    for ref in refs:
        scratch.git("update-ref", "-d", ref)
    assert len(examine(scratch)) == 2
    assert mend(scratch) == []
    assert scratch.git("for-each-ref", *refs) == "\n".join(
        line for line in before.splitlines() if "checkpoints" in line
    )


def test_a_checkpoint_whose_tag_is_lost_remains_a_problem(scratch: Scratch) -> None:
    session = whole_session(scratch)
    ref = f"{sessions.CHECKPOINTS}{session}/p"
    lose(scratch, ref)
    (scratch.root / ".git" / ref).unlink()
    assert [finding.message for finding in mend(scratch)] == [f"session {session[:8]}: checkpoint 'p' has no ref"]


def test_a_session_ref_without_any_entry_is_a_problem_and_no_error(scratch: Scratch) -> None:
    session = whole_session(scratch)
    put_session(scratch, session, b"x")
    scratch.git("update-ref", "-d", sessions.NOTES + session)
    assert Level.PROBLEM in {finding.level for finding in examine(scratch)}


def test_what_a_session_under_way_disagrees_in_is_left_to_it(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        ref = f"{sessions.CHECKPOINTS}{run.session}/start"
        tag = scratch.git("rev-parse", ref)
        scratch.git("update-ref", "-d", ref)
        [found] = examine(scratch)
        scratch.git("update-ref", ref, tag)
    assert (found.level, found.mend) == (Level.PROBLEM, None)


def test_an_old_lock_in_our_namespaces_is_removed_and_a_young_one_is_not(scratch: Scratch) -> None:
    session = whole_session(scratch)
    folder = scratch.root / ".git" / "refs" / "pliny" / "sessions"
    old, young = folder / f"{session}.lock", folder / "young.lock"
    for lock in (old, young):
        lock.touch()
    os.utime(old, (time.time() - 3600, time.time() - 3600))
    assert [finding.message for finding in examine(scratch)] == [
        f"a killed git left the lock refs/pliny/sessions/{session}.lock"
    ]
    assert mend(scratch) == []
    assert (old.exists(), young.exists()) == (False, True)


def test_a_current_session_that_is_gone_is_forgotten(scratch: Scratch) -> None:
    set_symbolic(scratch.repository, sessions.CURRENT, sessions.SESSIONS + NOBODY)
    [found] = examine(scratch)
    assert found.message == f"PLINY_HEAD names refs/pliny/sessions/{NOBODY}, which is no session here"
    assert mend(scratch) == []
    assert sessions.current_session(scratch.repository) is None


def test_a_current_session_that_is_none_of_ours_is_forgotten(scratch: Scratch) -> None:
    set_symbolic(scratch.repository, sessions.CURRENT, "refs/heads/main")
    assert len(examine(scratch)) == 1
    assert mend(scratch) == []


def test_a_ref_that_nobody_knows_is_remarked_on_and_left(scratch: Scratch) -> None:
    scratch.git("update-ref", "refs/pliny/other/it's", "HEAD")
    [found] = mend(scratch)
    assert (found.level, found.mend) == (Level.REMARK, None)
    assert found.hint == "git update-ref -d 'refs/pliny/other/it'\"'\"'s'"


def test_refs_of_a_session_without_entries_are_named_and_left(scratch: Scratch) -> None:
    ref = f"{sessions.CHECKPOINTS}{NOBODY}/start"
    scratch.git("update-ref", ref, "HEAD")
    [found] = mend(scratch)
    assert (found.level, found.message) == (Level.REMARK, f"the ref {ref} is of a session without entries")


def test_refs_that_are_left_of_a_deleted_session_are_removed(scratch: Scratch) -> None:
    session = whole_session(scratch)
    delete(scratch.repository, session, at=DELETED_AT)
    scratch.git("update-ref", f"{sessions.ARTIFACTS}{session}", "HEAD")
    [found] = examine(scratch)
    assert "of a session that was deleted" in found.message
    assert mend(scratch) == []
    assert scratch.git("for-each-ref", "--format=%(refname)", "refs/pliny") == TOMBSTONES + session


def test_a_deletion_that_a_kill_cut_off_is_finished(scratch: Scratch) -> None:
    session = half_deleted_session(scratch)
    assert [finding.message for finding in examine(scratch)] == [
        f"session {session[:8]} was deleted, and a kill left a part of it"
    ]
    assert mend(scratch) == []
    assert scratch.git("for-each-ref", "--format=%(refname)", "refs/pliny", "refs/notes") == TOMBSTONES + session


@pytest.mark.parametrize("name", ["packed-refs.lock", "index.lock"])
def test_an_old_lock_of_gits_own_is_named_and_left(scratch: Scratch, name: str) -> None:
    lock = scratch.root / ".git" / name
    lock.touch()
    assert examine(scratch) == []
    os.utime(lock, (0, 0))
    [found] = mend(scratch)
    assert (found.level, found.hint) == (Level.PROBLEM, f"if no git runs here: rm {lock}")


def test_refs_of_other_clones_are_known(scratch: Scratch) -> None:
    scratch.git("update-ref", f"refs/pliny-remotes/origin/sessions/{NOBODY}", put_blob(scratch, b"x"))
    assert examine(scratch) == []


def test_files_of_a_gone_session_are_removed(scratch: Scratch) -> None:
    folder = scratch.repository.local / "output" / NOBODY
    folder.mkdir(parents=True)
    [found] = examine(scratch)
    assert f"session {NOBODY[:8]} is gone" in found.message
    assert mend(scratch) == []
    assert not folder.exists()


def test_a_process_of_an_attempt_that_was_cut_off_is_named(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("a"), started("a"))
    folder = attempt_folder(outputs_folder(scratch.repository, run.session), AttemptPlace("a", 1, run.id))
    folder.mkdir(parents=True)
    with beside(folder, OUTPUT).open("w") as output:
        environ = {**scratch.environ, "PLINY_SESSION": run.session, "PLINY_AGENT": "a"}
        with subprocess.Popen(["sleep", "60"], stdout=output, env=environ, process_group=0) as process:
            found = examine(scratch)
            process.kill()
    assert [f"process {process.pid} of agent a still lives" in finding.message for finding in found] == [True]


def test_agents_that_ended_have_no_processes_to_look_for(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("a"), started("a"), ended("a"))
    attempt_folder(outputs_folder(scratch.repository, run.session), AttemptPlace("a", 1, run.id)).mkdir(parents=True)
    assert examine(scratch) == []


def test_a_file_system_without_locks_is_a_problem(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("git_pliny.store.locks.fcntl.flock", lambda *_: None)
    assert ["does not keep locks" in finding.message for finding in examine(scratch)] == [True]


@pytest.mark.parametrize("content", [b"garbage\n", b"\xff\x00\n", b"", b"0" * 40 + b"\n"])
def test_a_current_session_that_is_no_symbolic_ref_is_taken_away(scratch: Scratch, content: bytes) -> None:
    whole_session(scratch)
    path = scratch.root / ".git" / sessions.CURRENT
    path.write_bytes(content)
    [found] = examine(scratch)
    assert (found.level, found.message) == (Level.PROBLEM, f"{path} names no session: it is not a symbolic ref")
    assert mend(scratch) == []
    assert not path.exists()


def test_a_folder_in_the_place_of_the_current_session_is_left_to_the_user(scratch: Scratch) -> None:
    path = scratch.root / ".git" / sessions.CURRENT
    path.mkdir()
    [left] = mend(scratch)
    assert (left.level, left.hint) == (Level.PROBLEM, f"rm -r {path}")


def test_where_nothing_can_be_written_the_rest_is_examined_all_the_same(scratch: Scratch) -> None:
    session = whole_session(scratch)
    put_session(scratch, session, b"x")
    shutil.rmtree(scratch.repository.local)
    scratch.repository.local.write_text("a file in the way")
    writing, blob = examine(scratch)
    assert writing.message.startswith("nothing can be written here, so nothing can run: cannot open the lock")
    assert writing.hint == f"ls -ld {scratch.repository.local}"
    assert blob.message.startswith(f"session {session[:8]}: the session's object")


def test_an_entry_that_a_checkpoint_vouches_against_is_not_said_to_be_mendable(scratch: Scratch) -> None:
    session = whole_session(scratch)
    edit_notes(scratch, session, lambda lines: [line.replace(b'"completed"', b'"failed"') for line in lines])
    changed = [finding for finding in examine(scratch) if "was changed" in finding.message]
    assert any("after checkpoint p was taken" in finding.message for finding in changed)
    assert {(finding.hint, finding.mend) for finding in changed} == {(f"git pliny audit view {session[:8]}", None)}
