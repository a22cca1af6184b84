"""What a definition says to execute: a command of its own, that of the coding agent that it uses, or a model to ask."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from git_pliny.model.endpoint import PROVIDERS, ModelCall, split_model
from git_pliny.model.preset import Preset, Use
from git_pliny.model.provider import address_in, provider_of
from git_pliny.plans.nodes import Mapping, place_of
from git_pliny.plans.positions import listed, quoted, suggestion
from git_pliny.plans.preset_files import Presets
from git_pliny.plans.schema import AgentEntry

ONLY_ASKED = ("base_url", "api_key_env", "max_tokens", "temperature")
"""What says something only where a model is asked by itself."""


class Call(NamedTuple):
    """What an agent executes."""

    run: str | tuple[str, ...]
    env: dict[str, str]
    use: Use | None = None
    model: ModelCall | None = None
    provider: str = ""


def several(given: str | Iterable[str] | None) -> tuple[str, ...]:
    """Where one may stand without a list around it."""
    return () if given is None else (given,) if isinstance(given, str) else tuple(given)


def called(name: str, entry: AgentEntry, node: Mapping, presets: Presets) -> Call:
    """What the agent `name` executes; PlanError at the place of what is wrong with it."""
    if entry.run is None and entry.use is None:
        asked = _of_model(name, entry, node)
        server = asked.base_url or address_in(entry.env or {})
        provider = provider_of(asked.provider, model=None, address=server)
        return Call((), entry.env or {}, model=asked, provider=provider)
    if entry.run is None:
        return _of_preset(entry, node, presets)
    for key in ("use", "model", "args", "allow", "answer", *ONLY_ASKED):
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
    for key in ONLY_ASKED:
        if getattr(entry, key) is not None:
            raise place_of(node, key).error(
                f"`{key}` is for agents that ask a model by themselves; this one uses {quoted(preset.name)}",
                hint="say it in the program's own words, by `args:` or `env:`",
            )
    for key, asked, can in (("model", entry.model, preset.model), ("allow", entry.allow, preset.allow)):
        if asked is not None and not can:
            raise place_of(node, key).error(
                f"preset {quoted(preset.name)} has no argument for `{key}`", hint="say it in its own words, by `args:`"
            )
    run = preset.command(model=entry.model, allow=several(entry.allow), args=several(entry.args))
    return Call(run, entry.env or {}, _use(preset, entry), provider=_provider(preset, entry))


def _provider(preset: Preset, entry: AgentEntry) -> str:
    server = address_in(entry.env or {})
    if preset.provider:
        return provider_of(preset.provider, model=None, address=server)
    return provider_of(preset.name, model=entry.model, address=server)


def _of_model(name: str, entry: AgentEntry, node: Mapping) -> ModelCall:
    """The model that an agent asks; `entry` names one."""
    assert entry.model is not None  # noqa: S101 - only what can be run is resolved
    place = place_of(node, "model")
    parts = split_model(entry.model)
    if parts is None:
        raise place.error(
            f"{quoted(entry.model)} names no provider, so that agent {quoted(name)} can't ask it by itself",
            hint=f"write `model: anthropic/{entry.model}` or the like, or name the coding agent that `use`s it",
        )
    if parts[0] not in PROVIDERS:
        raise place.error(
            f"there is no provider {quoted(parts[0])}{suggestion(parts[0], PROVIDERS)}",
            hint=f"known: {listed(PROVIDERS)}; any other by its address: `model: openai/NAME` with `base_url:`",
        )
    for key in ("args", "allow"):
        if getattr(entry, key) is not None:
            raise place_of(node, key).error(f"agent {quoted(name)} asks a model, beside which `{key}` says nothing")
    if len(several(entry.deliverables)) > 1:
        raise place_of(node, "deliverables").error(
            f"agent {quoted(name)} asks a model, which answers one text; it can't make several deliverables"
        )
    return ModelCall(
        provider=parts[0],
        name=parts[1],
        base_url=entry.base_url,
        api_key_env=entry.api_key_env,
        max_tokens=entry.max_tokens,
        temperature=entry.temperature,
    )


def _asked(entry: AgentEntry) -> tuple[str, ...]:
    said = {"model": entry.model, "args": several(entry.args), "allow": several(entry.allow), "env": entry.env or {}}
    return tuple(f"{key}: {msgspec.json.encode(value, order='sorted').decode()}" for key, value in said.items())


def _use(preset: Preset, entry: AgentEntry) -> Use:
    return Use(
        preset=preset.name,
        output=preset.output,
        files=preset.files,
        env=preset.env,
        timeout_s=preset.timeout_s,
        install=preset.install,
        model=entry.model,
        asked=() if preset.source else _asked(entry),
    )
