"""What is told of an execution while it runs: entries for programs, and a line in words for people."""

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest
from trails import chained

from git_pliny.cli import messages
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.progress import JsonLines, PlainLines, Several, describe, make_reporter
from git_pliny.cli.streams import unless_lost
from git_pliny.executor.progress import Reporter
from git_pliny.model.events import Event, EventType, Line
from git_pliny.model.fold import Fold, apply
from git_pliny.model.plan import Agent, Phase, Plan

PLAN = Plan(
    name="Tidy",
    phases=(
        Phase(name="research", agents=("web", "code"), parallel=True, title="Find things out"),
        Phase(name="fix", agents=("mend", "check"), title="Fix"),
    ),
    agents={
        "web": Agent(name="web", run=":"),
        "code": Agent(name="code", run=":", title="Read the sources"),
        "mend": Agent(name="mend", run=":"),
        "check": Agent(name="check", run=":", needs=("mend",)),
    },
)
BROKEN: dict[str, Any] = {
    "category": "network",
    "recoverable": True,
    "reason": "words",
    "message": "no\nroute \x1b[31m",
}


def event(kind: EventType, *, agent: str | None = None, phase: str | None = None, **data: Any) -> Event:
    attempt = data.pop("attempt", 1) if agent else None
    return Event(type=kind, phase=phase, agent=agent, attempt=attempt, data=data)


def words(told: Event) -> str | None:
    return describe(chained([told])[0].entry, PLAN)


def tell(reporter: Reporter, *events: Event) -> list[Line]:
    state, lines = Fold("s"), chained(list(events))
    for line in lines:
        apply(state, line)
        reporter.entries([line], state)
    return lines


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (event(EventType.ROUND_BEGIN, round=2), "session: round 2"),
        (event(EventType.PHASE_BEGIN, phase="fix", agents=1), "phase fix: started, 1 agent"),
        (
            event(EventType.PHASE_BEGIN, phase="research", agents=2),
            "phase research (Find things out): started, 2 agents",
        ),
        (event(EventType.PHASE_END, phase="gone", status="failed"), "phase gone: failed"),
        (event(EventType.AGENT_START, agent="web", phase="research"), "web: started"),
        (event(EventType.AGENT_START, agent="code", attempt=3), "code (Read the sources): started, attempt 3"),
        (event(EventType.AGENT_END, agent="web", status="completed", duration_s=1.25), "web: completed in 1.2s"),
        (
            event(EventType.AGENT_END, agent="web", status="failed", duration_s=90, error=BROKEN),
            "web: failed in 1m30s: network: no route \\x1b[31m",
        ),
        (event(EventType.AGENT_END, agent="gone", status="failed", error=None), "gone: failed"),
        (
            event(EventType.ERROR, agent="web", attempt=2, duration_s=0.3, **BROKEN),
            "web: attempt 2 failed in 300ms: network: no route \\x1b[31m",
        ),
        (event(EventType.RETRY, agent="web", delay_s=4.0, category="network"), "web: retrying in 4s"),
        (event(EventType.RETRY, agent="web"), "web: retrying in ?"),
        (event(EventType.AGENT_BLOCK, agent="check", by="mend"), "check: blocked, needs mend"),
        (event(EventType.AGENT_SKIP, agent="web", reason="completed before"), "web: skipped, completed before"),
        (event(EventType.CHECKPOINT, name="start", commit="0" * 40), "session: checkpoint start"),
        (event(EventType.PROMPT, agent="web", text="…"), None),
    ],
)
def test_an_entry_is_told_in_one_line(told: Event, expected: str | None) -> None:
    assert words(told) == expected


def test_a_long_message_is_cut() -> None:
    told = words(event(EventType.ERROR, agent="web", category="tool", message="x" * 10_000))
    assert told is not None
    assert len(told) == 500


def test_plain_lines_begin_with_how_much_of_the_plan_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    tell(
        PlainLines(PLAN),
        event(EventType.PHASE_BEGIN, phase="research", agents=2),
        event(EventType.AGENT_START, agent="web", phase="research"),
        event(EventType.PROMPT, agent="web"),
        event(EventType.AGENT_END, agent="web", phase="research", status="completed", duration_s=2.0),
    )
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "[  0%] phase research (Find things out): started, 2 agents\n[  0%] web: started\n[ 25%] web: completed in 2s\n"
    )


