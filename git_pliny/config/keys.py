"""Which settings there are, by key (`execution.jobs`), and what each may be. Derived from the types of the model."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from typing import NamedTuple

import msgspec
from msgspec import inspect

from git_pliny.errors import ConfigError
from git_pliny.model.settings import Settings
from git_pliny.model.visible import visible

ALIASES = {"execution.checkpoint_frequency": "execution.checkpoint"}
"""Other words that a file, a variable or a command may use."""

_SHOWN = 60
_LONGEST = 100


class Setting(NamedTuple):
    key: str
    kind: inspect.Type
    default: object


@cache
def every() -> Mapping[str, Setting]:
    """Every setting, in the order of the model."""
    return {setting.key: setting for setting in _below("", inspect.type_info(Settings), Settings())}


def named(key: str) -> Setting:
    """The setting that `key` names, also by another word; ConfigError with the nearest key where there is none."""
    settings = every()
    found = settings.get(ALIASES.get(key, key))
    if found is not None:
        return found
    inside = [each for each in settings if each.startswith(f"{key}.")]
    if inside:
        raise ConfigError(f"{key} is a section, not a setting", hint=f"name one of its keys, such as {inside[0]}")
    raise ConfigError(
        f"unknown setting {quoted(key)}{nearest(key, [*settings, *ALIASES])}", hint="git pliny config list"
    )


def children(prefix: str) -> list[str]:
    """The words that may follow `prefix`, which is empty or ends in a dot."""
    keys = [key for key in (*every(), *ALIASES) if key.startswith(prefix)]
    return list(dict.fromkeys(key.removeprefix(prefix).partition(".")[0] for key in keys))


def quoted(text: str) -> str:
    """`text` for a message: visible, in one line, not too long."""
    return f"`{visible(text[:_SHOWN])}{'…' if len(text) > _SHOWN else ''}`"


def nearest(word: str, valid: Sequence[str]) -> str:
    """`; did you mean …?`, or nothing where no valid word is near."""
    near = nearest_word(word, valid)
    return f"; did you mean `{near}`?" if near else ""


def nearest_word(word: str, valid: Sequence[str]) -> str | None:
    return next(iter(get_close_matches(word[:_LONGEST].lower(), valid, n=1)), None)


def _below(prefix: str, kind: inspect.Type, default: object) -> Iterator[Setting]:
    """The settings in a section, or the one that is no section; of a mapping those of every key that it can have."""
    if isinstance(kind, inspect.StructType) and isinstance(default, msgspec.Struct):
        for field in kind.fields:
            yield from _below(f"{prefix}{field.encode_name}.", field.type, getattr(default, field.name))
    elif isinstance(kind, inspect.DictType) and isinstance(kind.key_type, inspect.EnumType):
        assert isinstance(kind.value_type, inspect.StructType)  # noqa: S101 - the model has no other mapping
        for word in kind.key_type.cls:
            yield from _below(f"{prefix}{word.value}.", kind.value_type, kind.value_type.cls())
    else:
        yield Setting(prefix[:-1], kind, list(default) if isinstance(default, tuple) else msgspec.to_builtins(default))
