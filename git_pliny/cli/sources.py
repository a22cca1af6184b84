"""Where the plan of an execution comes from: the user's own files, or, where those are not here, the session itself.

What a session that was fetched says of its plan (a file, a framework, a coding agent, a task) is not heeded: it would
let a stranger choose what runs. Only what this clone remembers of its own commands is.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from git_pliny.cli.coder import load_plan
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.workbench import Workbench, open_workbench
from git_pliny.errors import ConfigError, NoPlanError
from git_pliny.git.objects import ObjectReader
from git_pliny.git.repository import Repository
from git_pliny.model.codec import encode_masked
from git_pliny.model.fold import Fold
from git_pliny.model.plan import Plan
from git_pliny.plans.loading import LoadedPlan, read_sections
from git_pliny.plans.stored import LARGEST, stored_plan
from git_pliny.store.clone import Origin, origin, plan_digest


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says of the plan; `command` and `without_plan` as of `load_plan`."""

    plan_file: Path | None
    framework: str | None
    use: str | None
    task: str | None
    overrides: Mapping[str, Any]
    command: str
    without_plan: str


class Sourced(msgspec.Struct, frozen=True, kw_only=True):
    """A plan, with what is remembered of where it came from once it is executed."""

    loaded: LoadedPlan
    bench: Workbench
    plan_file: Path | None
    task: str | None
    digest: str
    """Of the plan as it would be executed, the session's task in it where that is not the user's own."""
    is_foreign: bool
    """It, or the task that its agents are told, came with a fetched session."""
    is_unread: bool = False
    """The task is a stranger's, of whom no agent of the plan takes one."""
    stored: bool = False
    """It is the session's, and not from files."""

    def told(self) -> Plan:
        """The plan with the task that its agents are told."""
        return _with_task(self.loaded.plan, self.task)


def find_plan(here: Invocation, repository: Repository, state: Fold | None, wanted: Wanted) -> Sourced:
    """The plan that is to be executed in the session, or in a new one."""
    known = origin(repository, state.id) if state else Origin()
    if state is None or known is not None:
        remembered = known or Origin()
        if remembered.stored and state is not None and not (wanted.plan_file or wanted.framework):
            return _stored(here, repository, state, wanted)
        own = _own(here, repository, wanted, remembered)
        return _told_by_a_stranger(own, remembered.task) if remembered.is_unread else own
    return _of_a_stranger(here, repository, state, wanted)


def _of_a_stranger(here: Invocation, repository: Repository, state: Fold, wanted: Wanted) -> Sourced:
    """For a session that was never worked on here."""
    named = wanted.plan_file is not None or wanted.framework is not None
    try:
        own = _own(here, repository, wanted, Origin())
    except ConfigError as error:
        if named or state.plan is None or not (state.plan_file or isinstance(error, NoPlanError)):
            raise
        return _stored(here, repository, state, wanted)
    own = _told_by_a_stranger(own, state.task)
    is_elsewhere = state.plan_file is not None or state.framework not in (None, own.loaded.plan.framework)
    if named or state.plan is None or not is_elsewhere:
        return own
    stored = _stored(here, repository, state, wanted)
    return own if stored.digest == own.digest else stored


def _own(here: Invocation, repository: Repository, wanted: Wanted, remembered: Origin) -> Sourced:
    plan_file = wanted.plan_file or (repository.root / remembered.file if remembered.file else None)
    bench = open_workbench(here, repository=repository, plan_file=plan_file, overrides=wanted.overrides)
    loaded = load_plan(
        here,
        bench,
        plan_file=plan_file,
        framework=wanted.framework or remembered.framework,
        use=wanted.use or remembered.use,
        overrides=wanted.overrides,
        command=wanted.command,
        without_plan=wanted.without_plan,
    )
    bench = bench.for_plan(here, loaded.plan)
    task = wanted.task or remembered.task
    digest = _digest(loaded.plan, bench)
    return Sourced(loaded=loaded, bench=bench, plan_file=plan_file, task=task, digest=digest, is_foreign=False)


def _stored(here: Invocation, repository: Repository, state: Fold, wanted: Wanted) -> Sourced:
    """What is stored with the session, checked."""
    with ObjectReader(repository) as reader:
        raw = reader.blob(state.plan or "", limit=LARGEST)
    if raw is None:
        hint = "git pliny execute --plan FILE, or fetch the session again"
        raise ConfigError("the plan that the session was executed with is not here", hint=hint)
    plan = stored_plan(raw)
    bench = open_workbench(here, repository=repository, overrides=wanted.overrides).for_plan(here, plan)
    loaded = LoadedPlan(plan=plan, document=read_sections(repository.root))
    return Sourced(
        loaded=loaded,
        bench=bench,
        plan_file=None,
        task=state.task,
        digest=_digest(_with_task(plan, state.task), bench),
        is_foreign=True,
        stored=True,
    )


def _told_by_a_stranger(own: Sourced, task: str | None) -> Sourced:
    """The user's own plan; where its agents act on words, the session's task is a stranger's to be approved as well."""
    agents = (*own.loaded.plan.agents.values(), *own.loaded.plan.resolvers.values())
    listens = any(agent.use or agent.model or agent.prompt for agent in agents)
    if task is None:
        return own
    digest = _digest(_with_task(own.loaded.plan, task), own.bench) if listens else own.digest
    return msgspec.structs.replace(own, task=task, digest=digest, is_foreign=listens, is_unread=not listens)


def _with_task(plan: Plan, task: str | None) -> Plan:
    return msgspec.structs.replace(plan, task=task) if task else plan


def _digest(plan: Plan, bench: Workbench) -> str:
    return plan_digest(encode_masked(plan, bench.masker.mask_value))
