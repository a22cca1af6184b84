"""Where an execution stands, entry by entry: the numbers and rows of progress. No terminal, no clock of its own.

Every entry costs the same however many agents there are: asking the fold for the counts would walk over all of them.
Entries that were written together are told one by one when the fold holds all of them already, so what an agent does is
read from its entry, and the fold is asked only where an entry changes many agents at once.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from git_pliny.cli.render import cost, spent, tokens
from git_pliny.model.events import Entry, EventType
from git_pliny.model.fold import Fold
from git_pliny.model.payloads import Spent
from git_pliny.model.plan import Phase, Plan
from git_pliny.model.session import AgentStatus


class Standing(StrEnum):
    """What an agent does, in the word that is shown for it; those that need an eye most come first."""

    RUNNING = "running"
    RETRYING = "retrying"
    FAILED = "failed"
    BLOCKED = "blocked"
    WAITING = "waiting"
    COMPLETED = "completed"
    SKIPPED = "skipped"


_OF_STATUS = {
    AgentStatus.PENDING: Standing.WAITING,
    AgentStatus.ROLLED_BACK: Standing.WAITING,
    AgentStatus.RUNNING: Standing.RUNNING,
    AgentStatus.COMPLETED: Standing.COMPLETED,
    AgentStatus.FAILED: Standing.FAILED,
    AgentStatus.BLOCKED: Standing.BLOCKED,
    AgentStatus.SKIPPED: Standing.SKIPPED,
}
_OF_ENTRY: Mapping[str, Standing] = {
    EventType.AGENT_START: Standing.RUNNING,
    EventType.RETRY: Standing.RETRYING,
    EventType.AGENT_BLOCK: Standing.BLOCKED,
    EventType.AGENT_SKIP: Standing.SKIPPED,
}
_OF_MANY = {
    EventType.SESSION_RESUME,
    EventType.SESSION_END,
    EventType.PLAN_CHANGE,
    EventType.ROUND_BEGIN,
    EventType.AGENT_RERUN,
    EventType.ROLLBACK,
}


_SPENDING = _OF_MANY | {EventType.BUDGET, EventType.ERROR, EventType.AGENT_END, EventType.SPEND}


class Tally:
    """Some agents of a plan by what they do; each group in the order in which they came to it."""

    def __init__(self, names: Iterable[str]) -> None:
        self._standing = dict.fromkeys(names, Standing.WAITING)
        self._groups: dict[Standing, dict[str, None]] = {standing: {} for standing in Standing}
        self._groups[Standing.WAITING] = dict.fromkeys(self._standing)

    def take(self, entry: Entry, state: Fold) -> None:
        """Count what an entry changed."""
        if entry.type in _OF_MANY:
            self.recount(state)
        elif entry.agent is not None and (standing := _standing(entry)) is not None:
            self._set(entry.agent, standing)

    def recount(self, state: Fold) -> None:
        """Take every agent's status from the fold."""
        for name in self._standing:
            known = state.agents.get(name)
            self._set(name, _OF_STATUS[known.status] if known else Standing.WAITING)

    def of(self, name: str) -> Standing | None:
        """What an agent does; None for one that is not among these."""
        return self._standing.get(name)

    def group(self, standing: Standing) -> Iterable[str]:
        """The agents that do this."""
        return self._groups[standing]

    def counts(self) -> dict[Standing, int]:
        """How many do what, without those that nobody does."""
        return {standing: len(group) for standing, group in self._groups.items() if group}

    @property
    def total(self) -> int:
        return len(self._standing)

    @property
    def done(self) -> int:
        """How many let what needs them start."""
        return len(self._groups[Standing.COMPLETED]) + len(self._groups[Standing.SKIPPED])

    @property
    def percent(self) -> int:
        """How much is done, 0 to 100; 100 only when all is."""
        return 100 * self.done // self.total if self.total else 100

    def _set(self, name: str, standing: Standing) -> None:
        before = self._standing.get(name)
        if before is not None and before is not standing:
            del self._groups[before][name]
            self._groups[standing][name] = None
            self._standing[name] = standing


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One agent as it is shown. `seconds` it has worked, took, or, where it is retrying, has still to wait."""

    name: str
    standing: Standing
    attempt: int = 1
    seconds: float | None = None
    detail: str = ""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown at one moment. `hidden` counts the agents of the phase for which there was no room."""

    phase: str
    title: str
    """The phase's, in brackets after its name; empty where it says no more than the name."""
    place: tuple[int, int]
    """Which phase of how many."""
    round: int | None
    rows: tuple[Row, ...]
    hidden: dict[Standing, int]
    counts: dict[Standing, int]
    done: int
    total: int
    percent: int
    seconds: float
    checkpoint: str
    spent: str = ""
    """What the session has spent by now, and of how much."""


