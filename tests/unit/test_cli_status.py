"""`status` and `stats`: where things stand, on one screen, and what they add up to."""

from collections.abc import Callable

import pytest
from looking import invocation, on_terminal, printed, printed_json
from scratch import Scratch
from stores import ended, new_session, plan_of, started
from tampering import HOSTILE, put_session, whole_session

from git_pliny.cli.stats import stats_command
from git_pliny.cli.status import status_command
from git_pliny.model.events import Event, EventType
from git_pliny.store import sessions

Capsys = pytest.CaptureFixture[str]


def facts(capsys: Capsys) -> dict[str, str]:
    return {line[:13].strip(): line[13:] for line in printed(capsys).splitlines() if line}


def test_without_a_session_the_worktree_is_still_told(scratch: Scratch, capsys: Capsys) -> None:
    status_command(invocation(scratch))
    said = capsys.readouterr()
    assert said.out == f"worktree     main at {scratch.git('rev-parse', 'HEAD')[:12]}, nothing changed\n"
    assert said.err.startswith("no current session\nhint: git pliny execute")


def test_without_a_session_json_says_null(scratch: Scratch, capsys: Capsys) -> None:
    status_command(invocation(scratch), as_json=True)
    found = printed_json(capsys)
    assert (found["session"], found["state"], found["next"], found["others"]) == (None, None, None, [])
    assert found["worktree"] == {"branch": "main", "commit": scratch.git("rev-parse", "HEAD"), "changed": 0}


def test_what_runs_now_is_told(scratch: Scratch, capsys: Capsys) -> None:
    with new_session(scratch, "Tidy") as run:
        run.append(plan_of("a", "b"), Event(type=EventType.PHASE_BEGIN, phase="p"), started("a"))
        status_command(invocation(scratch))
    shown = facts(capsys)
    assert shown["session"] == f"{run.session[:8]}  Tidy"
    assert (shown["status"], shown["progress"], shown["phase"]) == ("in-progress", "0/2 0%", "p")
    assert shown["running"] == "a"
    assert shown["next"] == f"git pliny audit view --follow {run.session[:8]}"
    assert shown["checkpoint"].endswith(" 2h ago, start")


def test_what_a_kill_cut_off_is_told_with_what_to_type(scratch: Scratch, capsys: Capsys) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("a"), started("a"))
    status_command(invocation(scratch))
    shown = facts(capsys)
    assert (shown["status"], shown["cut off"]) == ("interrupted", "a")
    assert shown["next"] == f"git pliny session resume {run.session[:8]}"


def test_what_failed_is_told(scratch: Scratch, capsys: Capsys) -> None:
    with new_session(scratch) as run:
        names = [f"agent-{number}" for number in range(8)]
        run.append(plan_of(*names))
        for name in names:
            run.append(started(name), ended(name, status="failed"))
    status_command(invocation(scratch))
    assert facts(capsys)["failed"] == "agent-0, agent-1, agent-2, agent-3, agent-4 and 3 more"


def test_other_unfinished_sessions_are_told_and_finished_ones_are_not(scratch: Scratch, capsys: Capsys) -> None:
    others = []
    for number in range(7):
        with new_session(scratch, f"other {number}") as run:
            run.append(Event(type=EventType.SESSION_END, data={"status": "paused"}))
        others.append(run.session)
    with new_session(scratch, "finished") as run:
        run.append(Event(type=EventType.SESSION_END, data={"status": "completed"}))
    with new_session(scratch, "current"):
        pass
    status_command(invocation(scratch))
    shown = printed(capsys)
    assert f"unfinished   {others[-1][:8]}  other 6  (paused, 2h ago)" in shown
    assert "and 2 more: git pliny session list" in shown
    assert "finished  (" not in shown.replace("unfinished", "")
    status_command(invocation(scratch), as_json=True)
    assert [other["id"] for other in printed_json(capsys)["others"]] == others[::-1]


def test_status_fits_the_terminal(scratch: Scratch, capsys: Capsys) -> None:
    for _ in range(2):
        with new_session(scratch, "a long name " * 10):
            pass
    status_command(on_terminal(scratch, env={"NO_COLOR": "1"}))
    assert max(len(line) for line in printed(capsys).splitlines()) <= 80


@pytest.mark.parametrize("content", HOSTILE)
def test_status_reads_the_trail_and_not_the_object(scratch: Scratch, capsys: Capsys, content: bytes) -> None:
    session = whole_session(scratch)
    put_session(scratch, session, content)
    status_command(invocation(scratch))
    assert "Tidy the parser" in printed(capsys)
    stats_command(invocation(scratch))
    assert "sessions     1: 1 interrupted" in printed(capsys)


def test_the_worktree_counts_every_path_that_git_would_show(scratch: Scratch, capsys: Capsys) -> None:
    scratch.write("new\nline", "1")
    scratch.write("README", "changed\n")
    status_command(invocation(scratch))
    assert facts(capsys)["worktree"].endswith("2 paths changed")


def test_a_detached_head_and_a_repository_without_a_commit_are_told(
    make_scratch: Callable[..., Scratch], capsys: Capsys
) -> None:
    detached, empty = make_scratch("detached"), make_scratch("empty", commit=False)
    detached.git("checkout", "-q", "--detach")
    status_command(invocation(detached))
    assert facts(capsys)["worktree"].startswith("detached HEAD at ")
    status_command(invocation(empty))
    assert facts(capsys)["worktree"] == "main without a commit yet, nothing changed"


def test_a_current_session_that_is_gone_is_none(scratch: Scratch, capsys: Capsys) -> None:
    scratch.git("symbolic-ref", "PLINY_HEAD", f"{sessions.SESSIONS}99999999-9999-9999-9999-999999999999")
    status_command(invocation(scratch))
    assert "no current session" in capsys.readouterr().err


def test_stats_without_sessions_say_how_to_start_one(scratch: Scratch, capsys: Capsys) -> None:
    stats_command(invocation(scratch))
    assert "no sessions yet" in capsys.readouterr().err
    stats_command(invocation(scratch), as_json=True)
    assert printed_json(capsys)["sessions"] == 0


def test_stats_of_what_cost_nothing_say_nothing_of_costs(scratch: Scratch, capsys: Capsys) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("fix"), started("fix"), ended("fix"))
    stats_command(invocation(scratch))
    assert "spent" not in printed(capsys)


def test_stats_add_up_all_sessions(scratch: Scratch, capsys: Capsys) -> None:
    for category in ("network", "tool"):
        with new_session(scratch) as run:
            error = {"category": category, "recoverable": False, "reason": "r", "message": "m"}
            data = {"status": "failed", "error": error, "duration_s": 2.0, "spent": {"cost_usd": 0.5}}
            run.append(plan_of("fix"), started("fix"))
            run.append(Event(type=EventType.AGENT_END, phase="p", agent="fix", attempt=1, data=data))
            run.append(Event(type=EventType.SESSION_END, data={"status": "failed"}))
    stats_command(invocation(scratch))
    shown = printed(capsys)
    assert "sessions     2: 2 failed\n" in shown
    assert "spent        $1.00, tokens: -\n" in shown
    assert "failures     1 network, 1 tool\n" in shown
    assert shown.splitlines()[-1].split() == ["fix", "2", "2", "0", "2", "4s", "$1.00"]
    stats_command(invocation(scratch), as_json=True)
    found = printed_json(capsys)
    assert (found["attempts"], found["cost_usd"], found["agents"]["fix"]["cost_usd"]) == (2, 1.0, 1.0)
