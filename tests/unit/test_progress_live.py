"""The live display on a terminal: it draws in place, lets others print, and leaves no trace when it is over."""

import contextlib
import io
import os
import pty
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from hypothesis import given, settings
from hypothesis import strategies as st
from terminal import Terminal
from trails import chained

from git_pliny.cli import messages
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.live import Foot, LiveDisplay
from git_pliny.model.events import Event, EventType
from git_pliny.model.fold import Fold, apply
from git_pliny.model.plan import Agent, Phase, Plan

PLAN = Plan(name="p", phases=(Phase(name="one", agents=("a",)),), agents={"a": Agent(name="a", run=":", title="Do it")})
FAILURE: dict[str, Any] = {"category": "tool", "recoverable": False, "reason": "r", "message": "no such file"}


@dataclass
class Paper:
    """A foot on the terminal of the tests."""

    terminal: Terminal = field(default_factory=lambda: Terminal(20, 50))
    stream: io.StringIO = field(default_factory=io.StringIO)

    def __post_init__(self) -> None:
        self.foot = Foot(self.stream)

    @property
    def size(self) -> os.terminal_size:
        return os.terminal_size((self.terminal.width, self.terminal.height))

    def draw(self, above: str, *lines: str) -> None:
        self.foot.draw(above, lines, [len(line) for line in lines], self.size)
        self.see()

    def see(self) -> None:
        self.terminal.feed(self.stream.getvalue().replace("\n", "\r\n"))
        self.stream.seek(0)
        self.stream.truncate()


def test_a_frame_replaces_the_one_before() -> None:
    paper = Paper()
    paper.draw("", "one", "two", "three")
    paper.draw("", "ONE", "2")
    assert paper.terminal.lines == ["ONE", "2"]


def test_what_is_printed_above_stays() -> None:
    paper = Paper()
    paper.draw("first\n", "running")
    paper.draw("second, which is longer than a line\n", "done")
    assert paper.terminal.lines == ["first", "second, which is lon", "ger than a line", "done"]


def test_nothing_to_draw_writes_nothing() -> None:
    paper = Paper()
    paper.foot.draw("", [], [], paper.size)
    assert paper.stream.getvalue() == ""


def test_every_frame_leaves_the_cursor_shown_at_the_left_and_lines_wrapping() -> None:
    paper = Paper()
    paper.draw("above\n", "x" * 20)
    assert paper.terminal.cursor_shown
    assert paper.terminal.wraps
    paper.terminal.feed("$")
    assert paper.terminal.lines == ["above", "x" * 20, "$"]


def test_a_line_that_is_wider_than_we_think_does_not_wrap() -> None:
    paper = Paper()
    paper.draw("", "x" * 30, "y")
    paper.draw("", "z", "y")
    assert paper.terminal.lines == ["z", "y"]


def test_a_terminal_made_narrower_shows_no_remains() -> None:
    paper = Paper()
    paper.draw("kept\n", "a" * 19, "", "b" * 9)
    paper.terminal.resize(8)
    paper.draw("", "c" * 8, "d")
    assert paper.terminal.lines == ["kept", "c" * 8, "d"]


def test_a_frame_that_has_become_taller_than_the_terminal_is_replaced_as_far_as_it_is_seen() -> None:
    paper = Paper(Terminal(20, 5))
    paper.draw("", *("a" * 20, "b" * 20, "c" * 20))
    paper.terminal.resize(5)
    paper.draw("", "d")
    assert paper.terminal.lines[-2:] == ["bbbbb", "d"]


def test_what_is_typed_below_is_gone_with_the_next_frame() -> None:
    paper = Paper()
    for above in ("", "above\n", ""):
        paper.draw(above, "one", "two")
        paper.terminal.feed("^C")
    paper.draw("")
    assert paper.terminal.lines == ["above"]


def test_what_others_wrote_below_is_left_alone_once_it_is_forgotten() -> None:
    paper = Paper()
    paper.draw("", "one", "two")
    paper.terminal.feed("$ fg\r\n")
    paper.foot.forget()
    paper.draw("", "three")
    assert paper.terminal.lines == ["one", "two", "$ fg", "three"]


_LINE = st.text("abc ", max_size=20)
_DRAWN = st.tuples(st.lists(_LINE, max_size=3), st.lists(_LINE, max_size=6), st.sampled_from((20, 20, 20, 7, 33)))


@given(st.lists(_DRAWN, max_size=8))
@settings(deadline=None, max_examples=80)
def test_the_terminal_shows_all_that_was_printed_and_then_the_last_frame(
    drawn: list[tuple[list[str], list[str], int]],
) -> None:
    paper, kept = Paper(), Terminal(20, 50)
    for above, lines, width in drawn:
        for terminal in (paper.terminal, kept):
            if terminal.width != width:
                terminal.resize(width)
        shown = [line[:width] for line in lines]
        paper.draw("".join(f"{line}\n" for line in above), *shown)
        kept.feed("".join(f"{line}\r\n" for line in above))
    last = [line[: drawn[-1][2]] for line in drawn[-1][1]] if drawn else []
    kept.feed("".join(f"{line}\r\n" for line in last))
    assert paper.terminal.lines == kept.lines


