"""From an agent to the job that a worker gets: number, folder, time limit, prompt, context, and what to clear first."""

from collections.abc import Callable

import msgspec

from git_pliny.errors import ConfigError
from git_pliny.executor.context import context_text
from git_pliny.executor.desk import Desk
from git_pliny.executor.isolation import IsolatedJob
from git_pliny.executor.job import Job
from git_pliny.executor.merging import Merging
from git_pliny.executor.options import Order
from git_pliny.executor.prompting import make_prompt
from git_pliny.executor.records import request_data
from git_pliny.executor.resolving import Resolution
from git_pliny.executor.waiting import refusal
from git_pliny.model.duration import parse_duration
from git_pliny.model.endpoint import DEFAULT_TIMEOUT_S
from git_pliny.model.events import EventType
from git_pliny.model.plan import Agent, Phase
from git_pliny.model.settings import Isolation
from git_pliny.runners import leftovers
from git_pliny.runners.base import Attempt, Outcome
from git_pliny.runners.leftovers import Leftover
from git_pliny.runners.registry import runner_for
from git_pliny.store.artifacts import AttemptPlace, attempt_folder, attempt_folders

_COMMAND = 500


def make_job(
    desk: Desk,
    phase: Phase,
    name: str,
    *,
    merging: Merging | None = None,
    resolution: Resolution | None = None,
    time_left_s: float | None = None,
) -> Job:
    """The agent's next attempt, its start noted; it may run once that is committed.

    With `merging`, in a worktree of its own. With a `resolution` another agent takes its place. `time_left_s` is what
    is left of its budget of time.
    """
    agent = resolution.agent_for(name) if resolution else desk.order.plan.agents[name]
    if agent.template:
        desk.commit()  # it may speak of what ended just now
    known = desk.run.state.agents.get(name)
    number = (known.attempts if known else 0) + 1
    data = {"command": desk.order.masking.mask_text(agent.command)[:_COMMAND]}
    if merging is not None:
        merging.began(name)
        data["isolation"] = Isolation.WORKTREE.value
    if resolution is not None:
        data["resolver"] = resolution.resolver.name
    desk.note(EventType.AGENT_START, agent=name, phase=phase.name, attempt=number, data=data)
    try:
        context = (resolution.words if resolution else "") + _context(desk.order, agent)
        prompt = make_prompt(desk, agent, phase, number, context)
    except ConfigError as error:
        invalid = Outcome(refusal=error.message)
        return Job(_attempt(desk, phase, agent, number), runner_for(agent), None, refusal=invalid)
    attempt = _attempt(desk, phase, agent, number, context=_task(desk.order) + context, prompt=prompt)
    if agent.model is not None:
        asked = request_data(agent.model, {**desk.order.environ, **agent.env})
        desk.note(EventType.LLM_REQUEST, agent=name, phase=phase.name, attempt=number, data=asked)
    if time_left_s is not None and (attempt.timeout_s is None or time_left_s <= attempt.timeout_s):
        attempt = msgspec.structs.replace(attempt, timeout_s=time_left_s, is_budget=True)
    if refused := refusal(desk, agent.provider):
        return Job(attempt, runner_for(agent), None, refusal=refused)
    clear = _clearing(desk, name) if number > 1 and not desk.order.options.ignore_leftovers else None
    if merging is None:
        return Job(attempt, runner_for(agent), clear)
    ground = (lambda: resolution.ground) if resolution else merging.ground
    return IsolatedJob(attempt, runner_for(agent), clear, pool=merging.pool, turns=merging.turns, ground=ground)


def _task(order: Order) -> str:
    return f"# Task\n\n{order.options.task}\n\n" if order.options.task else ""


def _context(order: Order, agent: Agent) -> str:
    named = (*order.options.context, *order.plan.context, *agent.context)
    return context_text(order.root, named, limit=order.settings.execution.context_limit, home=order.environ.get("HOME"))


def _attempt(
    desk: Desk, phase: Phase, agent: Agent, number: int, *, context: str = "", prompt: str | None = None
) -> Attempt:
    settings, run = desk.order.settings.execution, desk.run
    usual = agent.use.timeout_s if agent.use else DEFAULT_TIMEOUT_S if agent.model else None
    limit = parse_duration(settings.timeout) if settings.timeout is not None else usual
    return Attempt(
        session=run.session,
        run=run.id,
        phase=phase.name,
        number=number,
        agent=agent,
        root=desk.order.root,
        environ=desk.order.environ,
        folder=attempt_folder(run.outputs, AttemptPlace(agent.name, number, run.id)),
        timeout_s=limit if agent.timeout_s is None else agent.timeout_s,
        grace_s=parse_duration(settings.grace),
        prompt=prompt,
        context=context,
    )


def _finding(desk: Desk, name: str) -> Callable[[], list[Leftover]]:
    run = desk.run

    def find() -> list[Leftover]:
        folders = attempt_folders(run.repository, run.session, name)
        return leftovers.find(session=run.session, agent=name, folders=folders)

    return find


def _clearing(desk: Desk, name: str) -> Callable[[], list[Leftover]]:
    find, grace_s = _finding(desk, name), parse_duration(desk.order.settings.execution.grace)
    return lambda: leftovers.end_leftovers(find, grace_s=grace_s)


def clear_leftovers(desk: Desk, name: str) -> list[Leftover]:
    """End what an earlier attempt of an agent left running, and wait for it; gives what lives even so."""
    if found := _finding(desk, name)():
        pids = ", ".join(str(leftover.pid) for leftover in found[:10])
        desk.reporter.warn(f"an earlier attempt of {name} left processes, which are waited for: {pids}")
    return _clearing(desk, name)()
