"""`session list` and `session show`: what people and programs are told of sessions."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from looking import invocation, on_terminal, printed, printed_json
from scratch import Scratch
from stores import ended, new_session, plan_of, started
from tampering import HOSTILE, put_session, whole_session

from git_pliny.cli.main import run as run_program
from git_pliny.cli.session import list_command, show_command
from git_pliny.errors import NotFoundError, PlinyError
from git_pliny.model.events import Event, EventType
from git_pliny.store import locks, sessions

Capsys = pytest.CaptureFixture[str]


def archived(scratch: Scratch) -> str:
    with new_session(scratch, "old") as run:
        run.append(Event(type=EventType.SESSION_ARCHIVE))
    return run.session


def test_a_repository_without_sessions_says_how_to_start_one(scratch: Scratch, capsys: Capsys) -> None:
    list_command(invocation(scratch))
    said = capsys.readouterr()
    assert (said.out, said.err.splitlines()[0]) == ("", "no sessions yet")
    assert "git pliny session start" in said.err


def test_without_sessions_json_is_an_empty_array(scratch: Scratch, capsys: Capsys) -> None:
    list_command(invocation(scratch), as_json=True)
    assert printed_json(capsys) == []


def test_a_session_is_listed_with_status_progress_age_and_cost(scratch: Scratch, capsys: Capsys) -> None:
    with new_session(scratch, "Tidy") as run:
        cost = {"status": "completed", "spent": {"cost_usd": 1.5}}
        run.append(plan_of("a", "b"), started("a"))
        run.append(Event(type=EventType.AGENT_END, phase="p", agent="a", attempt=1, data=cost))
        run.append(Event(type=EventType.SESSION_END, data={"status": "paused"}))
    list_command(invocation(scratch))
    heading, row = printed(capsys).splitlines()
    assert heading.split() == ["ID", "NAME", "STATUS", "PROGRESS", "AGE", "COST"]
    assert row.split() == ["*", run.session[:8], "Tidy", "paused", "1/2", "50%", "2h", "$1.50"]


def test_the_session_that_was_worked_on_last_comes_first_and_the_current_one_is_marked(
    scratch: Scratch, capsys: Capsys
) -> None:
    one, two = whole_session(scratch), whole_session(scratch)
    scratch.git("symbolic-ref", "PLINY_HEAD", sessions.SESSIONS + one)
    list_command(invocation(scratch))
    assert [row.split()[:2] for row in printed(capsys).splitlines()[1:]][1] == ["*", one[:8]]
    list_command(invocation(scratch), as_json=True)
    assert [found["id"] for found in printed_json(capsys)] == [two, one]


def test_a_session_whose_process_is_gone_is_shown_as_interrupted(scratch: Scratch, capsys: Capsys) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("a"), started("a"))
        list_command(invocation(scratch))
        assert "in-progress" in printed(capsys)
    list_command(invocation(scratch))
    assert "interrupted" in printed(capsys)
    show_command(invocation(scratch))
    assert "status       interrupted" in printed(capsys)


def test_archived_sessions_are_listed_only_when_asked_for(scratch: Scratch, capsys: Capsys) -> None:
    old, new = archived(scratch), whole_session(scratch)
    list_command(invocation(scratch), as_json=True)
    assert [found["id"] for found in printed_json(capsys)] == [new]
    list_command(invocation(scratch), every=True, as_json=True)
    assert {found["id"] for found in printed_json(capsys)} == {old, new}


def test_where_only_archived_sessions_are_left_that_is_said(scratch: Scratch, capsys: Capsys) -> None:
    archived(scratch)
    list_command(invocation(scratch))
    assert capsys.readouterr().err == "1 archived session: git pliny session list --all\n"


def test_a_number_limits_the_list(scratch: Scratch, capsys: Capsys) -> None:
    for _ in range(3):
        whole_session(scratch)
    list_command(invocation(scratch), number=2)
    assert len(printed(capsys).splitlines()) == 3


def test_a_long_name_is_cut_on_a_terminal_and_whole_elsewhere(scratch: Scratch, capsys: Capsys) -> None:
    with new_session(scratch, "long " * 40):
        pass
    list_command(on_terminal(scratch, width=70, env={"NO_COLOR": "1"}))
    assert max(map(len, printed(capsys).splitlines())) <= 70
    list_command(invocation(scratch))
    assert "long " * 30 in printed(capsys)


def test_states_are_coloured_on_a_terminal_only_and_not_against_the_users_wish(
    scratch: Scratch, capsys: Capsys
) -> None:
    with new_session(scratch) as run:
        run.append(Event(type=EventType.SESSION_END, data={"status": "failed"}))
    list_command(on_terminal(scratch))
    assert "\x1b[31mfailed\x1b[m" in capsys.readouterr().out
    for plain in (on_terminal(scratch, env={"NO_COLOR": "1"}), invocation(scratch)):
        list_command(plain)
        assert "\x1b" not in capsys.readouterr().out


def test_control_characters_in_a_name_are_made_visible(scratch: Scratch, capsys: Capsys) -> None:
    with new_session(scratch, "a\x1b[2J\u202eb\nc"):
        pass
    list_command(on_terminal(scratch, env={"NO_COLOR": "1"}))
    assert "a\\x1b[2J\\u202eb\\nc" in printed(capsys)
    show_command(invocation(scratch))
    assert "a\\x1b[2J\\u202eb\\nc" in printed(capsys)
    show_command(invocation(scratch), as_json=True)
    assert printed_json(capsys)["name"] == "a\x1b[2J\u202eb\nc"


@pytest.mark.parametrize("content", HOSTILE)
def test_a_session_ref_of_any_content_is_listed_and_shown(scratch: Scratch, capsys: Capsys, content: bytes) -> None:
    session = whole_session(scratch)
    put_session(scratch, session, content)
    list_command(invocation(scratch))
    assert "Tidy the parser" in printed(capsys)
    list_command(invocation(scratch), as_json=True)
    assert [found["name"] for found in printed_json(capsys)] == ["Tidy the parser"]
    show_command(invocation(scratch))
    assert "Tidy the parser" in printed(capsys)


def test_absurd_values_in_a_session_object_are_listed(scratch: Scratch, capsys: Capsys) -> None:
    session = whole_session(scratch)
    known = scratch.session()
    known["metrics"]["cost_usd"] = 1e308
    known["last_activity"] = "soon"
    known["metrics"]["tokens"] = {"input": 10**300, "output": -1}
    put_session(scratch, session, json.dumps(known).encode())
    list_command(invocation(scratch))
    assert printed(capsys).splitlines()[1].split()[-2:] == ["-", "$1e+308"]


def test_json_of_show_is_the_object_in_git(scratch: Scratch, capsys: Capsys) -> None:
    whole_session(scratch)
    show_command(invocation(scratch), as_json=True)
    assert printed_json(capsys) == scratch.session()


def test_show_is_exact_while_a_run_has_entries_in_its_journal(scratch: Scratch, capsys: Capsys) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("a"), started("a"), ended("a"))
        show_command(invocation(scratch), as_json=True)
    assert printed_json(capsys)["completed_agents"] == ["a"]


def test_show_tells_agents_failures_checkpoints_and_what_to_type_next(scratch: Scratch, capsys: Capsys) -> None:
    error = {"category": "network", "recoverable": True, "reason": "the output says so", "message": "refused\nmore"}
    with new_session(scratch, "Tidy") as run:
        run.append(plan_of("a", "b"), started("a"), ended("a"), started("b"))
        data = {"status": "failed", "error": error, "duration_s": 1.5, "spent": {"tokens": {"input": 5, "output": 7}}}
        run.append(Event(type=EventType.AGENT_END, phase="p", agent="b", attempt=1, data=data))
        run.append(Event(type=EventType.SESSION_END, data={"status": "failed"}))
    show_command(invocation(scratch))
    shown = printed(capsys)
    assert "p      a      completed  1         -     -" in shown
    assert "b failed: network: refused\\nmore\n    the output says so\n" in shown
    assert f"git show refs/pliny/artifacts/{run.session}:outputs/b/1-{run.id}.log" in shown
    assert "spent        -, tokens: 5 in, 7 out" in shown
    assert "\nstart       " in shown
    assert shown.endswith(f"\nnext: git pliny session resume {run.session[:8]}\n")


@pytest.mark.parametrize(
    ("event", "step"),
    [
        (Event(type=EventType.SESSION_END, data={"status": "completed"}), "next: git pliny audit summary {}"),
        (Event(type=EventType.SESSION_END, data={"status": "paused"}), "next: git pliny session resume {}"),
    ],
)
def test_the_next_step_depends_on_the_status(scratch: Scratch, capsys: Capsys, event: Event, step: str) -> None:
    with new_session(scratch) as run:
        run.append(event)
    show_command(invocation(scratch))
    assert printed(capsys).splitlines()[-1] == step.format(run.session[:8])


def test_an_archived_session_has_no_next_step(scratch: Scratch, capsys: Capsys) -> None:
    archived(scratch)
    show_command(invocation(scratch))
    assert "next:" not in printed(capsys)


def test_one_that_is_worked_on_can_be_followed(scratch: Scratch, capsys: Capsys) -> None:
    with new_session(scratch) as run:
        show_command(invocation(scratch))
    assert f"next: git pliny audit view --follow {run.session[:8]}" in printed(capsys)


def test_only_the_newest_of_many_checkpoints_are_shown(scratch: Scratch, capsys: Capsys) -> None:
    with new_session(scratch) as run:
        for number in range(12):
            run.append(Event(type=EventType.CHECKPOINT, data={"name": f"c{number}", "commit": f"{number:040x}"}))
    show_command(invocation(scratch))
    shown = printed(capsys)
    assert "c11" in shown
    assert "c0 " not in shown
    assert f"and 3 older checkpoints: git pliny checkpoint list --session {run.session[:8]}" in shown


def test_a_running_agent_is_shown_with_the_time_it_has_taken(scratch: Scratch, capsys: Capsys) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("a"), started("a"))
        show_command(invocation(scratch))
    [row] = [line for line in printed(capsys).splitlines() if " running " in line]
    assert row.split()[4].startswith("2h")


def test_what_agents_say_of_their_work_is_shown(scratch: Scratch, capsys: Capsys) -> None:
    with new_session(scratch) as run:
        data = {"status": "completed", "summary": "found two bugs", "score": 0.5, "verdict": "again"}
        run.append(plan_of("a", "b"), started("a"))
        run.append(Event(type=EventType.AGENT_END, phase="p", agent="a", attempt=1, data=data))
    show_command(invocation(scratch))
    assert "\na: found two bugs (score 0.5, verdict again)\n" in printed(capsys)


def test_rounds_frameworks_and_failures_without_an_error_are_shown(scratch: Scratch, capsys: Capsys) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("a"), Event(type=EventType.ROUND_BEGIN, data={"round": 2}))
        run.append(
            Event(type=EventType.PLAN_CHANGE, data={"plan": "a" * 40, "agents": {"a": "p"}, "framework": "care"})
        )
        run.append(Event(type=EventType.PHASE_BEGIN, phase="p"), started("a"), ended("a", status="failed"))
    show_command(invocation(scratch))
    shown = printed(capsys)
    assert "phase        p, round 2\n" in shown
    assert "framework    care\n" in shown
    assert "a failed: it left no error\n" in shown


def test_a_session_is_found_by_the_beginning_of_its_id_and_by_its_name(scratch: Scratch, capsys: Capsys) -> None:
    session = whole_session(scratch)
    for named in (session, session[:5], session[:8].upper(), "Tidy the parser"):
        show_command(invocation(scratch), session=named, as_json=True)
        assert printed_json(capsys)["id"] == session


@pytest.mark.parametrize(
    "named", ["", "ffffffff", "../x", "-x", "refs/heads/main", "\x1b[2J", "a" * 100_000, "HEAD", "\n"]
)
def test_a_session_that_is_not_there_is_an_error_with_a_hint(scratch: Scratch, named: str) -> None:
    whole_session(scratch)
    with pytest.raises(NotFoundError) as error:
        show_command(invocation(scratch), session=named)
    assert error.value.hint == "git pliny session list"
    assert len(error.value.message) < 200


def test_a_name_that_means_two_sessions_is_an_error(scratch: Scratch) -> None:
    for _ in range(2):
        whole_session(scratch)
    with pytest.raises(PlinyError, match="means 2 sessions"):
        show_command(invocation(scratch), session="Tidy the parser")


def test_without_a_current_session_one_must_be_named(scratch: Scratch) -> None:
    with pytest.raises(NotFoundError, match="no current session"):
        show_command(invocation(scratch))


def test_a_current_session_that_is_gone_is_said_to_be(scratch: Scratch) -> None:
    scratch.git("symbolic-ref", "PLINY_HEAD", f"{sessions.SESSIONS}99999999-9999-9999-9999-999999999999")
    with pytest.raises(NotFoundError, match="99999999 is gone"):
        show_command(invocation(scratch))


def test_outside_a_repository_the_error_says_so(
    tmp_path: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (["session", "list"], ["session", "show"]):
        assert run_program(command, program_name="git pliny") == 1
        assert "is not inside a git repository" in capsys.readouterr().err


def test_in_a_bare_repository_the_error_says_so(
    scratch: Scratch, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch.git("init", "-q", "--bare", "bare")
    monkeypatch.chdir(scratch.root / "bare")
    assert run_program(["session", "list"], program_name="git pliny") == 1
    assert "repository without a work tree" in capsys.readouterr().err


def test_another_worktree_has_a_current_session_of_its_own(scratch: Scratch, capsys: Capsys) -> None:
    whole_session(scratch)
    scratch.git("worktree", "add", "-q", "--detach", "linked")
    linked = Scratch(root=scratch.root / "linked", environ=scratch.environ)
    list_command(invocation(linked))
    assert printed(capsys).splitlines()[1].startswith("  ")
    with pytest.raises(NotFoundError, match="no current session"):
        show_command(invocation(linked))


def test_a_lock_that_a_dead_process_left_makes_no_session_look_alive(scratch: Scratch, capsys: Capsys) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("a"), started("a"))
    path = sessions.lock_path(scratch.repository, run.session)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"pid": os.getpid()}))
    list_command(invocation(scratch))
    assert "interrupted" in printed(capsys)
    lock = locks.acquire(path)
    list_command(invocation(scratch))
    assert "in-progress" in printed(capsys)
    lock.release()


def test_a_session_in_a_repository_without_a_commit_is_listed(
    make_scratch: Callable[..., Scratch], capsys: Capsys
) -> None:
    empty = make_scratch("empty", commit=False)
    with new_session(empty, "Fresh"):
        list_command(invocation(empty))
    assert "Fresh" in printed(capsys)
