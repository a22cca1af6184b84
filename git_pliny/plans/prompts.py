"""Prompts as plans have them: parsed where they are templates, and checked against the plan before anything runs."""

from collections.abc import Collection

from git_pliny.errors import PlanError
from git_pliny.model import graph
from git_pliny.model.plan import Agent, Plan
from git_pliny.model.prompt import Mention, PromptError, Template
from git_pliny.plans.positions import Place, quoted, suggestion

HINT = "write {% raw %} … {% endraw %} around braces that are meant as they are, or `template: false` for the agent"


def parse_template(text: str) -> Template:
    """The template that a prompt is; PromptError where it is wrong. Only here the engine is imported."""
    from git_pliny.plans.template import parse  # noqa: PLC0415 - its import costs more than many a command

    return parse(text)


def check_template(text: str, place: Place, *, begins: Place | None = None) -> None:
    """PlanError where a prompt is no template that can be rendered; it stands at `place`.

    `begins`: where its first line is, if every line of it is one of that file.
    """
    try:
        parse_template(text)
    except PromptError as error:
        raise _placed(error, place, begins) from error


def check_mentions(plan: Plan) -> None:
    """PlanError where a prompt speaks of an agent that the plan does not have, or that can't have ended before."""
    agents = [*plan.agents.values(), *plan.resolvers.values()]
    for agent in agents:
        for mention in parse_template(agent.prompt).mentions if agent.template and agent.prompt else ():
            _check_mention(plan, agent, mention)


def _placed(error: PromptError, place: Place, begins: Place | None) -> PlanError:
    if begins is not None:
        line_there = (begins.line or 1) + error.line - 1 if error.line else begins.line
        return Place(begins.file, line_there).error(f"in the prompt, {error.message}", hint=HINT)
    line = f"line {error.line} of the prompt" if error.line else "the prompt"
    return place.error(f"in {line}, {error.message}", hint=HINT)


def _check_mention(plan: Plan, agent: Agent, mention: Mention) -> None:
    where = f"in line {mention.line} of the prompt of agent {quoted(agent.name)}, `{mention.variable}` names"
    if mention.agent not in plan.agents:
        near = suggestion(mention.agent, plan.agents)
        raise Place(agent.source).error(f"{where} {quoted(mention.agent)}, which is no agent of this plan{near}")
    if agent.name in plan.agents and plan.rounds is None and mention.agent in _never_before(plan, agent):
        raise Place(agent.source).error(f"{where} {quoted(mention.agent)}, which does not run before it")


def _never_before(plan: Plan, agent: Agent) -> Collection[str]:
    """The agents that can't have ended when `agent` starts: itself, what needs it, what stands in a later phase."""
    phases = [phase.name for phase in plan.phases]
    later = plan.phases[phases.index(plan.phase_of(agent.name).name) + 1 :]
    needs = {name: each.needs for name, each in plan.agents.items()}
    return {agent.name, *graph.dependents(needs, [agent.name]), *(name for phase in later for name in phase.agents)}
