"""Progress of an execution, as it is shown: one event a line for programs, plain lines, or a live display."""

import contextlib
import sys
from collections.abc import Iterator, Sequence

from git_pliny.cli import messages
from git_pliny.cli.invocation import Invocation
from git_pliny.executor.progress import Reporter
from git_pliny.model.events import EventType, Line
from git_pliny.model.fold import Fold
from git_pliny.model.plan import Plan


class JsonLines:
    """The entries themselves, one a line, on standard output."""

    def entry(self, line: Line, state: Fold) -> None:  # noqa: ARG002 - the protocol's
        sys.stdout.buffer.write(line.raw + b"\n")
        sys.stdout.buffer.flush()

    def warn(self, text: str) -> None:
        messages.warning(text)


class PlainLines:
    """A line for what people want to know, on standard error."""

    def __init__(self, plan: Plan) -> None:
        self._total = len(plan.agents)

    def entry(self, line: Line, state: Fold) -> None:
        if text := describe(line, state):
            done = sum(agent.status.done for agent in state.agents.values())
            percent = 100 * done // self._total if self._total else 100
            messages.note(f"[{percent:3d}%] {text}")

    def warn(self, text: str) -> None:
        messages.warning(text)


class Several:
    """Tells several reporters, in order."""

    def __init__(self, reporters: Sequence[Reporter]) -> None:
        self._reporters = reporters

    def entry(self, line: Line, state: Fold) -> None:
        for reporter in self._reporters:
            reporter.entry(line, state)

    def warn(self, text: str) -> None:
        for reporter in self._reporters:
            reporter.warn(text)


def describe(line: Line, state: Fold) -> str | None:  # noqa: ARG001 - a live display says more
    """An entry in words, or None where people need not know."""
    entry, data = line.entry, line.entry.data
    match entry.type:
        case EventType.PHASE_BEGIN:
            return f"phase {entry.phase}"
        case EventType.AGENT_START:
            again = f" (attempt {entry.attempt})" if (entry.attempt or 1) > 1 else ""
            return f"{entry.agent}: started{again}"
        case EventType.AGENT_END:
            return f"{entry.agent}: {_ended(data)}"
        case EventType.RETRY:
            return f"{entry.agent}: tried again in {data.get('delay_s')} s ({data.get('category')})"
        case EventType.ERROR:
            return f"{entry.agent}: {data.get('category')}: {data.get('message')}"
        case EventType.AGENT_BLOCK:
            return f"{entry.agent}: blocked, needs {data.get('by')}"
        case EventType.CHECKPOINT:
            return f"checkpoint {data.get('name')}"
        case EventType.ROUND_BEGIN:
            return f"round {data.get('round')}"
        case _:
            return None


def _ended(data: dict[str, object]) -> str:
    seconds = data.get("duration_s")
    took = f" in {seconds:.1f} s" if isinstance(seconds, float) else ""
    error = data.get("error")
    why = f": {error.get('category')}: {error.get('message')}" if isinstance(error, dict) else ""
    return f"{data.get('status')}{took}{why}"


@contextlib.contextmanager
def make_reporter(here: Invocation, plan: Plan, *, as_json: bool) -> Iterator[Reporter]:
    """The reporter that fits where the output goes."""
    if as_json:
        yield JsonLines()
    else:
        yield PlainLines(plan)
