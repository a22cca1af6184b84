"""`git pliny execute`: from the command line to one execution, and from its end to an exit code."""

import contextlib
import random
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from git_pliny.cli import budgets, messages, values
from git_pliny.cli.asked_models import check_models
from git_pliny.cli.choosing import OUTER, choose_session
from git_pliny.cli.coder import Use, check_coder, command_of, instead_of_plan, load_plan
from git_pliny.cli.declare import argument, option
from git_pliny.cli.endings import finish, show_plan
from git_pliny.cli.interrupts import interrupting
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.manifests import ManifestWriter
from git_pliny.cli.options import Json, SessionOption
from git_pliny.cli.progress import Several, make_reporter
from git_pliny.cli.repairs import say_repairs
from git_pliny.cli.selection import check_needs, check_resolved, select_agents, select_reruns
from git_pliny.cli.workbench import Workbench, open_workbench
from git_pliny.errors import UsageError
from git_pliny.executor.context import AGENTS_MD, check_context
from git_pliny.executor.coordinator import Coordinator, Ending
from git_pliny.executor.desk import Desk
from git_pliny.executor.options import Options, Order
from git_pliny.executor.workers import Workers
from git_pliny.git.process import without_local_variables
from git_pliny.git.repository import Repository, discover
from git_pliny.model.codec import changed_agents, encode_masked
from git_pliny.model.fold import Fold
from git_pliny.model.settings import CheckpointWhen
from git_pliny.plans.loading import LoadedPlan
from git_pliny.store import rollback
from git_pliny.store.opening import Desired, create, make_current, resume
from git_pliny.store.run import Run

