"""Laying settings over each other: built-in, the user's file, the plan's, the environment, the command line."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from git_pliny.config import toml
from git_pliny.config.keys import ALIASES, children, every, named, nearest, nearest_word, quoted
from git_pliny.config.values import checked, from_text
from git_pliny.errors import ConfigError
from git_pliny.model.settings import Settings
from git_pliny.model.visible import visible

LIST = "git pliny config list"
PREFIX = "PLINY_CONFIG_"
BUILT_IN = "built-in"
COMMAND_LINE = "command line"

PlaceOf = Callable[..., object]
"""The place of the value at a path of keys and indexes, as text like `pliny.yaml:7`."""


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """The settings in force, and where each comes from."""

    settings: Settings
    values: Mapping[str, object]
    """Every setting by its key, as plain data; None where an optional one is not set."""
    origins: Mapping[str, str]
    """Where those come from that are not built in."""

    def value(self, key: str) -> object:
        """The value of a setting; ConfigError with the nearest key where there is none of that name."""
        return self.values[named(key).key]

    def origin(self, key: str) -> str:
        """Where its value comes from, for people: `pliny.yaml:7`, `environment PLINY_CONFIG_EXECUTION__JOBS`."""
        return self.origins.get(named(key).key, BUILT_IN)


def resolve(
    *,
    user_file: Path | None = None,
    plan_sections: Mapping[str, Any] | None = None,
    plan_file: str | None = None,
    plan_place: PlaceOf | None = None,
    environ: Mapping[str, str],
    overrides: Mapping[str, object] | None = None,
) -> Resolved:
    """The settings of all layers, the later ones winning key by key; ConfigError with the place of what is wrong.

    `overrides` are values by key (`execution.jobs`), from the command line; None there leaves the setting alone.
    """
    given: dict[str, tuple[object, str]] = {}
    if user_file is not None:
        given |= _user_layer(user_file, environ)
    given |= _plan_layer(plan_sections or {}, plan_file or "the plan", plan_place)
    given |= _environment_layer(environ)
    given |= _override_layer(overrides or {})
    values = {key: given[key][0] if key in given else setting.default for key, setting in every().items()}
    return Resolved(
        settings=msgspec.convert(_nested(values), Settings),
        values=values,
        origins={key: origin for key, (_, origin) in given.items()},
    )


def _user_layer(path: Path, environ: Mapping[str, str]) -> dict[str, tuple[object, str]]:
    file = toml.read(path, display_name(path, environ))
    if file is None:
        return {}
    found: dict[str, tuple[object, str]] = {}
    for steps, value in _settings_in(file.values, file.error):
        setting = named(".".join(steps))
        try:
            plain = checked(setting.kind, value, ".".join(steps))
        except ConfigError as error:
            raise file.error(error.message, steps) from error
        if setting.key in found:
            raise file.error(f"{'.'.join(steps)} is another word for {setting.key}; give one of them", steps)
        found[setting.key] = (plain, f"{file.name}:{file.line(steps)}")
    return found


def _plan_layer(sections: Mapping[str, Any], name: str, place_of: PlaceOf | None) -> dict[str, tuple[object, str]]:
    def place(steps: tuple[str, ...]) -> str:
        return visible(str(place_of(*steps))) if place_of else name

    def error(message: str, steps: tuple[str, ...]) -> ConfigError:
        return ConfigError(f"{place(steps)}: {message}")

    found: dict[str, tuple[object, str]] = {}
    for steps, value in _settings_in(sections, error):
        setting = named(".".join(steps))
        try:
            found[setting.key] = (checked(setting.kind, value, ".".join(steps)), place(steps))
        except ConfigError as wrong:
            raise error(wrong.message, steps) from wrong
    return found


def _environment_layer(environ: Mapping[str, str]) -> dict[str, tuple[object, str]]:
    found: dict[str, tuple[object, str]] = {}
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        key = variable.removeprefix(PREFIX).replace("__", ".").lower()
        setting = every().get(ALIASES.get(key, key))
        if setting is None or variable != variable.upper():
            raise _unknown_variable(variable, key)
        if setting.key in found:
            raise ConfigError(f"{variable} is another word for {variable_of(setting.key)}; set one of them")
        found[setting.key] = (from_text(setting.kind, environ[variable], variable), f"environment {variable}")
    return found


def _unknown_variable(variable: str, key: str) -> ConfigError:
    near = nearest_word(key, list(every()))
    meant = f"; did you mean `{variable_of(near)}`?" if near else ""
    return ConfigError(f"the environment variable {quoted(variable)} names no setting{meant}", hint=LIST)


def variable_of(key: str) -> str:
    """The environment variable for a setting."""
    return PREFIX + key.upper().replace(".", "__")


def _override_layer(overrides: Mapping[str, object]) -> dict[str, tuple[object, str]]:
    given = [(named(key), value) for key, value in overrides.items() if value is not None]
    return {setting.key: (checked(setting.kind, value, setting.key), COMMAND_LINE) for setting, value in given}


def _settings_in(
    values: Mapping[str, Any], error: Callable[[str, tuple[str, ...]], ConfigError], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], object]]:
    """Every setting in nested sections, as its path and value; `error` makes the exception for an unknown key."""
    prefix = "".join(f"{step}." for step in above)
    for word, value in values.items():
        steps = (*above, word)
        valid = children(prefix)
        if word not in valid:
            where = f" in {prefix[:-1]}" if above else ""
            kind = "key" if above else "section"
            raise error(f"unknown {kind} {quoted(word)}{where}{nearest(word, valid)}", steps)
        key = prefix + word
        if key in every() or key in ALIASES:
            yield steps, value
        elif isinstance(value, Mapping):
            yield from _settings_in(value, error, steps)
        else:
            raise error(f"{key} is a section with keys such as `{children(key + '.')[0]}`, not a value", steps)


def _nested(values: Mapping[str, object]) -> dict[str, Any]:
    """Keys with dots as nested sections, without what is not set."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if value is not None:
            *above, last = key.split(".")
            section = found
            for step in above:
                section = section.setdefault(step, {})
            section[last] = value
    return found


def display_name(path: Path, environ: Mapping[str, str]) -> str:
    """`path` as people write it, with `~` for the home folder."""
    home = environ.get("HOME")
    if home and path.is_relative_to(home) and Path(home) != Path("/"):
        return f"~/{path.relative_to(home)}"
    return str(path)
