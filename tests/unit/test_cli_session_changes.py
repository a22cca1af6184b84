"""`session start`, `resume`, `archive`, `delete` and `prune`."""

import io
import os
from collections.abc import Callable
from typing import Any

import pytest
from looking import invocation, printed, printed_json
from scratch import Scratch
from stores import new_session, plan_of, started
from tampering import HOSTILE, half_deleted_session, put_session, whole_session

from git_pliny.cli.invocation import Invocation
from git_pliny.cli.session_changes import archive_command, start_command
from git_pliny.cli.session_removal import delete_command, prune_command
from git_pliny.cli.session_resume import resume_command
from git_pliny.errors import BusyError, ConfigError, NotFoundError, PlinyError, UsageError
from git_pliny.model.events import Event, EventType
from git_pliny.store import sessions
from git_pliny.store.audit import verify

Capsys = pytest.CaptureFixture[str]

PLAN = """
task: {name: Two steps}
agents:
  one: {run: "echo one >> log"}
  two: {run: "test -e mended && echo two >> log"}
phases:
  - {name: p, agents: [one, two]}
"""


def start(scratch: Scratch, capsys: Capsys, name: str = "Tidy", **settings: Any) -> str:
    capsys.readouterr()
    start_command(invocation(scratch, **settings), name=name)
    return printed(capsys).strip()


def finished(scratch: Scratch, status: str = "completed") -> str:
    with new_session(scratch, status) as run:
        run.append(Event(type=EventType.SESSION_END, data={"status": status}))
    return run.session


def answering(scratch: Scratch, monkeypatch: pytest.MonkeyPatch, answer: str) -> Invocation:
    """A user at a terminal who types this."""
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    return invocation(scratch, stdin_is_terminal=True)


def test_starting_one_prints_its_id_and_makes_it_current(scratch: Scratch, capsys: Capsys) -> None:
    session = start(scratch, capsys)
    assert scratch.session()["id"] == session
    assert (scratch.session()["name"], scratch.session()["status"]) == ("Tidy", "in-progress")
    assert list(scratch.session()["checkpoints"]) == ["start"]
    assert verify(scratch.repository, session).findings == []


def test_starting_one_in_json_prints_it(scratch: Scratch, capsys: Capsys) -> None:
    start_command(invocation(scratch), name="Tidy", as_json=True)
    assert printed_json(capsys) == scratch.session()


def test_inside_an_agent_the_current_session_stays(scratch: Scratch, capsys: Capsys) -> None:
    outer = start(scratch, capsys)
    start(scratch, capsys, env={"PLINY_SESSION": outer})
    assert scratch.session()["id"] == outer


@pytest.mark.parametrize("name", ["", "   ", "\n"])
def test_a_session_needs_a_name(scratch: Scratch, name: str) -> None:
    with pytest.raises(UsageError, match="needs a name"):
        start_command(invocation(scratch), name=name)
    assert sessions.session_ids(scratch.repository) == []


@pytest.mark.parametrize("name", ["../x", "-x", "refs/heads/main", "\x1b[2J\x00", "ü\u202e", "a" * 100_000])
def test_a_session_can_have_any_name(scratch: Scratch, capsys: Capsys, name: str) -> None:
    start(scratch, capsys, name)
    assert scratch.session()["name"] == name[:200]


def test_a_secret_in_the_name_is_masked(scratch: Scratch, capsys: Capsys) -> None:
    secret = "hunter2-hunter2-hunter2"
    start(scratch, capsys, f"with {secret}", env={"MY_API_KEY": secret})
    assert secret not in scratch.git("show", "PLINY_HEAD")


def test_a_session_can_be_started_before_the_first_commit(make_scratch: Callable[..., Scratch], capsys: Capsys) -> None:
    empty = make_scratch("empty", commit=False)
    start(empty, capsys)
    assert empty.session()["base"] is None


def test_resuming_runs_what_did_not_complete(scratch: Scratch, capsys: Capsys) -> None:
    scratch.plan(PLAN)
    session = start(scratch, capsys)
    with pytest.raises(PlinyError):
        resume_command(invocation(scratch), session=session[:8])
    scratch.write("mended", "")
    resume_command(invocation(scratch))
    assert scratch.session()["status"] == "completed"
    assert (scratch.root / "log").read_text() == "one\ntwo\n"


def test_resuming_a_session_that_is_not_there_is_an_error(scratch: Scratch) -> None:
    for session in (None, "x"):
        with pytest.raises(NotFoundError):
            resume_command(invocation(scratch), session=session)


def test_an_archived_session_says_so_and_is_not_resumed(scratch: Scratch, capsys: Capsys) -> None:
    session = start(scratch, capsys)
    archive_command(invocation(scratch))
    assert scratch.session()["status"] == "archived"
    scratch.plan(PLAN)
    with pytest.raises(PlinyError, match="archived"):
        resume_command(invocation(scratch), session=session)


def test_archiving_twice_records_it_once(scratch: Scratch, capsys: Capsys) -> None:
    session = start(scratch, capsys)
    for _ in range(2):
        archive_command(invocation(scratch), session=session)
    types = [line.entry.type for line in sessions.load_lines(scratch.repository, session)]
    assert types.count("session_archive") == 1


