"""The end of an execution: what ran, how long, what failed and why, and the next command to type."""

import sys
from collections import Counter
from collections.abc import Iterator
from shlex import quote

from git_pliny.cli import budgets, messages, output, overview, render
from git_pliny.cli.choosing import OUTER
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.streams import unless_lost
from git_pliny.errors import AgentFailedError, InterruptedRunError, OverBudgetError
from git_pliny.executor.budgets import OverBudget
from git_pliny.executor.coordinator import End, Ending
from git_pliny.executor.options import Order
from git_pliny.model import graph
from git_pliny.model.events import parse_time
from git_pliny.model.fold import Fold
from git_pliny.model.session import AgentRecord, AgentStatus, Session
from git_pliny.model.visible import visible

_WIDTH = 60
_MOST_ROWS = 60
_MOST_FAILURES = 10
_MOST_SUMMARIES = 20
_MOST_NAMES = 5


def finish(here: Invocation, order: Order, ending: Ending, state: Fold, *, as_json: bool) -> None:
    """Show the folded session, and end in the way the execution did; raises what gives the exit status.

    The exit status tells how the plan ended, even to a user whose pager or `head` has left.
    """
    session = state.session()
    if not as_json:
        with unless_lost(sys.stdout, messages.warning):
            _show(here, state, session)
            sys.stdout.flush()
    match ending.end:
        case End.FAILED:
            raise AgentFailedError(_failed(session), hint=f"mend it, then: {_resume(here, session)}")
        case End.INTERRUPTED:
            raise InterruptedRunError("interrupted; nothing that completed is lost", hint=_resume(here, session))
        case End.OVER_BUDGET if ending.over_budget is not None:
            raise OverBudgetError(
                f"paused: {ending.reason}", hint=way_on(order, ending.over_budget, _resume(here, session))
            )
        case End.PAUSED | End.OVER_BUDGET:
            lines = [f"paused: {ending.reason}", *_ways_on(order, session, _resume(here, session))]
            lines += _asked_in_vain(here, order, session)
        case End.COMPLETED:
            lines = [f"completed: {_done(order, session)}", "hint: see what changed: git pliny checkpoint diff start"]
            lines += _asked_in_vain(here, order, session)
    messages.note("\n".join(lines))


def _show(here: Invocation, state: Fold, session: Session) -> None:
    """What ran: agent by agent, or phase by phase where nobody would read all of them; and what failed."""
    if len(session.agents) <= _MOST_ROWS:
        overview.show_agents(here, session)
    else:
        heading, rows = ("phase", "agents", "time", "cost"), list(_phases(session))
        output.data()
        output.table(heading, render.fit(here, heading, rows, flexible=1), paint=render.painter(here))
    overview.show_words(state, most=_MOST_SUMMARIES)
    overview.show_failures(state, session, most=_MOST_FAILURES)


def _phases(session: Session) -> Iterator[tuple[str, str, str, str]]:
    phases: dict[str, list[AgentRecord]] = {}
    for record in session.agents.values():
        phases.setdefault(record.phase, []).append(record)
    for phase, records in phases.items():
        counts = Counter(record.status for record in records)
        agents = ", ".join(f"{counts[status]} {status.value}" for status in AgentStatus if counts[status])
        costs = [record.cost_usd for record in records if record.cost_usd is not None]
        took = sum(record.duration_s or 0.0 for record in records)
        yield phase, agents, render.duration(took), render.cost(sum(costs) if costs else None)


def _failed(session: Session) -> str:
    failed = session.failed_agents
    names = ", ".join(failed[:_MOST_NAMES]) or "an agent"
    more = f" and {len(failed) - _MOST_NAMES} more" if len(failed) > _MOST_NAMES else ""
    return f"the session failed: {names}{more}"


def _done(order: Order, session: Session) -> str:
    """How much was done in the whole session, and in which time."""
    skipped = sum(record.status is AgentStatus.SKIPPED for record in session.agents.values())
    parts = [render.plural(len(session.completed_agents), "agent")]
    parts += [f"{skipped} skipped"] if skipped else []
    parts += [render.plural(session.round, "round")] if order.plan.rounds else []
    return f"{', '.join(parts)} in {render.duration(session.metrics.duration_s)}"