def test_a_stream_that_is_no_terminal_has_a_usual_size_and_is_ours() -> None:
    foot = Foot(io.StringIO())
    assert foot.size() == (80, 24)
    assert foot.is_ours()


@contextlib.contextmanager
def pseudo_terminal() -> Iterator[tuple[TextIO, Callable[[], str]]]:
    """A stream to a terminal, and a function that gives what it was sent so far."""
    ours, theirs = pty.openpty()
    got = bytearray()

    def collect() -> None:
        with contextlib.suppress(OSError):
            while data := os.read(ours, 4096):
                got.extend(data)

    thread = threading.Thread(target=collect, daemon=True)
    with os.fdopen(theirs, "w", encoding="utf-8") as stream:
        thread.start()
        yield stream, got.decode
    thread.join(1)
    os.close(ours)


def test_a_terminal_without_a_size_has_the_usual_one() -> None:
    with pseudo_terminal() as (stream, _):
        assert Foot(stream).size() == (80, 24)


def test_a_terminal_that_has_gone_is_no_reason_to_fail() -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as stream:
        os.close(ours)
        foot = Foot(stream)
        for _ in range(3):
            foot.draw("above\n", ["line"], [4], foot.size())


def display(stream: TextIO, plan: Plan = PLAN) -> LiveDisplay:
    here = Invocation(cwd=Path.cwd(), environ={"LANG": "C.UTF-8", "NO_COLOR": "1"}, now=0.0)
    return LiveDisplay(here, plan, jobs=2, stream=stream, monotonic=time.monotonic)


class Told:
    """Tells a display of events that follow each other."""

    def __init__(self, shown: LiveDisplay) -> None:
        self.shown, self.state, self.events = shown, Fold("s"), list[Event]()

    def __call__(self, kind: EventType, agent: str | None = None, **data: Any) -> None:
        attempt = 1 if agent else None
        self.events.append(Event(type=kind, phase="one", agent=agent, attempt=attempt, data=data))
        line = chained(self.events)[-1]
        apply(self.state, line)
        self.shown.entries([line], self.state)


def wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def seen(text: str) -> list[str]:
    terminal = Terminal()
    terminal.feed(text)
    return terminal.lines


def test_it_draws_by_itself_and_is_gone_at_the_end() -> None:
    with pseudo_terminal() as (stream, sent):
        with display(stream) as shown:
            Told(shown)(EventType.AGENT_START, "a")
            wait(lambda: sent().count("a  running    0s") >= 1)
            frames = sent().count("running")
            wait(lambda: sent().count("running") > frames)
            assert seen(sent())[0] == "  a  running    0s  Do it"
        wait(lambda: seen(sent()) == [""])


def test_failures_and_ends_of_phases_stay_and_successes_do_not() -> None:
    with pseudo_terminal() as (stream, sent):
        with display(stream) as shown:
            tell = Told(shown)
            tell(EventType.PHASE_BEGIN, agents=1)
            tell(EventType.AGENT_START, "a")
            tell(EventType.ERROR, "a", duration_s=1.0, **FAILURE)
            tell(EventType.RETRY, "a", delay_s=1.0)
            tell(EventType.AGENT_END, "a", status="completed", duration_s=1.0)
            tell(EventType.AGENT_END, "a", status="failed", duration_s=2.0, error=FAILURE)
            tell(EventType.PHASE_END, status="failed")
        expected = [
            "a (Do it): attempt 1 failed in 1s: tool: no such file",
            "a (Do it): failed in 2s: tool: no such file",
            "phase one: failed",
        ]
        wait(lambda: seen(sent()) == expected)


def test_what_others_print_scrolls_by_above_in_whole_lines() -> None:
    with pseudo_terminal() as (stream, sent):
        with display(stream) as shown:
            messages.note("noted")
            shown.warn("mind the gap")
            sys.stderr.write("half a ")
            wait(lambda: "mind" in sent() and "waiting" in sent())
            assert "half" not in sent()
            sys.stderr.write("line\nand no end")
            wait(lambda: "half a line" in sent())
            assert seen(sent())[:4] == ["noted", "warning: mind the gap", "half a line", "  a  waiting    Do it"]
        wait(lambda: seen(sent()) == ["noted", "warning: mind the gap", "half a line", "and no end"])


def test_it_gives_standard_error_and_signals_back_however_it_ends() -> None:
    stream, handler = sys.stderr, signal.getsignal(signal.SIGCONT)
    with pseudo_terminal() as (terminal, sent):
        with contextlib.suppress(KeyboardInterrupt), display(terminal):
            assert sys.stderr is not stream
            wait(lambda: "waiting" in sent())
            raise KeyboardInterrupt
        wait(lambda: seen(sent()) == [""])
    assert sys.stderr is stream
    assert signal.getsignal(signal.SIGCONT) is handler