def test_a_session_under_way_is_neither_archived_nor_deleted(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        with pytest.raises(BusyError, match=f"held by process {os.getpid()}"):
            archive_command(invocation(scratch))
        with pytest.raises(BusyError, match="is being worked on"):
            delete_command(invocation(scratch), session=[run.session])
    assert sessions.exists(scratch.repository, run.session)


def test_deleting_leaves_a_tombstone_and_no_current_session(scratch: Scratch, capsys: Capsys) -> None:
    session = start(scratch, capsys)
    delete_command(invocation(scratch), session=[session[:8]])
    assert capsys.readouterr().err == f"deleted session {session[:8]} 'Tidy'\n"
    assert scratch.git("for-each-ref", "--format=%(refname)", "refs/pliny", "refs/notes").splitlines() == [
        f"refs/pliny/tombstones/{session}"
    ]
    with pytest.raises(NotFoundError, match="no current session"):
        archive_command(invocation(scratch))


def test_several_sessions_are_deleted_at_once(scratch: Scratch) -> None:
    made = [finished(scratch) for _ in range(3)]
    delete_command(invocation(scratch), session=made[:2])
    assert sessions.session_ids(scratch.repository) == made[2:]


def test_a_user_at_a_terminal_is_asked_first(scratch: Scratch, capsys: Capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    session = finished(scratch)
    for answer in ("", "n\n", "\n", "maybe\n"):
        with pytest.raises(PlinyError, match="nothing was deleted"):
            delete_command(answering(scratch, monkeypatch, answer), session=[session])
    assert "delete session" in capsys.readouterr().err
    assert sessions.exists(scratch.repository, session)
    delete_command(answering(scratch, monkeypatch, "y\n"), session=[session])
    assert not sessions.exists(scratch.repository, session)


def test_by_force_nobody_is_asked(scratch: Scratch, capsys: Capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    session = finished(scratch)
    delete_command(answering(scratch, monkeypatch, ""), session=[session], force=True)
    assert "[y/N]" not in capsys.readouterr().err
    assert not sessions.exists(scratch.repository, session)


@pytest.mark.parametrize("content", [HOSTILE[0], HOSTILE[-1]])
def test_a_session_without_anything_that_can_be_read_is_deleted(scratch: Scratch, content: bytes) -> None:
    session = whole_session(scratch)
    put_session(scratch, session, content)
    scratch.git("update-ref", "-d", sessions.NOTES + session)
    delete_command(invocation(scratch), session=[session])
    assert not sessions.exists(scratch.repository, session)


def test_old_finished_sessions_are_pruned_and_no_others(scratch: Scratch, capsys: Capsys) -> None:
    old, failed, paused = finished(scratch), finished(scratch, "failed"), finished(scratch, "paused")
    with new_session(scratch, "archived") as run:
        run.append(Event(type=EventType.SESSION_ARCHIVE))
    prune_command(invocation(scratch), older_than="1h", as_json=True)
    assert set(printed_json(capsys)) == {old, run.session}
    assert set(sessions.session_ids(scratch.repository)) == {failed, paused}


def test_a_session_that_is_not_old_enough_stays(scratch: Scratch, capsys: Capsys) -> None:
    session = finished(scratch)
    prune_command(invocation(scratch))
    assert capsys.readouterr().err == "no finished session is older than 30d\n"
    prune_command(invocation(scratch), older_than="3h")
    assert sessions.exists(scratch.repository, session)


def test_the_age_for_pruning_is_a_setting(scratch: Scratch) -> None:
    session = finished(scratch)
    scratch.plan(f"{PLAN}session: {{prune_after: 1h}}\n")
    prune_command(invocation(scratch))
    assert not sessions.exists(scratch.repository, session)


def test_a_dry_run_prunes_nothing_and_says_what_it_would(scratch: Scratch, capsys: Capsys) -> None:
    session = finished(scratch)
    folder = scratch.repository.local / "output" / "99999999-9999-9999-9999-999999999999"
    folder.mkdir(parents=True)
    prune_command(invocation(scratch), older_than="1h", dry_run=True)
    assert capsys.readouterr().err == f"would delete session {session[:8]}: completed\n"
    assert sessions.exists(scratch.repository, session)
    assert folder.exists()


def test_pruning_skips_a_session_that_is_being_worked_on(scratch: Scratch, capsys: Capsys) -> None:
    with new_session(scratch) as run:
        run.append(Event(type=EventType.SESSION_END, data={"status": "completed"}))
        prune_command(invocation(scratch), older_than="1h")
    assert capsys.readouterr().err.startswith("warning: session ")
    assert sessions.exists(scratch.repository, run.session)


def test_pruning_finishes_a_deletion_that_a_kill_cut_off(scratch: Scratch) -> None:
    session = half_deleted_session(scratch)
    prune_command(invocation(scratch))
    assert not sessions.exists(scratch.repository, session)


def test_pruning_removes_what_gone_sessions_left_and_keeps_outputs_of_others(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("a"), started("a"))
    output = scratch.repository.local / "output"
    kept, gone = output / run.session, output / "99999999-9999-9999-9999-999999999999"
    for folder in (kept, gone):
        folder.mkdir(parents=True)
    prune_command(invocation(scratch))
    assert (kept.exists(), gone.exists()) == (True, False)


@pytest.mark.parametrize("age", ["soon", "-1d", "", "\x1b"])
def test_an_age_that_is_none_is_refused(scratch: Scratch, age: str) -> None:
    with pytest.raises(ConfigError):
        prune_command(invocation(scratch), older_than=age)


@pytest.mark.parametrize("refused", ["refs/pliny/checkpoints/", "refs/notes/pliny/"])
def test_a_session_that_could_not_be_begun_leaves_nothing(scratch: Scratch, refused: str) -> None:
    hook = f'[ "$1" = prepared ] && grep -q " {refused}" && exit 1\nexit 0'
    scratch.write(".git/hooks/reference-transaction", f"#!/bin/sh\n{hook}\n", executable=True)
    with pytest.raises(PlinyError):
        start_command(invocation(scratch), name="Tidy")
    (scratch.root / ".git/hooks/reference-transaction").unlink()
    assert scratch.git("for-each-ref", "refs/pliny", "refs/notes") == ""
    assert sessions.session_ids(scratch.repository) == []
