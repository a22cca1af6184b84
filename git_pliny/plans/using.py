"""What a definition says to execute: a command of its own, or that of the coding agent that it uses."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from git_pliny.model.preset import Preset, Use
from git_pliny.model.provider import address_in, provider_of
from git_pliny.plans.nodes import Mapping, place_of
from git_pliny.plans.positions import quoted
from git_pliny.plans.preset_files import Presets
from git_pliny.plans.schema import AgentEntry


class Call(NamedTuple):
    """What an agent executes."""

    run: str | tuple[str, ...]
    env: dict[str, str]
    use: Use | None = None
    provider: str = ""


def several(given: str | Iterable[str] | None) -> tuple[str, ...]:
    """Where one may stand without a list around it."""
    return () if given is None else (given,) if isinstance(given, str) else tuple(given)


def called(name: str, entry: AgentEntry, node: Mapping, presets: Presets) -> Call:
    """What the agent `name` executes; PlanError at the place of what is wrong with it."""
    if entry.run is None:
        return _of_preset(entry, node, presets)
    for key in ("use", "model", "args", "allow"):
        if getattr(entry, key) is not None:
            raise place_of(node, key).error(
                f"agent {quoted(name)} has `run`, a command, beside which `{key}` says nothing"
            )
    if not (entry.run if isinstance(entry.run, str) else entry.run[0]).strip():
        raise place_of(node, "run").error(f"`run` of agent {quoted(name)} names no program")
    return Call(entry.run, entry.env or {})


def _of_preset(entry: AgentEntry, node: Mapping, presets: Presets) -> Call:
    assert entry.use is not None  # noqa: S101 - only what can be run is resolved
    preset = presets.get(entry.use, place_of(node, "use"))
    for key, asked, can in (("model", entry.model, preset.model), ("allow", entry.allow, preset.allow)):
        if asked is not None and not can:
            raise place_of(node, key).error(
                f"preset {quoted(preset.name)} has no argument for `{key}`", hint="say it in its own words, by `args:`"
            )
    run = preset.command(model=entry.model, allow=several(entry.allow), args=several(entry.args))
    return Call(run, entry.env or {}, _use(preset, () if preset.source else _asked(entry)), _provider(preset, entry))


def _provider(preset: Preset, entry: AgentEntry) -> str:
    server = address_in(entry.env or {})
    if preset.provider:
        return provider_of(preset.provider, model=None, address=server)
    return provider_of(preset.name, model=entry.model, address=server)


def _asked(entry: AgentEntry) -> tuple[str, ...]:
    said = {"model": entry.model, "args": several(entry.args), "allow": several(entry.allow), "env": entry.env or {}}
    return tuple(f"{key}: {msgspec.json.encode(value, order='sorted').decode()}" for key, value in said.items())


def _use(preset: Preset, asked: tuple[str, ...]) -> Use:
    return Use(
        preset=preset.name,
        output=preset.output,
        files=preset.files,
        env=preset.env,
        timeout_s=preset.timeout_s,
        install=preset.install,
        asked=asked,
    )
