"""A plan as a session keeps it, taken back: for whoever goes on with a session whose plan files are not here.

It may come from anywhere, so it is held to all that plan files are held to. What is decided of a plan only as it is
read from files (presets, discovered agents, prompts in files) is in it already.
"""

import math
from collections.abc import Callable, Iterable, Iterator

import msgspec

from git_pliny.errors import ConfigError, PlanError
from git_pliny.model import graph
from git_pliny.model.codec import decode_plan
from git_pliny.model.duration import LONGEST_S, parse_duration
from git_pliny.model.endpoint import PROVIDERS
from git_pliny.model.inclusion import on_conflict
from git_pliny.model.names import encode
from git_pliny.model.plan import Agent, Plan
from git_pliny.model.prompt import PromptError
from git_pliny.plans import checks
from git_pliny.plans.positions import quoted
from git_pliny.plans.prompts import check_mentions, parse_template

LARGEST = 16 * 1024 * 1024
"""Bytes."""

_MOST_ROUNDS = 1000
_MASK = "[masked:"


def stored_plan(raw: bytes) -> Plan:
    """The plan that these bytes are, without the link to a manifest's file; ConfigError where it can't be run."""
    plan = decode_plan(raw) if len(raw) <= LARGEST else None
    if plan is None:
        raise ConfigError("the plan that is stored with the session is none", hint="git pliny execute --plan FILE")
    try:
        wrong = next(_problems(plan), None)
        if wrong is None:
            check_mentions(plan)
    except PlanError as error:
        wrong = error.message
    if wrong is not None:
        hint = "git pliny execute --plan FILE runs one of your own"
        raise ConfigError(f"the plan that is stored with the session can't be run: {wrong}", hint=hint)
    return msgspec.structs.replace(plan, manifest=None)


def _problems(plan: Plan) -> Iterator[str]:
    """What is wrong with it, in words; what comes later may rely on what came before."""
    names = [("phase", phase.name) for phase in plan.phases] + [("agent", name) for name in plan.agents]
    yield from _of_names([*names, *(("resolver", name) for name in plan.resolvers)])
    yield from _of_phases(plan)
    yield from _of_needs(plan)
    for name, agent in (*plan.agents.items(), *plan.resolvers.items()):
        if agent.name != name:
            yield f"agent {quoted(name)} is called {quoted(agent.name)} as well"
        yield from (f"agent {quoted(name)}: {problem}" for problem in _of_agent(agent))


def _of_names(names: Iterable[tuple[str, str]]) -> Iterator[str]:
    seen: set[tuple[str, str]] = set()
    for kind, name in names:
        if checks.name(name):
            yield f"{quoted(name)} is no name for a {kind}"
        place = "agent" if kind == "resolver" else kind, encode(name).lower()
        if place in seen:
            yield f"two names of a {place[0]} differ in case only: {quoted(name)}"
        seen.add(place)


def _of_phases(plan: Plan) -> Iterator[str]:
    placed = [name for phase in plan.phases for name in phase.agents]
    if not placed or not all(phase.agents for phase in plan.phases):
        yield "a phase has no agents"
    if unknown := next((name for name in placed if name not in plan.agents), None):
        yield f"nobody defines agent {quoted(unknown)}"
    if len(set(placed)) != len(placed) or len(placed) != len(plan.agents):
        yield "not every agent stands in exactly one phase"
    for phase in plan.phases:
        yield from _of_limits(phase.on_conflict, phase.budget.time if phase.budget else None)
    if plan.rounds and plan.rounds.verdict not in {phase.name for phase in plan.phases}:
        yield f"there is no phase {quoted(plan.rounds.verdict)} to decide on rounds"
    if plan.rounds and not 1 <= plan.rounds.limit <= plan.rounds.ceiling <= _MOST_ROUNDS:
        yield "its limits of rounds are none"


def _of_needs(plan: Plan) -> Iterator[str]:
    place = {name: number for number, phase in enumerate(plan.phases) for name in phase.agents}
    for name, agent in plan.agents.items():
        for need in agent.needs:
            if need not in plan.agents:
                yield f"agent {quoted(name)} needs {quoted(need)}, which nobody defines"
            elif place[need] > place[name]:
                yield f"agent {quoted(name)} needs {quoted(need)}, which runs in a later phase"
    if cycle := graph.find_cycle({name: agent.needs for name, agent in plan.agents.items()}):
        yield f"agents need each other in a circle: {', '.join(map(quoted, cycle[:5]))}"


def _of_agent(agent: Agent) -> Iterator[str]:
    words = [*_words(agent.run), *_words(agent.check or ())]
    if not _is_command(agent.run, may_be_none=agent.model is not None) or not _is_command(
        agent.check, may_be_none=True
    ):
        yield "it runs nothing"
    values = [*agent.env.values(), *(agent.use.env.values() if agent.use else ())]
    if any("\0" in text for text in (*words, *values, *agent.context, agent.prompt or "")):
        yield "a text of it has a zero byte"
    if any(_MASK in text for text in (*words, *values)):
        yield "a secret in its command or its variables was masked as it was stored"
    variables = [*agent.env, *(agent.use.env if agent.use else ())]
    yield from _unfit(checks.variable, variables, "the name of a variable")
    yield from _unfit(checks.file_name, agent.use.files if agent.use else (), "the name of a file")
    paths = [*agent.deliverables, *([agent.answer] if agent.answer is not None else ())]
    yield from _unfit(checks.path_inside, paths, "a path below the root")
    timeouts = (agent.timeout_s, agent.use.timeout_s if agent.use else None)
    if any(each is not None and not (math.isfinite(each) and 0 < each <= LONGEST_S) for each in timeouts):
        yield "its timeout is none"
    yield from _of_model(agent)
    yield from _of_limits(agent.on_conflict, agent.budget.time if agent.budget else None)
    if agent.template:
        try:
            parse_template(agent.prompt or "")
        except PromptError as error:
            yield f"its prompt is no template: {error.message}"


def _of_model(agent: Agent) -> Iterator[str]:
    if agent.model is None:
        return
    if agent.model.provider not in PROVIDERS:
        yield f"there is no provider {quoted(agent.model.provider)}"
    yield from _unfit(checks.url, [agent.model.base_url] if agent.model.base_url else (), "an address")
    yield from _unfit(checks.variable, [agent.model.api_key_env] if agent.model.api_key_env else (), "a variable")


def _of_limits(resolver: str | None, time: str | None) -> Iterator[str]:
    if resolver is not None and on_conflict(resolver):
        yield f"{quoted(resolver)} resolves no conflicts"
    if time is not None:
        try:
            parse_duration(time)
        except ConfigError:
            yield f"{quoted(time)} is no duration"


def _unfit(check: Callable[[str], str | None], texts: Iterable[str], what: str) -> Iterator[str]:
    return (f"{quoted(text)} is not {what}" for text in texts if check(text))


def _words(command: str | tuple[str, ...]) -> tuple[str, ...]:
    return (command,) if isinstance(command, str) else command


def _is_command(command: str | tuple[str, ...] | None, *, may_be_none: bool) -> bool:
    if not command:
        return may_be_none
    return bool((command if isinstance(command, str) else command[0]).strip())
