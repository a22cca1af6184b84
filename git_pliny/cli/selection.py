"""Names on the command line to agents of the plan: `--only` and `--rerun` take agents, `--only` phases as well."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from git_pliny.errors import ConfigError, NotFoundError
from git_pliny.model import graph
from git_pliny.model.fold import Fold
from git_pliny.model.plan import Plan
from git_pliny.model.visible import visible


def select_agents(plan: Plan, names: Sequence[str]) -> frozenset[str]:
    """The agents that these names of agents or phases stand for; NotFoundError with the nearest word otherwise."""
    phases = {phase.name: phase.agents for phase in plan.phases}
    known = [*phases, *plan.agents]
    found: set[str] = set()
    for name in names:
        if name in plan.agents:
            found.add(name)
        elif name in phases:
            found.update(phases[name])
        else:
            raise _unknown("agent or phase", name, known)
    return frozenset(found)


def select_reruns(plan: Plan, names: Sequence[str]) -> tuple[str, ...]:
    """The agents to run again."""
    for name in names:
        if name not in plan.agents:
            raise _unknown("agent", name, list(plan.agents))
    return tuple(dict.fromkeys(names))


def check_needs(plan: Plan, chosen: frozenset[str], state: Fold | None, *, rerun: Iterable[str] = ()) -> None:
    """Refuse a choice that leaves out what it needs and what is not done yet, or is to be run again."""
    done = {name for name, agent in state.agents.items() if agent.status.done} if state else set()
    done |= set(plan.manifest.completed) if plan.manifest else set()
    again = set(rerun)
    done -= again | graph.dependents({name: agent.needs for name, agent in plan.agents.items()}, again)
    for name in plan.agents:
        missing = [need for need in plan.agents[name].needs if need not in chosen and need not in done]
        if name in chosen and missing:
            raise ConfigError(
                f"agent {visible(name)} needs {visible(missing[0])}, which has not completed",
                hint=f"add --only {visible(missing[0])}",
            )


def check_resolved(plan: Plan, names: Sequence[str], state: Fold | None) -> None:
    """Refuse to call a conflict resolved where there is none."""
    for name in names:
        if name not in plan.agents:
            raise _unknown("agent", name, list(plan.agents))
        ended = state.agents[name].last_end() if state and name in state.agents else None
        if ended is None or not ended.end.conflicts:
            raise ConfigError(f"agent {visible(name)} has no conflict to be resolved", hint="git pliny session show")


def _unknown(what: str, name: str, known: Sequence[str]) -> NotFoundError:
    near = get_close_matches(name, known, n=1)
    guess = f"; did you mean '{visible(near[0])}'?" if near else ""
    return NotFoundError(f"the plan has no {what} '{visible(name[:80])}'{guess}", hint="git pliny execute --dry-run")
