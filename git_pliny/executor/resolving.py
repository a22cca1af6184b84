"""Conflicts of an isolated agent's changes: what they mean for it, and the agent that is asked to resolve them."""

import os
from typing import Any

import msgspec

from git_pliny.executor.desk import Desk
from git_pliny.executor.isolation import Ground, IsolatedJob
from git_pliny.executor.merging import Merging
from git_pliny.git.merge import Conflict
from git_pliny.git.worktrees import Base
from git_pliny.model.failure import Failure
from git_pliny.model.plan import Agent, Phase
from git_pliny.model.settings import Category
from git_pliny.model.visible import visible
from git_pliny.store.checkpoints import CheckpointKind

_MOST_ROUNDS = 3
_SHOWN = 5
_RECORDED = 100
_MARKERS = "^(<<<<<<<|>>>>>>>) "


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """Conflicts for an agent to resolve: who does it, and from what."""

    resolver: Agent
    ground: Ground
    conflicts: tuple[Conflict, ...]
    round: int = 1

    def agent_for(self, name: str) -> Agent:
        """The resolver in the place of the agent whose changes conflict."""
        env = {**self.resolver.env, "PLINY_RESOLVES": name}
        return msgspec.structs.replace(self.resolver, name=name, needs=(), env=env)

    @property
    def words(self) -> str:
        """The conflicts, as the resolver reads them at the head of its context."""
        return "# Conflicts\n\n" + "".join(f"- {visible(each.path)}: {each.kind}\n" for each in self.conflicts) + "\n"


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of an attempt that succeeded in its worktree: taken in, or failed, or somebody is to resolve it."""

    failure: Failure | None = None
    resolution: Resolution | None = None
    conflicts: tuple[Conflict, ...] = ()
    obstacle: str = ""

    @property
    def data(self) -> dict[str, Any]:
        """What the trail says of it, beside the failure."""
        found = [[visible(each.path), each.kind.value] for each in self.conflicts[:_RECORDED]]
        return {"conflicts": found + ([[visible(self.obstacle), "obstacle"]] if self.obstacle else [])}


class Intake:
    """Takes in the successes of a phase's isolated attempts."""

    def __init__(self, desk: Desk, phase: Phase, merging: Merging) -> None:
        self._desk = desk
        self._phase = phase
        self._merging = merging

    def settle(self, job: IsolatedJob, end: dict[str, Any], resolution: Resolution | None) -> Settled:
        """Merge what the attempt made; `end` is what its `agent_end` will say, `resolution` what it was to resolve."""
        if unfit := self._unfit(job, resolution):
            return unfit
        refused = self._merging.take_in(job, end)
        if refused is None:
            return Settled()
        if refused.obstacle:
            return self._obstacle(job, f"its changes can't be written: {refused.obstacle}")
        resolver = self._desk.order.plan.resolver(self._on_conflict(job.attempt.agent.name))
        number = resolution.round + 1 if resolution else 1
        if resolver is None or number > _MOST_ROUNDS:
            words = [f"{visible(each.path)} ({each.kind})" for each in refused.conflicts]
            return self._conflict(job, refused.conflicts, f"its changes conflict with the workspace: {_listed(words)}")
        self._merging.keep_aside(job, f"conflict-{job.attempt.agent.name}", CheckpointKind.CONFLICT)
        ground = self._ground(refused.tree)
        return Settled(
            failure=_failure("merge conflict", f"{resolver.name} is asked to resolve its conflicts"),
            resolution=Resolution(resolver=resolver, ground=ground, conflicts=refused.conflicts, round=number),
            conflicts=refused.conflicts,
        )

    def _unfit(self, job: IsolatedJob, resolution: Resolution | None) -> Settled | None:
        """What can't be merged in any case."""
        if job.spoiled is not None:
            return Settled(failure=_failure("its worktree can't be read", f"its changes can't be read: {job.spoiled}"))
        if job.unmerged:
            return self._obstacle(job, f"it left {_listed([visible(path) for path in job.unmerged])} unmerged")
        if resolution is not None and (left := self._marked(job, resolution)):
            return self._conflict(job, resolution.conflicts, f"conflict markers are left in {_listed(left)}")
        return None

    def _obstacle(self, job: IsolatedJob, words: str) -> Settled:
        self._merging.keep_aside(job, f"conflict-{job.attempt.agent.name}", CheckpointKind.CONFLICT)
        return Settled(failure=_failure("nothing to be merged as it is", words), obstacle=words)

    def _ground(self, tree: str) -> Ground:
        """The merge with its conflict markers; what the resolver makes of it are changes to the workspace of now."""
        now = self._merging.ground()
        return msgspec.structs.replace(now, base=Base(tree=tree, head=now.base.head))

    def _conflict(self, job: IsolatedJob, conflicts: tuple[Conflict, ...], words: str) -> Settled:
        self._merging.keep_aside(job, f"conflict-{job.attempt.agent.name}", CheckpointKind.CONFLICT)
        return Settled(failure=_failure("merge conflict", words), conflicts=conflicts)

    def _on_conflict(self, name: str) -> str:
        plan = self._desk.order.plan
        own = plan.agents[name].on_conflict or self._phase.on_conflict
        return own or self._desk.order.settings.execution.on_conflict

    def _marked(self, job: IsolatedJob, resolution: Resolution) -> list[str]:
        """The conflicted paths in which the resolver left markers."""
        assert job.version is not None  # noqa: S101 - else it is spoiled
        repository, paths = self._desk.run.repository, [each.path for each in resolution.conflicts]
        search = ("--literal-pathspecs", "grep", "-z", "-l", "-E", "-e", _MARKERS, job.version.tree, "--", *paths)
        found = repository.git(*search, accept=(0, 1)).split(b"\0")[:-1]
        return [visible(os.fsdecode(each).partition(":")[2]) for each in found]


def _failure(reason: str, message: str) -> Failure:
    return Failure(category=Category.VALIDATION, recoverable=False, reason=reason, message=message)


def _listed(words: list[str]) -> str:
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return ", ".join(words[:_SHOWN]) + more
