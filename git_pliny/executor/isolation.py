"""Isolated attempts: each in a worktree of its own, on the phase's snapshot; what it made there is taken in at its end.

The worktree is taken and read by the thread that waits for the attempt, which holds up nobody. It is given back once
what stands there is recorded: until then a kill, or a full disk, leaves it to the next run.
"""

from collections.abc import Callable
from threading import Semaphore

import msgspec

from git_pliny.errors import PlinyError
from git_pliny.executor.job import Job
from git_pliny.executor.options import Order
from git_pliny.git.snapshot import Snapshot
from git_pliny.git.worktrees import Base, Pool, Worktree
from git_pliny.model.inclusion import Inclusion
from git_pliny.model.plan import Agent, Phase
from git_pliny.model.settings import ExecutionSettings, Isolation
from git_pliny.runners.base import Attempt, Outcome, Runner, Running
from git_pliny.runners.leftovers import Leftover
from git_pliny.store.pool import owner


def is_isolated(order: Order, phase: Phase, agent: Agent) -> bool:
    """Whether the agent runs in a worktree of its own: as it says itself, else its phase, else the settings.

    Where none says it, a coding agent does beside others: two that edit one workspace at once undo each other's work.
    """
    said = agent.isolation or phase.isolation or order.settings.execution.isolation
    if said is None:
        return agent.use is not None and len(phase.agents) > 1 and order.is_parallel(phase)
    return said is Isolation.WORKTREE


def inclusions(settings: ExecutionSettings) -> tuple[Inclusion, ...]:
    """The ignored files that worktrees bring along."""
    copied = tuple(Inclusion(pattern=pattern) for pattern in settings.worktree_include)
    return copied + tuple(Inclusion(pattern=pattern, link=True) for pattern in settings.worktree_link)


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What an isolated attempt starts from. Its changes are those since `merge_base`.

    That is the tree it starts on; for an agent that resolves conflicts, the workspace without the markers.
    """

    base: Base
    merge_base: str
    commit: str
    """A commit of the session that holds `merge_base`: the attempt's work stands on it."""


class IsolatedJob(Job):
    """A job whose attempt has a worktree of its own; `ground` is asked as it starts.

    There are as many `turns` as worktrees: who has none waits until another job is settled.
    """

    def __init__(
        self,
        attempt: Attempt,
        runner: Runner,
        clear: Callable[[], list[Leftover]] | None,
        *,
        pool: Pool,
        turns: Semaphore,
        ground: Callable[[], Ground],
    ) -> None:
        super().__init__(attempt, runner, clear)
        self.ground: Ground | None = None
        self.version: Snapshot | None = None
        """What the attempt left in its worktree; None where it never got one, or that can't be told."""
        self.spoiled: str | None = None
        """Why it can't be told."""
        self.unmerged: list[str] = []
        """Paths that the attempt left amid a merge or the like of its own."""
        self._pool = pool
        self._turns = turns
        self._ask_ground = ground
        self._worktree: Worktree | None = None

    @property
    def is_ready(self) -> bool:
        return False

    @property
    def has_changes(self) -> bool:
        """Whether the attempt changed anything since it started."""
        return self.version is not None and self.ground is not None and self.version.tree != self.ground.base.tree

    def start(self) -> Running | Outcome:
        self.ground = self._ask_ground()
        return super().start()

    def work(self) -> Outcome:
        outcome = super().work()
        self._read()
        return outcome

    def settled(self, *, kept: bool) -> None:
        if self._worktree is None:
            return
        if kept and self.spoiled is None:
            self._worktree.release()
        else:
            self._worktree.leave()
        self._turns.release()

    def _ready_attempt(self) -> Attempt:
        assert self.ground is not None  # noqa: S101 - `start` came before
        name = owner(self.attempt.session, self.attempt.agent.name)
        self._turns.acquire()
        try:
            self._worktree = self._pool.take(self.ground.base, owner=name, onto=self.ground.commit)
        except BaseException:
            self._turns.release()
            raise
        self.attempt = msgspec.structs.replace(self.attempt, root=self._worktree.repository.root)
        return self.attempt

    def _read(self) -> None:
        if self._worktree is not None:
            try:
                self.version = self._worktree.capture()
                self.unmerged = self._worktree.unmerged()
            except PlinyError as error:
                self.spoiled = error.message
