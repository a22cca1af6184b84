"""The end of an execution: what ran, how long, what failed and why, and the next command to type."""

from git_pliny.cli import messages, output, overview
from git_pliny.cli.invocation import Invocation
from git_pliny.errors import AgentFailedError, InterruptedRunError
from git_pliny.executor.coordinator import End, Ending
from git_pliny.executor.options import Order
from git_pliny.model import graph
from git_pliny.model.duration import render_duration
from git_pliny.model.fold import Fold

_RESUME = "git pliny execute --resume"
_WIDTH = 60


def finish(here: Invocation, ending: Ending, state: Fold, *, as_json: bool) -> None:
    """Show the folded session, and end in the way the execution did; raises what gives the exit status."""
    session = state.session()
    if not as_json:
        overview.show_agents(here, session)
        overview.show_failures(state, session)
    match ending.end:
        case End.FAILED:
            failed = ", ".join(session.failed_agents[:5]) or "an agent"
            raise AgentFailedError(f"the session failed: {failed}", hint=f"mend it, then: {_RESUME}")
        case End.INTERRUPTED:
            raise InterruptedRunError("interrupted; nothing that completed is lost", hint=_RESUME)
        case End.PAUSED:
            messages.note(f"paused: {ending.reason}; to go on: {_RESUME}")
        case End.COMPLETED:
            took = render_duration(session.metrics.duration_s)
            messages.note(f"completed: {len(session.completed_agents)} agents in {took}")


def show_plan(order: Order, state: Fold | None, *, as_json: bool) -> None:
    """What an execution would do, phase by phase; nothing is run or written."""
    rows = [row for phase in order.plan.phases for row in _rows(order, phase.name, phase.agents, state)]
    if as_json:
        output.data_json([dict(zip(("phase", "agent", "action", "needs", "run"), row, strict=True)) for row in rows])
        return
    output.data(f"plan {order.plan.name}: {len(order.plan.agents)} agents, {len(order.plan.phases)} phases")
    output.data()
    output.table(("phase", "agent", "would", "needs", "run"), [[*row[:3], ", ".join(row[3]), row[4]] for row in rows])


def _rows(
    order: Order, phase: str, agents: tuple[str, ...], state: Fold | None
) -> list[tuple[str, str, str, list[str], str]]:
    rows = []
    for name in agents:
        agent = order.plan.agents[name]
        command = agent.run if isinstance(agent.run, str) else " ".join(agent.run)
        shown = order.masking.mask_text(" ".join(command.split()))[:_WIDTH]
        rows.append((phase, name, _action(order, name, state), list(agent.needs), shown))
    return rows


def _action(order: Order, name: str, state: Fold | None) -> str:
    options, known = order.options, state.agents.get(name) if state else None
    done = known.status.done if known else order.plan.manifest is not None and name in order.plan.manifest.completed
    if options.only is not None and name not in options.only:
        return "leave"
    needs = {name: agent.needs for name, agent in order.plan.agents.items()}
    again = {*options.rerun, *graph.dependents(needs, options.rerun)} if options.rerun else set()
    return "skip" if done and name not in again else "run"
