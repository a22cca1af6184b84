"""What one execution is asked to do, and with what; everything is decided before the coordinator starts."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from git_pliny.model.plan import Plan
from git_pliny.model.settings import Settings


class Masking(Protocol):
    """Takes secrets out of what is stored or shown."""

    def mask_text(self, text: str) -> str: ...

    def mask_bytes(self, data: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line asks for. `only` and `rerun` are names of agents that the plan has."""

    parallel: bool | None = None
    only: frozenset[str] | None = None
    rerun: tuple[str, ...] = ()
    iterations: int | None = None
    continuous: bool = False
    ignore_leftovers: bool = False
    context: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One execution of a plan."""

    plan: Plan
    settings: Settings
    options: Options
    root: Path
    environ: Mapping[str, str]
    masking: Masking
    monotonic: Callable[[], float]
    rng: random.Random
