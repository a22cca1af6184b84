"""A phase of a plan that is still in the making."""

import msgspec

from git_pliny.model.plan import Phase
from git_pliny.model.settings import Budget, Isolation
from git_pliny.plans.positions import Place


class Draft(msgspec.Struct, kw_only=True):
    """A phase that is still being filled: its agents' names, each with the place that put it there."""

    name: str
    place: Place
    agents: dict[str, Place] = {}
    parallel: bool | None = None
    fail_fast: bool | None = None
    isolation: Isolation | None = None
    on_conflict: str | None = None
    budget: Budget | None = None
    title: str = ""

    def phase(self) -> Phase:
        return Phase(
            name=self.name,
            agents=tuple(self.agents),
            parallel=self.parallel,
            fail_fast=self.fail_fast,
            isolation=self.isolation,
            on_conflict=self.on_conflict,
            budget=self.budget,
            title=self.title,
        )