Task = Annotated[
    str | None,
    argument(
        metavar="TASK", help="What is to be done, in words: starts a new session of that name.", show_default=False
    ),
]
Framework = Annotated[str | None, option("--framework", metavar="NAME", help="Run this framework: rise or care.")]
PlanFile = Annotated[
    Path | None,
    option("--plan", metavar="FILE", help="The plan, instead of pliny.yaml or plan/plan_manifest.json."),
]
Resume = Annotated[bool, option("--resume", help="Go on with the current session, which must be unfinished.")]
When = Annotated[CheckpointWhen | None, option("--checkpoint", help="When to take a checkpoint by itself.")]
Parallel = Annotated[bool, option("--parallel", help="Run the agents of every phase at the same time.")]
Sequential = Annotated[bool, option("--sequential", help="Run the agents of every phase one after another.")]
Jobs = Annotated[int | None, option("--jobs", "-j", metavar="N", min=1, help="How many agents run at the same time.")]
Rerun = Annotated[
    list[str] | None,
    option(
        "--rerun",
        metavar="AGENT",
        help="Run this agent again, and what needs it.",
        autocompletion=values.agent_names,
    ),
]
Resolved = Annotated[
    list[str] | None,
    option(
        "--resolved",
        metavar="AGENT",
        help="Go on as if this agent had completed: its conflicting changes are taken over by hand.",
        autocompletion=values.agent_names,
    ),
]
Only = Annotated[
    list[str] | None,
    option(
        "--only",
        metavar="NAME",
        help="Run only this agent or phase.",
        autocompletion=values.phase_and_agent_names,
    ),
]
Iterations = Annotated[
    int | None, option("--iterations", metavar="N", min=1, help="How many iterations or rounds to run at most.")
]
Continuous = Annotated[bool, option("--continuous", help="Run iterations until the plan is complete.")]
Context = Annotated[
    list[str] | None,
    option("--context", metavar="FILE", help="A file that every agent gets as context, or `agents-md`."),
]
DryRun = Annotated[bool, option("--dry-run", "-n", help="Show what would run, and do nothing.")]
IgnoreLeftovers = Annotated[
    bool, option("--ignore-leftovers", help="Go on though processes of an earlier attempt still live.")
]


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The command line, as far as it decides what runs."""

    task: str | None
    framework: str | None
    use: str | None
    plan_file: Path | None
    rerun: tuple[str, ...]
    resolved: tuple[str, ...]
    only: tuple[str, ...]
    context: tuple[str, ...]
    overrides: Mapping[str, Any]
    options: Options


def execute_command(
    here: Invocation,
    *,
    task: Task = None,
    framework: Framework = None,
    plan: PlanFile = None,
    session: SessionOption = None,
    resume_: Resume = False,
    checkpoint: When = None,
    parallel: Parallel = False,
    sequential: Sequential = False,
    jobs: Jobs = None,
    rerun: Rerun = None,
    resolved: Resolved = None,
    only: Only = None,
    iterations: Iterations = None,
    budget_cost_usd: budgets.Cost = None,
    budget_tokens: budgets.TokenCount = None,
    budget_time: budgets.Time = None,
    continuous: Continuous = False,
    context: Context = None,
    use: Use = None,
    ignore_leftovers: IgnoreLeftovers = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Run a plan, or go on with one that is unfinished.

    The plan is pliny.yaml in the repository root, else plan/plan_manifest.json, or the file given with --plan. What
    runs is the session given with --session, else the current session where it is unfinished, else a new one. Agents
    that completed are not run again; kill it at any moment, and the same command goes on. Where a budget of the plan, a
    phase or an agent is used up, nothing more starts: the session is paused, exit status 5, and goes on with a higher
    one.

    With --framework, phases for which the plan has no agent are run by a coding agent that is installed here, with the
    prompts that come with git pliny: git pliny frameworks show.
    """
    if parallel and sequential:
        raise UsageError("--parallel and --sequential exclude each other", hint="leave one of them out")
    if iterations is not None and continuous:
        raise UsageError("--iterations and --continuous exclude each other", hint="leave one of them out")
    overrides = {
        "execution.framework": framework,
        "execution.jobs": jobs,
        "execution.checkpoint": checkpoint,
        "execution.budget.cost_usd": budget_cost_usd,
        "execution.budget.tokens": budget_tokens,
        "execution.budget.time": budget_time,
    }
    asked = _Asked(
        task=task,
        framework=framework,
        use=use,
        plan_file=here.cwd / plan if plan else None,
        rerun=tuple(rerun or ()),
        resolved=tuple(dict.fromkeys(resolved or ())),
        only=tuple(only or ()),
        context=tuple(name if name == AGENTS_MD else str(here.cwd / name) for name in context or ()),
        overrides={key: value for key, value in overrides.items() if value is not None},
        options=Options(
            parallel=True if parallel else False if sequential else None,
            iterations=iterations,
            continuous=continuous,
            ignore_leftovers=ignore_leftovers,
        ),
    )
    repository = discover(here.cwd, here.environ)
    state = choose_session(
        here, repository, session=session, resume=resume_ or bool(resolved), rerun=bool(rerun), task=task is not None
    )
    plan_file = asked.plan_file or _remembered(repository, state)
    bench = open_workbench(here, repository=repository, plan_file=plan_file, overrides=asked.overrides)
    loaded = load_plan(
        here,
        bench,
        plan_file=plan_file,
        framework=asked.framework or (state.framework if state else None),
        use=asked.use or (state.use if state else None),
        overrides=asked.overrides,
        command=command_of(asked.framework, asked.task),
        without_plan=instead_of_plan(asked.task, asked.use),
    )
    bench = bench.for_plan(here, loaded.plan)
    order = _order(here, bench, asked, state, loaded, plan_file=plan_file)
    if dry_run:
        show_plan(order, state, changed=_changed(bench, order, state), as_json=as_json)
        return
    check_models(order, state.completed if state else ())
    workers = Workers(order.settings.execution.jobs)
    with interrupting(workers):
        ending, final = _execute(
            here, bench, order, workers, _session(here, bench, order, asked, state), as_json=as_json
        )
        finish(here, order, ending, final, as_json=as_json)


def _changed(bench: Workbench, order: Order, state: Fold | None) -> frozenset[str]:
    """The agents that the session knows by another definition: those that completed run again."""
    if state is None or state.plan is None:
        return frozenset()
    known = bench.repository.git("cat-file", "blob", state.plan, accept=(0, 128))
    return frozenset(changed_agents(known, encode_masked(order.plan, bench.masker.mask_value)))


