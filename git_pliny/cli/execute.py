"""`git pliny execute`: from the command line to one execution, and from its end to an exit code."""

import contextlib
import random
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from git_pliny.cli import budgets, messages, proposal
from git_pliny.cli import execution_options as given
from git_pliny.cli.asked_models import check_models
from git_pliny.cli.choosing import OUTER, choose_session
from git_pliny.cli.coder import Use, check_coder, command_of, instead_of_plan
from git_pliny.cli.endings import finish, show_plan
from git_pliny.cli.interrupts import interrupting
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.manifests import ManifestWriter
from git_pliny.cli.options import Json, SessionOption
from git_pliny.cli.progress import Several, make_reporter
from git_pliny.cli.repairs import say_repairs
from git_pliny.cli.selection import check_needs, check_resolved, select_agents, select_reruns
from git_pliny.cli.sources import Sourced, Wanted, find_plan
from git_pliny.cli.takeover import check_not_elsewhere
from git_pliny.cli.workbench import Workbench
from git_pliny.errors import UsageError
from git_pliny.executor.context import AGENTS_MD, check_context
from git_pliny.executor.coordinator import Coordinator, Ending
from git_pliny.executor.desk import Desk
from git_pliny.executor.options import Options, Order
from git_pliny.executor.workers import Workers
from git_pliny.git.process import without_local_variables
from git_pliny.git.repository import discover
from git_pliny.model.codec import changed_agents, encode_masked
from git_pliny.model.fold import Fold
from git_pliny.store import rollback
from git_pliny.store.clone import Origin, set_origin
from git_pliny.store.opening import Desired, create, make_current, resume
from git_pliny.store.run import Run


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The command line, as far as it decides what runs. `rerun` and `only`: names, as they were typed."""

    wanted: Wanted
    rerun: tuple[str, ...]
    only: tuple[str, ...]
    options: Options
    approved: str | None
    """The digits of the plan that the user approves of."""


def execute_command(
    here: Invocation,
    *,
    task: given.Task = None,
    framework: given.Framework = None,
    plan: given.PlanFile = None,
    session: SessionOption = None,
    resume_: given.Resume = False,
    checkpoint: given.When = None,
    parallel: given.Parallel = False,
    sequential: given.Sequential = False,
    jobs: given.Jobs = None,
    rerun: given.Rerun = None,
    resolved: given.Resolved = None,
    only: given.Only = None,
    iterations: given.Iterations = None,
    budget_cost_usd: budgets.Cost = None,
    budget_tokens: budgets.TokenCount = None,
    budget_time: budgets.Time = None,
    continuous: given.Continuous = False,
    context: given.Context = None,
    use: Use = None,
    ignore_leftovers: given.IgnoreLeftovers = False,
    take_over: given.TakeOver = False,
    approve_plan: given.ApprovePlan = None,
    dry_run: given.DryRun = False,
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

    A plan that came with a fetched session, and that your own plan files do not give, is shown in full and executed
    only once you have approved of it: at a terminal, or by --approve-plan.
    """
    if parallel and sequential:
        raise UsageError("--parallel and --sequential exclude each other", hint="leave one of them out")
    if iterations is not None and continuous:
        raise UsageError("--iterations and --continuous exclude each other", hint="leave one of them out")
    proposal.check_given(approve_plan)
    overrides = {
        "execution.framework": framework,
        "execution.jobs": jobs,
        "execution.checkpoint": checkpoint,
        "execution.budget.cost_usd": budget_cost_usd,
        "execution.budget.tokens": budget_tokens,
        "execution.budget.time": budget_time,
    }
    asked = _Asked(
        wanted=Wanted(
            plan_file=here.cwd / plan if plan else None,
            framework=framework,
            use=use,
            task=task,
            overrides={key: value for key, value in overrides.items() if value is not None},
            command=command_of(framework, task),
            without_plan=instead_of_plan(task, use),
        ),
        rerun=tuple(rerun or ()),
        only=tuple(only or ()),
        options=Options(
            parallel=True if parallel else False if sequential else None,
            resolved=tuple(dict.fromkeys(resolved or ())),
            iterations=iterations,
            continuous=continuous,
            ignore_leftovers=ignore_leftovers,
            context=tuple(name if name == AGENTS_MD else str(here.cwd / name) for name in context or ()),
            take_over=take_over,
        ),
        approved=approve_plan,
    )
    repository = discover(here.cwd, here.environ)
    state = choose_session(
        here, repository, session=session, resume=resume_ or bool(resolved), rerun=bool(rerun), task=task is not None
    )
    found = find_plan(here, repository, state, asked.wanted)
    order = _order(here, asked, state, found)
    if dry_run:
        _show(order, state, found, again=_again(asked, state), as_json=as_json)
    else:
        _run(here, asked, state, found, order, as_json=as_json)


