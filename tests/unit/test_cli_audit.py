"""`audit view`, `summary` and `verify`: what people and programs are told of a trail."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from looking import NOW, invocation, on_terminal, printed, printed_json
from scratch import Scratch
from stores import ended, lone_run, new_session, plan_of, started
from tampering import HOSTILE, drop, edit_notes, whole_session

from git_pliny.cli.audit import summary_command, verify_command, view_command
from git_pliny.cli.main import run as run_program
from git_pliny.errors import CorruptError, NotFoundError, UsageError
from git_pliny.model.events import Event, EventType, render_time
from git_pliny.store import sessions

Capsys = pytest.CaptureFixture[str]


def viewed(scratch: Scratch, capsys: Capsys, **options: Any) -> list[str]:
    """The types of the entries that are viewed."""
    view_command(invocation(scratch), as_json=True, **options)
    return [json.loads(line)["type"] for line in capsys.readouterr().out.splitlines()]


def two_agents(scratch: Scratch) -> str:
    """A session with a failed attempt, a retry, and two phases."""
    with new_session(scratch, "Tidy") as run:
        run.append(plan_of("a", "b"))
        run.append(Event(type=EventType.PHASE_BEGIN, phase="p"), started("a"))
        error = {"category": "network", "recoverable": True, "reason": "r", "message": "refused"}
        run.append(Event(type=EventType.ERROR, phase="p", agent="a", attempt=1, data=error))
        run.append(Event(type=EventType.RETRY, phase="p", agent="a", attempt=1, data={"delay_s": 1.0}))
        run.append(started("a", 2), ended("a", 2), Event(type=EventType.PHASE_END, phase="p"))
        run.append(Event(type=EventType.PHASE_BEGIN, phase="q"))
        run.append(Event(type=EventType.AGENT_START, phase="q", agent="b", attempt=1))
        run.append(Event(type=EventType.AGENT_END, phase="q", agent="b", attempt=1, data={"status": "completed"}))
    return run.session


def test_every_entry_is_viewed_a_line_each(scratch: Scratch, capsys: Capsys) -> None:
    two_agents(scratch)
    view_command(invocation(scratch))
    lines = printed(capsys).splitlines()
    assert len(lines) == 13
    assert "session_start      name=Tidy session=" in lines[0]
    assert "error              a#1  category=network message=refused reason=r recoverable=true phase=p run=" in lines[5]
    assert "phase_begin        [q]  run=" in lines[10]


def test_in_json_an_entry_is_the_line_as_it_is_stored(
    scratch: Scratch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    session = two_agents(scratch)
    view_command(invocation(scratch), as_json=True)
    stored = [line.raw for line in sessions.load_lines(scratch.repository, session)]
    assert capsysbinary.readouterr().out.splitlines() == stored


def test_in_json_on_a_terminal_control_characters_are_escaped(scratch: Scratch, capsys: Capsys) -> None:
    with new_session(scratch, "a\u202eb\x9bc"):
        pass
    view_command(on_terminal(scratch), as_json=True, number=2)
    first = printed(capsys).splitlines()[0]
    assert json.loads(first)["data"]["name"] == "a\u202eb\x9bc"
    assert "\\u202e" in first


def test_events_are_chosen_by_agent_type_and_phase(scratch: Scratch, capsys: Capsys) -> None:
    two_agents(scratch)
    assert viewed(scratch, capsys, agent=["b"]) == ["agent_start", "agent_end"]
    assert viewed(scratch, capsys, kind=[EventType.ERROR, EventType.RETRY]) == ["error", "retry"]
    assert viewed(scratch, capsys, phase=["q"]) == ["phase_begin", "agent_start", "agent_end"]
    assert viewed(scratch, capsys, phase=["p"], kind=[EventType.AGENT_END]) == ["agent_end"]
    assert viewed(scratch, capsys, agent=["nobody"]) == []


def test_events_are_chosen_by_run(scratch: Scratch, capsys: Capsys) -> None:
    session = two_agents(scratch)
    with lone_run(scratch, session) as run:
        run.append(started("a", 3))
    assert viewed(scratch, capsys, run=run.id[:6]) == ["agent_start"]
    assert viewed(scratch, capsys, run=run.id.upper()) == ["agent_start"]


def test_events_are_chosen_by_time(scratch: Scratch, capsys: Capsys) -> None:
    session = two_agents(scratch)
    at = sessions.load_lines(scratch.repository, session)[4].entry.ts
    assert len(viewed(scratch, capsys, since=at)) == 9
    assert len(viewed(scratch, capsys, until=at)) == 5
    assert viewed(scratch, capsys, since=at, until=at) == ["agent_start"]
    assert viewed(scratch, capsys, since="2100-01-01") == []
    assert len(viewed(scratch, capsys, until="2100-01-01T00:00")) == 13


def test_a_length_of_time_means_so_long_ago(scratch: Scratch, capsys: Capsys) -> None:
    with new_session(scratch) as run:
        pass
    began = sessions.load_lines(scratch.repository, run.session)[0].entry.ts
    ago = NOW - 1_700_000_000
    assert began < render_time(int(NOW * 1e6))
    assert len(viewed(scratch, capsys, since=f"{int(ago) + 100}s")) == 2
    assert viewed(scratch, capsys, since="10m") == []
    assert len(viewed(scratch, capsys, until="10m")) == 2


def test_a_time_without_a_zone_is_local(scratch: Scratch, capsys: Capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    session = two_agents(scratch)
    at = sessions.load_lines(scratch.repository, session)[4].entry.ts
    monkeypatch.setenv("TZ", "XYZ-5")
    time.tzset()
    try:
        assert viewed(scratch, capsys, since=at.removesuffix("Z"))[0] == "session_start"
        assert viewed(scratch, capsys, since=at)[0] == "agent_start"
    finally:
        monkeypatch.setenv("TZ", "UTC")
        time.tzset()


@pytest.mark.parametrize("text", ["soon", "10 parsecs", "", "99999-01-01", "0001-01-01", "\x1b", "9" * 5000])
def test_what_is_no_time_is_a_usage_error(scratch: Scratch, text: str) -> None:
    with pytest.raises(UsageError, match="neither a time nor a length of time"):
        view_command(invocation(scratch), since=text)


def test_a_number_chooses_the_last_events(scratch: Scratch, capsys: Capsys) -> None:
    two_agents(scratch)
    assert viewed(scratch, capsys, number=2) == ["agent_start", "agent_end"]
    assert viewed(scratch, capsys, number=0) == []
    assert len(viewed(scratch, capsys, number=100)) == 13


def test_a_line_is_cut_on_a_terminal_only(scratch: Scratch, capsys: Capsys) -> None:
    two_agents(scratch)
    view_command(on_terminal(scratch, width=60))
    assert max(map(len, printed(capsys).splitlines())) == 60
    view_command(invocation(scratch))
    assert max(map(len, printed(capsys).splitlines())) > 60


def test_on_a_terminal_the_day_stands_above_its_events(scratch: Scratch, capsys: Capsys) -> None:
    two_agents(scratch)
    view_command(on_terminal(scratch), number=2)
    day, first, second = printed(capsys).splitlines()
    assert day == "2023-11-14 (UTC)"
    assert first[2] == second[2] == ":"


def test_data_of_every_shape_is_viewed(scratch: Scratch, capsys: Capsys) -> None:
    data = {
        "text": "two words",
        "steering": "\x1b[2J",
        "empty": "",
        "nothing": None,
        "oid": "a" * 40,
        "inner": {"one": 1, "two": {"three": [1, 2]}},
        "large": {str(number): number for number in range(20)},
        "list": ["x", 1.5, False],
        "long": "y" * 1000,
        "big": 2**200,
    }
    with new_session(scratch) as run:
        run.append(Event(type=EventType.TOOL_START, data=data))
    view_command(invocation(scratch), number=1)
    [line] = printed(capsys).splitlines()
    for told in (
        'text="two words"',
        'steering="\\u001b[2J"',
        'empty=""',
        "oid=aaaaaaaaaaaa ",
        "inner.one=1",
        'inner.two={"three":[1,2]}',
        "large=20",
        'list=["x",1.5,false]',
    ):
        assert told in line
    assert "nothing" not in line
    assert len(line) < 1000


def test_lines_that_are_no_entries_are_passed_over(scratch: Scratch, capsys: Capsys) -> None:
    session = whole_session(scratch)
    edit_notes(scratch, session, lambda lines: [*HOSTILE, *lines])
    assert len(viewed(scratch, capsys)) == 8


def test_following_an_ended_session_tells_it_and_ends(scratch: Scratch, capsys: Capsys) -> None:
    two_agents(scratch)
    assert len(viewed(scratch, capsys, follow=True)) == 13
    assert len(viewed(scratch, capsys, follow=True, number=3)) == 3


def test_following_ends_quietly_on_an_interrupt(scratch: Scratch, tmp_path: Path) -> None:
    with new_session(scratch) as run:
        code = "from git_pliny.cli.main import main; main()"
        command = [sys.executable, "-c", code, "audit", "view", "--follow", run.session]
        with subprocess.Popen(
            command, cwd=scratch.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ}
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert b"session_start" in process.stdout.readline()
            run.append(started("a"))
            while b"agent_start" not in process.stdout.readline():
                pass
            process.send_signal(signal.SIGINT)
            assert process.stderr.read() == b""
    assert process.returncode == 130


def test_a_summary_tells_time_attempts_failures_and_costs(scratch: Scratch, capsys: Capsys) -> None:
    session = two_agents(scratch)
    with lone_run(scratch, session) as run:
        run.append(started("a", 3))
        spent = {"cost_usd": 0.05, "tokens": {"input": 10, "output": 2}}
        run.append(
            Event(
                type=EventType.AGENT_END, phase="p", agent="a", attempt=3, data={"status": "completed", "spent": spent}
            )
        )
    summary_command(invocation(scratch))
    shown = printed(capsys)
    assert "attempts     4: 1 retried, 1 failed, 0 rolled back" in shown
    assert "failures     1 network" in shown
    assert "spent        $0.0500, tokens: 10 in, 2 out" in shown
    rows = [line.split() for line in shown.splitlines()]
    assert ["a", "3ms", "3", "1", "1", "0", "$0.0500", "10", "in,", "2", "out"] in rows
    assert {"p", "q", "a", "b"} <= {row[0] for row in rows if row}


def test_a_summary_in_json_counts_by_phase_and_agent(scratch: Scratch, capsys: Capsys) -> None:
    session = two_agents(scratch)
    summary_command(invocation(scratch), as_json=True)
    found = printed_json(capsys)
    assert (found["session"], found["entries"], found["errors"]) == (session, 13, {"network": 1})
    assert (found["agents"]["a"]["attempts"], found["phases"]["q"]["attempts"]) == (2, 1)


def test_a_summary_of_a_session_that_did_nothing_is_short(scratch: Scratch, capsys: Capsys) -> None:
    with new_session(scratch):
        pass
    summary_command(invocation(scratch))
    assert "PHASE" not in printed(capsys)


def test_a_whole_trail_verifies(scratch: Scratch, capsys: Capsys) -> None:
    session = two_agents(scratch)
    assert verify_command(invocation(scratch)) is None
    assert printed(capsys) == f"session {session[:8]}: 13 entries, 1 run, 1 checkpoint: ok\n"
    assert verify_command(invocation(scratch), as_json=True) == 0
    assert printed_json(capsys)["ok"] is True


def test_a_broken_trail_is_an_error_that_names_the_first_bad_entry(scratch: Scratch, capsys: Capsys) -> None:
    session = two_agents(scratch)
    edit_notes(scratch, session, drop(b'"type":"retry"'))
    with pytest.raises(CorruptError, match=r"2 problems: entry 7 of run [0-9a-f]{8} is missing") as error:
        verify_command(invocation(scratch))
    assert error.value.hint == "git pliny doctor"
    assert printed(capsys) == "problem: the session's object is not what its entries add up to\n"
    assert verify_command(invocation(scratch), as_json=True) == 1
    assert [finding["check"] for finding in printed_json(capsys)["findings"]] == ["chain", "session"]


def test_remarks_are_told_of_a_trail_that_verifies(scratch: Scratch, capsys: Capsys) -> None:
    session = whole_session(scratch)
    tag = scratch.git("rev-parse", f"{sessions.CHECKPOINTS}{session}/p")
    scratch.git("update-ref", f"{sessions.CHECKPOINTS}{session}/again", tag)
    assert verify_command(invocation(scratch)) is None
    assert printed(capsys).startswith("remark: no entry names checkpoint again yet")


def test_through_the_program_a_broken_trail_exits_1(
    scratch: Scratch, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = whole_session(scratch)
    scratch.git("update-ref", "-d", f"{sessions.CHECKPOINTS}{session}/p")
    monkeypatch.chdir(scratch.root)
    assert run_program(["audit", "verify"], program_name="git pliny") == 1
    assert "error: session " in capsys.readouterr().err
    assert run_program(["audit", "verify", "--json"], program_name="git pliny") == 1


@pytest.mark.parametrize("command", [view_command, summary_command, verify_command])
def test_without_a_session_there_is_no_trail(scratch: Scratch, command: Any) -> None:
    with pytest.raises(NotFoundError, match="no current session"):
        command(invocation(scratch))
    with pytest.raises(NotFoundError, match="no session 'x'"):
        command(invocation(scratch), session="x")


def test_an_unknown_type_is_refused_with_those_that_there_are(
    scratch: Scratch, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(scratch.root)
    assert run_program(["audit", "view", "--type", "eror"], program_name="git pliny") == 2
    assert "agent_end" in capsys.readouterr().err
