"""A plan that came from elsewhere, shown to the user in full, and executed only once they have approved of it."""

import re
import shlex
from collections.abc import Iterator, Mapping

from git_pliny.cli import messages
from git_pliny.cli.invocation import Invocation
from git_pliny.errors import PlinyError, UsageError
from git_pliny.git.repository import Repository
from git_pliny.model.plan import Agent, Plan
from git_pliny.model.visible import visible
from git_pliny.store import clone

_SHOWN = 12
_DIGEST = re.compile(r"[0-9a-f]{12,64}")


def check_given(given: str | None) -> None:
    """Refuse what can't be the digest of a plan."""
    if given is not None and not _DIGEST.fullmatch(given.lower()):
        raise UsageError(
            f"--approve-plan takes the {_SHOWN} hexadecimal digits that a refused plan is shown with",
            hint="git pliny execute --dry-run",
        )


def approve(
    here: Invocation, repository: Repository, plan: Plan, digest: str, *, given: str | None, again: str
) -> None:
    """Go on only where the user has approved, or approves now; `again` is the command to type with the flag."""
    if given is not None and digest.startswith(given.lower()):
        clone.approve(repository, digest)
        return
    if clone.is_approved(repository, digest):
        return
    for line in described(plan, digest):
        messages.note(line)
    if given is None and here.stdin_is_terminal and here.stderr_is_terminal:
        if messages.confirmed("Execute this plan, which came from elsewhere?"):
            clone.approve(repository, digest)
            return
        raise PlinyError("nothing was executed: the plan is not approved", hint=f"{again} --plan FILE")
    raise PlinyError(
        "the plan came from elsewhere, with the session, and nobody has approved of it here",
        hint=f"read it (above), then: {again} --approve-plan {digest[:_SHOWN]}",
    )


def check_is(digest: str, given: str | None) -> None:
    """Refuse a plan of one's own that is not the one that was named."""
    if given is not None and not digest.startswith(given.lower()):
        raise PlinyError(
            f"the plan is {digest[:_SHOWN]}, and not {given[:_SHOWN].lower()}",
            hint=f"git pliny execute --dry-run, then --approve-plan {digest[:_SHOWN]}",
        )


def described(plan: Plan, digest: str) -> Iterator[str]:
    """All that the plan says that its agents do, a line each; nothing in it steers a terminal, or is left out."""
    yield f"plan {visible(plan.name)} ({digest[:_SHOWN]}):"
    yield from _texts("task", plan.task, indent=2)
    yield from _words("context", plan.context, indent=2)
    for phase in plan.phases:
        yield f"  phase {visible(phase.name)}"
        for name in phase.agents:
            yield from _agent(plan.agents[name])
    for agent in plan.resolvers.values():
        yield f"  to resolve conflicts: {visible(agent.name)}"
        yield from _agent(agent)


def _agent(agent: Agent) -> Iterator[str]:
    yield f"    agent {visible(agent.name)}"
    yield from _command("run", agent.run)
    if agent.model is not None:
        at = f" at {agent.model.base_url}" if agent.model.base_url else ""
        key = f", key from {agent.model.api_key_env}" if agent.model.api_key_env else ""
        yield f"      model: {visible(agent.model.full_name + at + key)}"
    yield from _command("check", agent.check or ())
    yield from _words("context", agent.context)
    yield from _variables(agent.env)
    if agent.use is not None:
        yield from _variables(agent.use.env)
        for name, text in agent.use.files.items():
            yield from _texts(f"file {name}", text)
    yield from _words("deliverables", agent.deliverables)
    yield from _texts("task", agent.task or "")
    yield from _texts("prompt", agent.prompt or "")
    yield from _words("accepted when", agent.acceptance_criteria)


def _command(name: str, command: str | tuple[str, ...]) -> Iterator[str]:
    if isinstance(command, str):
        yield from _texts(name, command)
    elif command:
        yield f"      {name}: {visible(shlex.join(command))}"


def _variables(env: Mapping[str, str]) -> Iterator[str]:
    for name, value in env.items():
        yield f"      env {visible(name)}={visible(value)}"


def _words(name: str, words: tuple[str, ...], *, indent: int = 6) -> Iterator[str]:
    if words:
        yield f"{' ' * indent}{name}: {', '.join(map(visible, words))}"


def _texts(name: str, text: str, *, indent: int = 6) -> Iterator[str]:
    """A text of several lines below its name, else beside it."""
    if not text:
        return
    lines = text.split("\n")
    if len(lines) == 1:
        yield f"{' ' * indent}{visible(name)}: {visible(text)}"
        return
    yield f"{' ' * indent}{visible(name)}:"
    yield from (f"{' ' * indent}  | {visible(line)}" for line in lines)