def _again(asked: _Asked, state: Fold | None) -> str:
    """The command that does the same."""
    return f"git pliny execute --session {state.id[:8]}" if state else asked.wanted.command


def _show(order: Order, state: Fold | None, found: Sourced, *, again: str, as_json: bool) -> None:
    show_plan(order, state, changed=_changed(found.bench, order, state), as_json=as_json)
    if found.is_foreign:
        messages.note(f"the plan came from elsewhere: {again} --approve-plan {found.digest[:12]} executes it")


def _run(here: Invocation, asked: _Asked, state: Fold | None, found: Sourced, order: Order, *, as_json: bool) -> None:
    """Execute it, once nothing speaks against that any more."""
    repository, again = found.bench.repository, _again(asked, state)
    if state is not None:
        check_not_elsewhere(repository, state, take_over=asked.options.take_over, again=again)
    if found.is_foreign:
        proposal.approve(here, repository, found.told(), found.digest, given=asked.approved, again=again)
    else:
        proposal.check_is(found.digest, asked.approved)
    check_models(order, state.completed if state else ())
    workers = Workers(order.settings.execution.jobs)
    with interrupting(workers):
        session = _session(here, order, asked, state, found)
        ending, final = _execute(here, found.bench, order, workers, session, as_json=as_json)
        finish(here, order, ending, final, as_json=as_json)


def _changed(bench: Workbench, order: Order, state: Fold | None) -> frozenset[str]:
    """The agents that the session knows by another definition: those that completed run again."""
    if state is None or state.plan is None:
        return frozenset()
    known = bench.repository.git("cat-file", "blob", state.plan, accept=(0, 128))
    return frozenset(changed_agents(known, encode_masked(order.plan, bench.masker.mask_value)))


def _order(
    here: Invocation,
    asked: _Asked,
    state: Fold | None,
    found: Sourced,
) -> Order:
    """The plan, checked as far as it can be before anything runs."""
    loaded, bench = found.loaded, found.bench
    for note in loaded.notes:
        messages.warning(note)
    plan = loaded.plan
    check_coder(loaded, asked.wanted.use, task=found.task)
    check_resolved(plan, asked.options.resolved, state)
    chosen, rerun = select_agents(plan, asked.only) if asked.only else None, select_reruns(plan, asked.rerun)
    if chosen is not None and (outside := [name for name in rerun if name not in chosen]):
        raise UsageError(f"--only leaves out {outside[0]}, which --rerun asks for", hint=f"add --only {outside[0]}")
    if chosen is not None:
        check_needs(plan, chosen, state, rerun=rerun)
    check_context(
        plan,
        asked.options.context,
        root=bench.repository.root,
        done=state.completed if state else (),
        limit=bench.settings.execution.context_limit,
        home=here.environ.get("HOME"),
    )
    return Order(
        plan=plan,
        plan_file=_relative(found.plan_file, bench.repository.root),
        use=loaded.use,
        settings=bench.settings,
        options=msgspec.structs.replace(asked.options, only=chosen, rerun=rerun, task=found.task),
        root=bench.repository.root,
        environ=without_local_variables(here.environ),
        masking=bench.masker,
        monotonic=time.monotonic,
        rng=random.Random(),  # noqa: S311 - jitter of retries, no secret
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
def _session(here: Invocation, order: Order, asked: _Asked, state: Fold | None, found: Sourced) -> Iterator[Run]:
    bench = found.bench
    source = Origin(
        is_unread=found.is_unread,
        file=order.plan_file,
        framework=order.plan.framework,
        use=order.use,
        task=found.task,
        stored=found.stored,
    )
    repository, nested = bench.repository, bool(here.environ.get(OUTER))
    if state is None:
        task = bench.masker.mask_text(asked.wanted.task).strip() if asked.wanted.task else None
        name = task or bench.masker.mask_text(order.plan.name).strip() or "unnamed"
        desired = Desired(name=name[:200], task=task, framework=order.plan.framework)
        with create(repository, desired, clock=bench.clock, bounds=bench.bounds) as run:
            if not nested:
                make_current(repository, run.session)
            messages.note(f"session {run.session[:8]}: {desired.name}")
            set_origin(repository, run.session, source)
            yield run
        return
    with resume(repository, state.id, clock=bench.clock, bounds=bench.bounds) as (run, repairs):
        if not nested:
            make_current(repository, run.session)
        messages.note(f"session {run.session[:8]}: {run.state.name} (resumed)")
        say_repairs(repairs)
        if finished := rollback.finish_interrupted(run):
            messages.warning(f"an interrupted rollback to checkpoint {finished.checkpoint.name} was finished")
        set_origin(repository, run.session, source)
        yield run
