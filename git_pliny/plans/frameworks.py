"""The plans that are shipped with the package: phases without agents, which the user's own agents fill."""

from functools import cache
from importlib import resources

import msgspec

from git_pliny.errors import ConfigError
from git_pliny.model.plan import Rounds
from git_pliny.plans import yaml
from git_pliny.plans.decode import decode
from git_pliny.plans.positions import Place, listed, quoted, suggestion


class FrameworkPhase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    title: str
    description: str


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    title: str
    description: str
    phases: tuple[FrameworkPhase, ...]
    rounds: Rounds | None = None


class Framework(msgspec.Struct, frozen=True, kw_only=True):
    """`rounds` is how a framework that repeats does so."""

    name: str
    title: str
    description: str
    phases: tuple[FrameworkPhase, ...]
    rounds: Rounds | None = None

    @property
    def phase_names(self) -> tuple[str, ...]:
        return tuple(phase.name for phase in self.phases)


def list_frameworks() -> tuple[Framework, ...]:
    """Every framework, by name."""
    return tuple(_load(name) for name in _names())


def get(name: str, place: Place | None = None) -> Framework:
    """The framework called `name`; an error with the known ones, at `place` if one is given, where there is none."""
    if name in _names():
        return _load(name)
    message = f"there is no framework {quoted(name)}{suggestion(name, _names())}"
    hint = f"known: {listed(_names())}"
    raise place.error(message, hint=hint) if place else ConfigError(message, hint=hint)


@cache
def _names() -> tuple[str, ...]:
    files = (resources.files("git_pliny.plans") / "frameworks").iterdir()
    return tuple(sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml")))


@cache
def _load(name: str) -> Framework:
    source = resources.files("git_pliny.plans") / "frameworks" / f"{name}.yaml"
    node = yaml.parse(source.read_text(encoding="utf-8"), f"{name}.yaml")
    assert node is not None  # noqa: S101 - our own file
    file = msgspec.convert(decode(node, _File, "the framework"), _File)
    return Framework(name=name, title=file.title, description=file.description, phases=file.phases, rounds=file.rounds)
