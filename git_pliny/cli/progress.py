"""Progress of an execution, as it is shown: one event a line for programs, plain lines, or a live display.

A reader that goes away (`| head`), or a terminal that does, ends what is shown and never the execution.
"""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from git_pliny.cli import loading, messages
from git_pliny.cli.board import Tally, price, reason, titled
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.render import clip, spent
from git_pliny.cli.streams import unless_lost
from git_pliny.executor.progress import Reporter
from git_pliny.model.duration import render_duration
from git_pliny.model.events import Entry, EventType, Line
from git_pliny.model.fold import Fold
from git_pliny.model.plan import Plan

_LONGEST = 500


class JsonLines:
    """The entries themselves, one a line, on standard output."""

    def entries(self, lines: Sequence[Line], state: Fold) -> None:  # noqa: ARG002 - the protocol's
        with unless_lost(sys.stdout, messages.warning):
            sys.stdout.buffer.write(b"".join(line.raw + b"\n" for line in lines))
            sys.stdout.buffer.flush()

    def warn(self, text: str) -> None:
        messages.warning(text)


class PlainLines:
    """A line for what people want to know, on standard error, with the percentage of the plan that is done."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._tally = Tally(plan.agents)

    def entries(self, lines: Sequence[Line], state: Fold) -> None:
        told = []
        for line in lines:
            self._tally.take(line.entry, state)
            if text := describe(line.entry, self._plan):
                told.append(f"[{self._tally.percent:3d}%] {text}{_so_far(line.entry, state)}")
        if told:
            messages.note("\n".join(told))

    def warn(self, text: str) -> None:
        messages.warning(text)


class Several:
    """Tells several reporters, in order."""

    def __init__(self, reporters: Sequence[Reporter]) -> None:
        self._reporters = reporters

    def entries(self, lines: Sequence[Line], state: Fold) -> None:
        for reporter in self._reporters:
            reporter.entries(lines, state)

    def warn(self, text: str) -> None:
        for reporter in self._reporters:
            reporter.warn(text)


def describe(entry: Entry, plan: Plan) -> str | None:
    """An entry in words, in one line, or None where people need not know."""
    words = _WORDS.get(entry.type)
    return clip(f"{_subject(entry, plan)}: {words(entry)}", _LONGEST) if words else None


def _subject(entry: Entry, plan: Plan) -> str:
    """What an entry is about: the agent with its title, the phase, or the session as a whole."""
    if entry.agent is not None:
        known = plan.agents.get(entry.agent)
        return titled(entry.agent, known.title if known else "")
    if entry.phase is None:
        return "session"
    title = next((phase.title for phase in plan.phases if phase.name == entry.phase), "")
    return f"phase {titled(entry.phase, title)}"


def _began(entry: Entry) -> str:
    number = entry.data.get("agents")
    return f"started, {number} agent{'s' if number != 1 else ''}"


def _phase_ended(entry: Entry) -> str:
    return str(entry.data.get("status"))


def _started(entry: Entry) -> str:
    return f"started, attempt {entry.attempt}" if (entry.attempt or 1) > 1 else "started"


def _ended(entry: Entry) -> str:
    why = reason(entry.data.get("error"))
    return f"{entry.data.get('status')}{_took(entry.data)}{': ' if why else ''}{why}{_cost(entry.data)}"


def _attempt_failed(entry: Entry) -> str:
    return f"attempt {entry.attempt} failed{_took(entry.data)}: {reason(entry.data)}{_cost(entry.data)}"


def _retried(entry: Entry) -> str:
    return f"retrying in {_length(entry.data.get('delay_s'))}"


def _held(entry: Entry) -> str:
    return f"waiting for {entry.data.get('provider')}, {_length(entry.data.get('delay_s'))}"


def _took(data: Mapping[str, Any]) -> str:
    seconds = data.get("duration_s")
    return f" in {_length(seconds)}" if seconds is not None else ""


def _cost(data: Mapping[str, Any]) -> str:
    """What the attempt told to have spent."""
    words = price(data)
    return f", {words}" if words else ""


def _so_far(entry: Entry, state: Fold) -> str:
    """What the session has spent, as a phase ends."""
    if entry.type != EventType.PHASE_END:
        return ""
    words = spent(state.spending.cost_usd, state.spending.tokens, state.budget)
    return f"; spent so far: {words}" if words else ""


def _length(seconds: object) -> str:
    return render_duration(float(seconds)) if isinstance(seconds, int | float) else "?"


_WORDS: Mapping[str, Callable[[Entry], str]] = {
    EventType.ROUND_BEGIN: lambda entry: f"round {entry.data.get('round')}",
    EventType.PHASE_BEGIN: _began,
    EventType.PHASE_END: _phase_ended,
    EventType.AGENT_START: _started,
    EventType.AGENT_END: _ended,
    EventType.AGENT_SKIP: lambda entry: f"skipped, {entry.data.get('reason')}",
    EventType.AGENT_BLOCK: lambda entry: f"blocked, needs {entry.data.get('by')}",
    EventType.ERROR: _attempt_failed,
    EventType.HOLD: _held,
    EventType.RETRY: _retried,
    EventType.CHECKPOINT: lambda entry: f"checkpoint {entry.data.get('name')}",
}


@contextlib.contextmanager
def make_reporter(here: Invocation, plan: Plan, *, jobs: int, as_json: bool) -> Iterator[Reporter]:
    """The reporter that fits where the output goes; `jobs` is how many agents may run at the same time."""
    if as_json:
        yield JsonLines()
    elif here.live:
        display = loading.live().LiveDisplay(here, plan, jobs=jobs, stream=sys.stderr, monotonic=time.monotonic)
        with display:
            yield display
    else:
        yield PlainLines(plan)