def _remembered(repository: Repository, state: Fold | None) -> Path | None:
    """The plan file that the session was executed with, where it was named on a command line."""
    return repository.root / state.plan_file if state and state.plan_file else None


def _order(
    here: Invocation,
    bench: Workbench,
    asked: _Asked,
    state: Fold | None,
    loaded: LoadedPlan,
    *,
    plan_file: Path | None,
) -> Order:
    """The plan, checked as far as it can be before anything runs."""
    for note in loaded.notes:
        messages.warning(note)
    plan = loaded.plan
    check_coder(loaded, asked.use, task=asked.task or (state.task if state else None))
    check_resolved(plan, asked.resolved, state)
    chosen, rerun = select_agents(plan, asked.only) if asked.only else None, select_reruns(plan, asked.rerun)
    if chosen is not None and (outside := [name for name in rerun if name not in chosen]):
        raise UsageError(f"--only leaves out {outside[0]}, which --rerun asks for", hint=f"add --only {outside[0]}")
    if chosen is not None:
        check_needs(plan, chosen, state, rerun=rerun)
    check_context(
        plan,
        asked.context,
        root=bench.repository.root,
        done=state.completed if state else (),
        limit=bench.settings.execution.context_limit,
        home=here.environ.get("HOME"),
    )
    return Order(
        plan=plan,
        plan_file=_relative(plan_file, bench.repository.root),
        use=loaded.use,
        settings=bench.settings,
        options=_replace(asked, only=chosen, rerun=rerun, state=state),
        root=bench.repository.root,
        environ=without_local_variables(here.environ),
        masking=bench.masker,
        monotonic=time.monotonic,
        rng=random.Random(),  # noqa: S311 - jitter of retries, no secret
    )


def _replace(asked: _Asked, *, only: frozenset[str] | None, rerun: tuple[str, ...], state: Fold | None) -> Options:
    options = asked.options
    return Options(
        parallel=options.parallel,
        only=only,
        rerun=rerun,
        resolved=asked.resolved,
        iterations=options.iterations,
        continuous=options.continuous,
        ignore_leftovers=options.ignore_leftovers,
        context=asked.context,
        task=asked.task or (state.task if state else None),
    )


def _relative(path: Path | None, root: Path) -> str | None:
    if path is None:
        return None
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _execute(
    here: Invocation,
    bench: Workbench,
    order: Order,
    workers: Workers,
    session: contextlib.AbstractContextManager[Run],
    *,
    as_json: bool,
) -> tuple[Ending, Fold]:
    plan_json = encode_masked(order.plan, bench.masker.mask_value)
    with (
        session as run,
        make_reporter(here, order.plan, jobs=order.settings.execution.jobs, as_json=as_json) as shown,
    ):
        manifest = [ManifestWriter(order)] if order.plan.manifest else []
        desk = Desk(order=order, run=run, reporter=Several([*manifest, shown]), workers=workers)
        ending = Coordinator(desk, plan_json).execute()
        workers.close()
        return ending, run.state


@contextlib.contextmanager
def _session(here: Invocation, bench: Workbench, order: Order, asked: _Asked, state: Fold | None) -> Iterator[Run]:
    repository, nested = bench.repository, bool(here.environ.get(OUTER))
    if state is None:
        task = bench.masker.mask_text(asked.task).strip() if asked.task else None
        name = task or bench.masker.mask_text(order.plan.name).strip() or "unnamed"
        desired = Desired(name=name[:200], task=task, framework=order.plan.framework)
        with create(repository, desired, clock=bench.clock, bounds=bench.bounds) as run:
            if not nested:
                make_current(repository, run.session)
            messages.note(f"session {run.session[:8]}: {desired.name}")
            yield run
        return
    with resume(repository, state.id, clock=bench.clock, bounds=bench.bounds) as (run, repairs):
        if not nested:
            make_current(repository, run.session)
        messages.note(f"session {run.session[:8]}: {run.state.name} (resumed)")
        say_repairs(repairs)
        if finished := rollback.finish_interrupted(run):
            messages.warning(f"an interrupted rollback to checkpoint {finished.checkpoint.name} was finished")
        yield run
