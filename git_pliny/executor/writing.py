"""An agent writes a plan: it is asked, its plan is checked, and it is told what is wrong, for some rounds at most.

It works in a worktree on the files as they are now; whatever it changes there is gone afterwards.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from git_pliny.errors import AgentFailedError, ConfigError, InterruptedRunError
from git_pliny.executor.attempt import Conclusion, conclude
from git_pliny.executor.job import Job
from git_pliny.executor.workers import Interrupt, Workers
from git_pliny.git.repository import Repository
from git_pliny.git.scratch import scratch
from git_pliny.git.snapshot import capture
from git_pliny.git.worktrees import Base, Pool
from git_pliny.model.plan import Agent
from git_pliny.model.settings import Category
from git_pliny.model.spending import Spending
from git_pliny.plans.answers import plan_in
from git_pliny.runners.base import Attempt
from git_pliny.runners.registry import runner_for

ROUNDS = 3
OWNER = "plan"
_SETTLE, _AGAIN = "git pliny agents list", "nothing was written; the same command tries again"


class Round(NamedTuple):
    """One answer: the plan in it, and why that was refused."""

    number: int
    text: str
    refused: str | None


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """What the asking needs: `tell` makes the prompt, `check` raises ConfigError where a plan can't be run."""

    repository: Repository
    environ: Mapping[str, str]
    workers: Workers
    grace_s: float
    tell: Callable[[str], str]
    check: Callable[[str], None]
    mask: Callable[[str], str]
    """Takes secrets out of what the agent wrote."""


def write_plan(desk: Desk, agent: Agent, spending: Spending) -> Iterator[Round]:
    """The rounds, to the first whose plan is not refused, or the last; AgentFailedError where the agent fails.

    `spending` gets what they cost, as far as the agent tells it.
    """
    refused = ""
    with _place(desk.repository) as (root, folder):
        for number in range(1, ROUNDS + 1):
            attempt = Attempt(
                session="",
                run=OWNER,
                phase=OWNER,
                number=number,
                agent=agent,
                root=root,
                environ=desk.environ,
                folder=folder / f"{OWNER}@{number}",
                timeout_s=agent.use.timeout_s if agent.use else None,
                grace_s=desk.grace_s,
                prompt=desk.tell(refused),
            )
            conclusion = _run(desk.workers, attempt)
            spending.spend(conclusion.spent)
            if conclusion.failure is not None:
                failure = conclusion.failure
                said = desk.mask(f"the agent failed: {failure.category.value}: {failure.message}")
                raise AgentFailedError(said, hint=_SETTLE if failure.category is Category.CONFIG else _AGAIN)
            text = desk.mask(plan_in(conclusion.outcome.answer or ""))
            found = _refusal(desk, text)
            yield Round(number, text, found)
            if found is None:
                return
            refused = f"{found}\n\nThe plan that was refused:\n\n{_quoted(text)}"


@contextmanager
def _place(repository: Repository) -> Iterator[tuple[Path, Path]]:
    """Where the agent works, and a folder for what is kept of its attempts meanwhile."""
    taken = capture(repository)
    with scratch(repository) as own:
        worktree = Pool(repository).take(Base(tree=taken.tree, head=taken.head.oid), owner=OWNER)
        try:
            yield worktree.repository.root, own.folder
        finally:
            worktree.release()


def _run(workers: Workers, attempt: Attempt) -> Conclusion:
    job = Job(attempt, runner_for(attempt.agent), None)
    workers.submit([job])
    interrupted = False
    while True:
        for report in workers.next(None):
            if isinstance(report, Interrupt):
                interrupted = True
                job.cancel(now=report is Interrupt.AT_ONCE)
                continue
            if interrupted:
                raise InterruptedRunError("interrupted; no plan was written")
            if report.outcome is None:
                raise report.error or RuntimeError("the worker reported nothing")
            return conclude(report.outcome, attempt.agent, rules=(), leftovers=(), judges=False)


def _refusal(desk: Desk, text: str) -> str | None:
    try:
        desk.check(text)
    except ConfigError as error:
        return error.message + (f" ({error.hint})" if error.hint else "")
    return None


def _quoted(text: str) -> str:
    fence = "`" * (max((len(run) for run in text.split() if set(run) == {"`"}), default=2) + 1)
    return f"{fence}\n{text}{fence}"