def _asked_in_vain(here: Invocation, order: Order, session: Session) -> list[str]:
    """Where nothing of what `--only` names ran, since it was done before: that, and how to run it again."""
    only = order.options.only or ()
    records = [(name, session.agents[name]) for name in order.plan.agents if name in only and name in session.agents]
    idle = [name for name, record in records if record.status.done]
    if not idle or any(_ran(here, record) for _, record in records):
        return []
    names = ", ".join(idle[:_MOST_NAMES]) + (f" and {len(idle) - _MOST_NAMES} more" if len(idle) > _MOST_NAMES else "")
    which = "" if not here.environ.get(OUTER) else f" --session {render.short(session.id)}"
    again = " ".join(f"--only {quote(name)} --rerun {quote(name)}" for name in idle[:_MOST_NAMES])
    return [f"not run, since done before: {names}", f"hint: to run again: git pliny execute{which} {again}"]


def _ran(here: Invocation, record: AgentRecord) -> bool:
    """Whether it was started by this command."""
    return record.started_at is not None and parse_time(record.started_at) / 1e6 >= here.now


def _resume(here: Invocation, session: Session) -> str:
    """The command that goes on with this session; inside an agent it is not the current one."""
    which = f"--session {render.short(session.id)}" if here.environ.get(OUTER) else "--resume"
    return f"git pliny execute {which}"


def way_on(order: Order, over: OverBudget, resume: str) -> str:
    """How to go on with a higher budget: `resume` with an option, or the plan has to give it first."""
    if over.agent is None and over.phase is None:
        return f"{resume} {budgets.higher(over.used_up)}"
    source = order.plan.agents[over.agent].source if over.agent else ""
    owner = f"agent {over.agent}" if over.agent else f"phase {over.phase}"
    place = f" ({source})" if source else ""
    amount = f"{over.used_up.resource.value}: {budgets.higher_amount(over.used_up)}"
    return f"give {owner}{place} a higher budget, {amount}, then: {resume}"


def _ways_on(order: Order, session: Session, resume: str) -> list[str]:
    """What is left, and the commands that go on with it."""
    plan = order.plan
    undone = {name for name, record in session.agents.items() if not record.status.done}
    left = [phase.name for phase in plan.phases if not undone.isdisjoint(phase.agents)]
    if not left:  # a plan that judges itself, and asks for another round
        return [f"hint: one more round: {resume} --iterations {session.round + 1}"]
    agents, phases = render.plural(len(undone & set(plan.agents)), "agent"), render.clip(", ".join(left), _WIDTH)
    ways = [f"left to do: {agents} of {phases}", f"hint: go on: {resume}"]
    return [*ways, f"hint: to the end: {resume} --continuous"] if plan.manifest else ways


def show_plan(order: Order, state: Fold | None, *, changed: frozenset[str] = frozenset(), as_json: bool) -> None:
    """What an execution would do, phase by phase; nothing is run or written.

    `changed` are the agents that the session knows by another definition.
    """
    rows = [row for phase in order.plan.phases for row in _rows(order, phase.name, phase.agents, state, changed)]
    if as_json:
        keys = ("phase", "agent", "action", "needs", "run", "source")
        output.data_json([dict(zip(keys, row, strict=True)) for row in rows])
        return
    agents, phases = render.plural(len(order.plan.agents), "agent"), render.plural(len(order.plan.phases), "phase")
    output.data(f"plan {visible(order.plan.name)}: {agents}, {phases}")
    output.data()
    heading = ["phase", "agent", "would", "needs", "run"]
    cells = [[*row[:3], ", ".join(row[3]), row[4]] for row in rows]
    if any(order.plan.agents[row[1]].prompt for row in rows):  # where to look for what they are told
        heading.append("from")
        cells = [[*cell, row[5]] for cell, row in zip(cells, rows, strict=True)]
    output.table(heading, cells)


def _rows(
    order: Order, phase: str, agents: tuple[str, ...], state: Fold | None, changed: frozenset[str]
) -> list[tuple[str, str, str, list[str], str, str]]:
    rows = []
    for name in agents:
        agent = order.plan.agents[name]
        command = agent.command
        shown = order.masking.mask_text(" ".join(command.split()))[:_WIDTH]
        rows.append((phase, name, _action(order, name, state, changed), list(agent.needs), shown, agent.source))
    return rows


def _action(order: Order, name: str, state: Fold | None, changed: frozenset[str]) -> str:
    options, known = order.options, state.agents.get(name) if state else None
    done = (
        known.status.done and name not in changed
        if known
        else order.plan.manifest is not None and name in order.plan.manifest.completed
    )
    if options.only is not None and name not in options.only:
        return "leave"
    needs = {name: agent.needs for name, agent in order.plan.agents.items()}
    again = {*options.rerun, *graph.dependents(needs, options.rerun)} if options.rerun else set()
    return "skip" if done and name not in again else "run"