class _Attempt(msgspec.Struct, frozen=True):
    """What the entries told about an agent last: when by the monotonic clock, and how long."""

    number: int
    at: float
    length: float | None = None
    said: str = ""


class Board:
    """The state of what is shown. `take` and `view` are for the same thread, or for a lock around both."""

    def __init__(self, plan: Plan, monotonic: Callable[[], float]) -> None:
        self._plan = plan
        self._monotonic = monotonic
        self._begun = monotonic()
        self._all = Tally(plan.agents)
        self._phase = plan.phases[0] if plan.phases else Phase(name="", agents=())
        self._places = {phase.name: place for place, phase in enumerate(plan.phases, 1)}
        self._here = Tally(self._phase.agents)
        self._attempts: dict[str, _Attempt] = {}
        self._holds: dict[str, float] = {}
        """Until when nobody asks a provider."""
        self._checkpoint = ""
        self._round = 1
        self._spent = ""

    def take(self, entry: Entry, state: Fold) -> None:
        """Show what an entry changed."""
        if entry.type == EventType.PHASE_BEGIN and entry.phase in self._places:
            self._phase = self._plan.phases[self._places[entry.phase] - 1]
            self._attempts.clear()
            self._here = Tally(self._phase.agents)
            self._here.recount(state)
        elif entry.type == EventType.CHECKPOINT:
            self._checkpoint = str(entry.data.get("name", ""))
        elif entry.type == EventType.HOLD:
            seconds = _seconds(entry.data.get("delay_s")) or 0.0
            self._holds[str(entry.data.get("provider"))] = self._monotonic() + seconds
        elif entry.type in _OF_MANY:
            self._look_up(state)
        if entry.type in _SPENDING:
            self._spent = spent(state.spending.cost_usd, state.spending.tokens, state.budget) or ""
        self._all.take(entry, state)
        self._here.take(entry, state)
        if entry.agent is not None:
            self._attend(entry.agent, entry)

    def view(self, room: int) -> View:
        """What there is to see now, with at most `room` rows of agents."""
        now = self._monotonic()
        names = self._chosen(room)
        shown = tuple(self._row(name, now) for name in names)
        hidden = self._here.counts()
        for row in shown:
            hidden[row.standing] -= 1
        return View(
            phase=self._phase.name,
            title=titled(self._phase.name, self._phase.title).removeprefix(self._phase.name),
            place=(self._places.get(self._phase.name, 0), len(self._places)),
            round=self._round if self._plan.rounds else None,
            rows=shown,
            hidden={standing: count for standing, count in hidden.items() if count},
            counts=self._all.counts(),
            done=self._all.done,
            total=self._all.total,
            percent=self._all.percent,
            seconds=now - self._begun,
            checkpoint=self._checkpoint,
            spent=self._spent,
        )

    def _look_up(self, state: Fold) -> None:
        self._round = state.round
        newest = state.newest_checkpoint()
        self._checkpoint = newest.name if newest else ""

    def _attend(self, name: str, entry: Entry) -> None:
        """Keep what the rows say beyond the standing."""
        now, number, data = self._monotonic(), entry.attempt or 1, entry.data
        if entry.type == EventType.AGENT_START:
            self._attempts[name] = _Attempt(number, now)
        elif entry.type == EventType.ERROR:
            self._attempts[name] = _Attempt(number, now, said=reason(data))
        elif entry.type == EventType.RETRY and name in self._attempts:
            self._attempts[name] = _Attempt(number + 1, now, _seconds(data.get("delay_s")), self._attempts[name].said)
        elif entry.type == EventType.AGENT_END:
            self._attempts[name] = _Attempt(
                number, now, _seconds(data.get("duration_s")), reason(data.get("error")) or price(data)
            )
        elif entry.type == EventType.AGENT_BLOCK:
            self._attempts[name] = _Attempt(number, now, said=f"needs {data.get('by')}")

    def _chosen(self, room: int) -> list[str]:
        """All agents of the phase in the plan's order where there is room, else those that need an eye most."""
        if self._here.total <= room:
            return list(self._phase.agents)
        chosen: list[str] = []
        for standing in (Standing.RUNNING, Standing.RETRYING, Standing.FAILED, Standing.BLOCKED):
            for name in self._here.group(standing):
                if len(chosen) >= room - 1:  # the last line says how many more there are
                    return chosen
                chosen.append(name)
        return chosen

    def _row(self, name: str, now: float) -> Row:
        standing = self._here.of(name) or Standing.WAITING
        known = self._attempts.get(name)
        if held := self._held(name, standing, now, known):
            return held
        title = self._plan.agents[name].title
        if known is None or standing is Standing.WAITING:
            return Row(name=name, standing=standing, detail=self._lacks(name, standing) or title)
        seconds = known.length
        if standing is Standing.RUNNING:
            seconds = now - known.at
        elif standing is Standing.RETRYING:
            seconds = max((known.length or 0.0) - (now - known.at), 0.0)
        return Row(name=name, standing=standing, attempt=known.number, seconds=seconds, detail=known.said or title)

    def _held(self, name: str, standing: Standing, now: float, known: _Attempt | None) -> Row | None:
        """An agent that its provider keeps waiting, where it has longer to wait for that than for anything else."""
        provider = self._plan.agents[name].provider
        left = self._holds.get(provider, now) - now
        own = (known.length or 0.0) - (now - known.at) if known and standing is Standing.RETRYING else 0.0
        is_next = standing is Standing.RETRYING or (standing is Standing.WAITING and not self._lacks(name, standing))
        if not is_next or left <= max(own, 0.0):
            return None
        number = known.number if known else 1
        return Row(name=name, standing=standing, attempt=number, seconds=left, detail=f"waiting for {provider}")

    def _lacks(self, name: str, standing: Standing) -> str:
        """What a waiting agent waits for, of its own phase: the earlier ones are over."""
        if standing is not Standing.WAITING:
            return ""
        done = (Standing.COMPLETED, Standing.SKIPPED, None)
        lacking = [need for need in self._plan.agents[name].needs if self._here.of(need) not in done]
        return f"needs {', '.join(lacking)}" if lacking else ""


def _standing(entry: Entry) -> Standing | None:
    if entry.type == EventType.AGENT_END:
        status = entry.data.get("status")
        return Standing.FAILED if status == AgentStatus.FAILED else Standing.COMPLETED
    return _OF_ENTRY.get(entry.type)


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def price(data: Mapping[str, Any]) -> str:
    """What an attempt told to have spent; empty where it told nothing."""
    try:
        told = msgspec.convert(data.get("spent"), Spent | None)
    except msgspec.ValidationError:
        return ""
    parts = [cost(told.cost_usd)] if told and told.cost_usd is not None else []
    parts += [f"{tokens(told.tokens)} tokens"] if told and told.tokens is not None else []
    return ", ".join(parts)


def titled(name: str, title: str) -> str:
    """A name with its title, where that says more than the name."""
    return f"{name} ({title})" if title and title.casefold() != name.casefold() else name


def reason(error: Mapping[str, Any] | None) -> str:
    """Category and message of a failure, in a line; empty where there is none."""
    return " ".join(f"{error.get('category')}: {error.get('message')}".split()) if error else ""