def test_json_lines_are_the_entries_byte_for_byte(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    lines = tell(JsonLines(), event(EventType.PHASE_BEGIN, phase="é"), event(EventType.PROMPT, agent="web"))
    out, err = capfdbinary.readouterr()
    assert out == b"".join(line.raw + b"\n" for line in lines)
    assert [json.loads(line)["type"] for line in out.splitlines()] == ["phase_begin", "prompt"]
    assert err == b""


@pytest.mark.parametrize("reporter", [JsonLines(), PlainLines(PLAN), Several([PlainLines(PLAN)])])
def test_warnings_go_to_standard_error(reporter: Reporter, capsys: pytest.CaptureFixture[str]) -> None:
    reporter.warn("mind the gap")
    assert capsys.readouterr() == ("", "warning: mind the gap\n")


def test_several_reporters_are_told_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    tell(Several([PlainLines(PLAN), PlainLines(PLAN)]), event(EventType.ROUND_BEGIN, round=2))
    assert capsys.readouterr().err == "[  0%] session: round 2\n" * 2


@contextlib.contextmanager
def readers_gone() -> Iterator[TextIO]:
    """Standard output and standard error as one pipe whose reader has left; gives the stream."""
    reading, writing = os.pipe()
    os.close(reading)
    with (
        io.TextIOWrapper(os.fdopen(writing, "wb")) as stream,
        contextlib.redirect_stdout(stream),
        contextlib.redirect_stderr(stream),
    ):
        yield stream


@pytest.mark.parametrize("reporter", [JsonLines(), PlainLines(PLAN)])
def test_a_reader_that_leaves_does_not_end_the_execution(reporter: Reporter) -> None:
    with readers_gone() as stream:
        for _ in range(2):
            tell(reporter, event(EventType.ROUND_BEGIN, round=2))
            reporter.warn("nobody reads this")
        assert os.fstat(stream.fileno()).st_rdev == Path(os.devnull).stat().st_rdev


def test_a_full_disk_below_standard_output_is_told_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs a device that is always full")
    with Path("/dev/full").open("w") as full, contextlib.redirect_stdout(full):
        tell(JsonLines(), event(EventType.ROUND_BEGIN, round=2), event(EventType.ROUND_BEGIN, round=3))
    assert capsys.readouterr().err == "warning: standard output is lost from here on: no space left on device\n"


def test_what_is_no_failure_to_write_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), unless_lost(sys.stderr):
        raise ZeroDivisionError


def here(**more: Any) -> Invocation:
    return Invocation(cwd=Path.cwd(), environ={"TERM": "xterm"} | more.pop("environ", {}), now=0.0, **more)


@pytest.mark.parametrize(
    ("invocation", "as_json", "kind"),
    [
        (here(), False, "PlainLines"),
        (here(stderr_is_terminal=True, environ={"TERM": "dumb"}), False, "PlainLines"),
        (here(stderr_is_terminal=True), True, "JsonLines"),
        (here(stderr_is_terminal=True), False, "LiveDisplay"),
    ],
)
def test_the_reporter_fits_where_the_output_goes(invocation: Invocation, as_json: bool, kind: str) -> None:
    with make_reporter(invocation, PLAN, jobs=2, as_json=as_json) as reporter:
        assert type(reporter).__name__ == kind


def test_rich_is_not_imported_where_nothing_is_drawn() -> None:
    code = (
        "import sys, git_pliny.cli.execute\n"
        "from pathlib import Path\n"
        "from git_pliny.cli.invocation import Invocation\n"
        "from git_pliny.cli.progress import make_reporter\n"
        "from git_pliny.model.plan import Plan\n"
        "here = Invocation(cwd=Path(), environ={}, now=0.0)\n"
        "for as_json in (True, False):\n"
        "    with make_reporter(here, Plan(name='p', phases=(), agents={}), jobs=1, as_json=as_json):\n"
        "        assert not [name for name in sys.modules if name.startswith('rich')]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_an_agent_does_is_told_without_a_walk_over_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    state = Fold("s")
    del state.agents
    reporter = PlainLines(PLAN)
    for line in chained([event(kind, agent="web", status="completed") for kind in EventType if "agent" in kind]):
        if line.entry.type != EventType.AGENT_RERUN:
            reporter.entries([line], state)
    assert capsys.readouterr().err.count("web: ") == 4


def test_a_note_is_lost_with_its_reader_and_nothing_else() -> None:
    with readers_gone():
        messages.note("one")
        messages.error("two", hint="three")


def test_the_end_of_an_attempt_tells_what_it_spent() -> None:
    spent = {"cost_usd": 0.5, "tokens": {"input": 10, "output": 5}}
    assert words(event(EventType.AGENT_END, agent="web", status="completed", duration_s=1.0, spent=spent)) == (
        "web: completed in 1s, $0.50, 10 in, 5 out tokens"
    )
    failed = event(EventType.ERROR, agent="web", **BROKEN, duration_s=1.0, spent={"cost_usd": 0.5})
    assert (words(failed) or "").endswith(", $0.50")
    assert words(event(EventType.AGENT_END, agent="web", status="completed", spent=5)) == "web: completed"


def test_the_end_of_a_phase_tells_what_the_session_has_spent_and_may_spend(
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan = event(EventType.PLAN_CHANGE, plan="0" * 40, agents={"web": "research"})
    end = event(EventType.AGENT_END, agent="web", phase="research", status="completed", spent={"cost_usd": 0.5})
    closed = event(EventType.PHASE_END, phase="research", status="completed")
    tell(PlainLines(PLAN), plan, event(EventType.BUDGET, cost_usd=2.0), end, closed)
    assert capsys.readouterr().err.splitlines()[-1].endswith("completed; spent so far: $0.50 of $2.00, tokens: -")
