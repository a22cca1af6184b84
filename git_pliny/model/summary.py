"""What a trail adds up to: time, attempts, failures, cost and rollbacks, in all, by phase and by agent.

Counted from the entries, not from the session, since a session shows how things stand and not what it took. An entry
with data of a wrong shape counts as far as it can be read.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from git_pliny.model import payloads
from git_pliny.model.events import Entry, EventType, Line, parse_time
from git_pliny.model.session import BudgetRecord
from git_pliny.model.spending import Spending

_Payload = TypeVar("_Payload", bound=msgspec.Struct)

NO_PHASE = "-"


class Tally(Spending, kw_only=True):
    """Of one agent, one phase, or all: `failures` are attempts that failed, `rolled_back` those that were set back.

    `duration_s` is the time of its attempts, added up; of a phase and of all it is the time from begin to end.
    """

    attempts: int = 0
    retries: int = 0
    failures: int = 0
    rolled_back: int = 0
    duration_s: float = 0.0

    def last(self, microseconds: int) -> None:
        self.duration_s = round(self.duration_s + microseconds / 1e6, 6)


class AgentTally(Tally, kw_only=True):
    phase: str = NO_PHASE


class Summary(msgspec.Struct, kw_only=True):
    """`errors` counts failed attempts by category; `rollbacks` counts the rollbacks, undone ones included."""

    session: str
    entries: int = 0
    runs: int = 0
    checkpoints: int = 0
    rollbacks: int = 0
    total: Tally = msgspec.field(default_factory=Tally)
    phases: dict[str, Tally] = {}
    agents: dict[str, AgentTally] = {}
    errors: dict[str, int] = {}
    budget: BudgetRecord | None = None


class _Failed(msgspec.Struct):
    category: str


class _Ended(msgspec.Struct):
    error: _Failed | None = None


def summarize(session: str, lines: Sequence[Line]) -> Summary:
    """The summary of a session's entries, which are in the trail's order."""
    counting = _Counting(Summary(session=session))
    for line in lines:
        counting.take(line.entry)
    return counting.result()


class _Counting:
    """A summary while entries are taken in."""

    def __init__(self, summary: Summary) -> None:
        self._summary = summary
        self._running: dict[payloads.AttemptKey, int] = {}
        self._open: dict[tuple[str, str], int] = {}
        self._spans: dict[str, tuple[int, int]] = {}
        self._rules: dict[str, Callable[[Entry], None]] = {
            EventType.PHASE_BEGIN: self._phase_begin,
            EventType.PHASE_END: self._phase_end,
            EventType.AGENT_START: self._agent_start,
            EventType.AGENT_END: self._agent_end,
            EventType.ERROR: self._error,
            EventType.SPEND: self._spend,
            EventType.BUDGET: self._budget,
            EventType.RETRY: self._retry,
            EventType.CHECKPOINT: self._checkpoint,
            EventType.ROLLBACK: self._rollback,
        }

    def take(self, entry: Entry) -> None:
        now = parse_time(entry.ts)
        self._summary.entries += 1
        self._spans[entry.run] = (self._spans.get(entry.run, (now, now))[0], now)
        if rule := self._rules.get(entry.type):
            rule(entry)

    def result(self) -> Summary:
        """The summary; a phase that never ended lasted until the last entry of its run."""
        for (run, phase), begun in self._open.items():
            self._phase(phase).last(self._spans[run][1] - begun)
        self._summary.runs = len(self._spans)
        self._summary.total.last(sum(last - first for first, last in self._spans.values()))
        return self._summary

    def _phase(self, name: str | None) -> Tally:
        return self._summary.phases.setdefault(name or NO_PHASE, Tally())

    def _agent(self, name: str) -> AgentTally:
        return self._summary.agents.setdefault(name, AgentTally())

    def _tallies(self, entry: Entry) -> list[Tally]:
        """Everything that an entry about an agent counts for."""
        if entry.agent is None:
            return [self._summary.total]
        agent = self._agent(entry.agent)
        agent.phase = entry.phase or agent.phase
        return [self._summary.total, self._phase(agent.phase), agent]

    def _phase_begin(self, entry: Entry) -> None:
        if entry.phase is not None:
            self._phase(entry.phase)
            self._open[entry.run, entry.phase] = parse_time(entry.ts)

    def _phase_end(self, entry: Entry) -> None:
        begun = self._open.pop((entry.run, entry.phase or ""), None)
        if begun is not None:
            self._phase(entry.phase).last(parse_time(entry.ts) - begun)

    def _agent_start(self, entry: Entry) -> None:
        for tally in self._tallies(entry):
            tally.attempts += 1
        self._running[_key(entry)] = parse_time(entry.ts)

    def _agent_end(self, entry: Entry) -> None:
        ended = _read(entry, _Ended)
        self._stop(entry, ended.error if ended else None)

    def _budget(self, entry: Entry) -> None:
        budget = _read(entry, BudgetRecord)
        self._summary.budget = budget if budget != BudgetRecord() else None

    def _spend(self, entry: Entry) -> None:
        self._stop(entry, None)

    def _error(self, entry: Entry) -> None:
        self._stop(entry, _read(entry, _Failed) or _Failed("unknown"))

    def _stop(self, entry: Entry, failed: _Failed | None) -> None:
        begun = self._running.pop(_key(entry), None)
        if begun is not None and entry.agent is not None:
            self._agent(entry.agent).last(parse_time(entry.ts) - begun)
        cost = _read(entry, payloads.AttemptError)
        for tally in self._tallies(entry):
            tally.failures += failed is not None
            if cost is not None and cost.spent is not None:
                tally.spend(cost.spent)
        if failed is not None:
            self._summary.errors[failed.category] = self._summary.errors.get(failed.category, 0) + 1

    def _retry(self, entry: Entry) -> None:
        for tally in self._tallies(entry):
            tally.retries += 1

    def _checkpoint(self, _: Entry) -> None:
        self._summary.checkpoints += 1

    def _rollback(self, entry: Entry) -> None:
        self._summary.rollbacks += 1
        done = _read(entry, payloads.RolledBack)
        for key in done.set_back if done else ():
            agent = self._agent(key.agent)
            for tally in (self._summary.total, self._phase(agent.phase), agent):
                tally.rolled_back += 1


def _key(entry: Entry) -> payloads.AttemptKey:
    return payloads.AttemptKey(entry.agent or "", entry.run, entry.attempt or 0)


def _read(entry: Entry, kind: type[_Payload]) -> _Payload | None:
    try:
        return msgspec.convert(entry.data, kind)
    except msgspec.ValidationError:
        return None
