"""What one execution is asked to do, and with what; everything is decided before the coordinator starts."""

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from git_pliny.model.plan import Phase, Plan
from git_pliny.model.settings import Settings


class Masking(Protocol):
    """Takes secrets out of what is stored or shown."""

    def mask_text(self, text: str) -> str: ...

    def mask_bytes(self, data: bytes) -> bytes: ...


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asks for. `only`, `rerun` and `resolved` are names of agents that the plan has."""

    parallel: bool | None = None
    only: frozenset[str] | None = None
    rerun: tuple[str, ...] = ()
    resolved: tuple[str, ...] = ()
    """Agents whose conflicting changes the user has taken over by hand: they count as completed."""
    iterations: int | None = None
    continuous: bool = False
    ignore_leftovers: bool = False
    context: tuple[str, ...] = ()
    take_over: bool = False
    """Go on from runs of other clones that have not ended, as far as is known here."""
    task: str | None = None
    """The task in the user's words; agents find it at the head of their context."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of a plan."""

    plan: Plan
    plan_file: str | None
    """Where the plan was read from, relative to the root where it is below it; None where it is not a file's."""
    use: str | None = None
    """The preset of agents that do not say themselves what runs them, where there are any."""
    settings: Settings
    options: Options
    root: Path
    environ: Mapping[str, str]
    masking: Masking
    monotonic: Callable[[], float]
    rng: random.Random

    def is_parallel(self, phase: Phase) -> bool:
        """Whether the agents of a phase run side by side: the command line says it, else the phase, else settings."""
        if self.options.parallel is not None:
            return self.options.parallel
        return self.settings.execution.parallel if phase.parallel is None else phase.parallel
