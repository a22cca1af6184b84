"""What a setting may be: values of TOML and YAML, and texts of variables and command lines, as plain checked values."""

import re
from collections.abc import Callable, Mapping

import msgspec
from msgspec import inspect

from git_pliny.config.keys import nearest, quoted
from git_pliny.errors import ConfigError
from git_pliny.model.duration import parse_duration
from git_pliny.model.inclusion import ignored_path, on_conflict

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_WHOLE = re.compile(r"[-+]?[0-9]{1,18}")
_AMOUNT = re.compile(r"[-+]?[0-9]{1,18}(?:\.[0-9]{1,18})?")
_UNUSABLE = re.compile("[\0\ud800-\udfff]")
_LONGEST_REGEX = 1000
_WORDS: dict[type[inspect.Type], str] = {
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.BoolType: "true or false",
    inspect.StrType: "a text",
    inspect.VarTupleType: "a list",
    inspect.StructType: "a table",
}


def checked(kind: inspect.Type, value: object, name: str) -> object:
    """`value` as plain data of that kind; ConfigError saying what `name` must be instead."""
    member, bare = _member(kind, value)
    match bare:
        case inspect.EnumType() if isinstance(value, str):
            return _word(bare, value, name)
        case inspect.StrType() if _is_text(member, value):
            return _text(member, str(value), name)
        case inspect.VarTupleType() if isinstance(value, list | tuple):
            return [checked(bare.item_type, item, f"{name}[{index}]") for index, item in enumerate(value)]
        case inspect.StructType() if isinstance(value, Mapping):
            return _struct(bare, value, name)
    if not _is_simple(bare, value):
        raise _wrong(name, described(kind), value)
    return value


def from_text(kind: inspect.Type, text: str, name: str) -> object:
    """What `text` stands for: a list is JSON or has commas, nothing is the absence of an optional value."""
    optional = isinstance(kind, inspect.UnionType)
    _, bare = _member(kind, text)
    if optional and not text:
        return None
    match bare:
        case inspect.BoolType() if text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
        case inspect.IntType() if _WHOLE.fullmatch(text.strip()):
            return checked(kind, int(text.strip()), name)
        case inspect.FloatType() if _AMOUNT.fullmatch(text.strip()):
            return checked(kind, float(text), name)
        case inspect.VarTupleType():
            return checked(kind, _items(bare, text, name), name)
    return checked(kind, text, name)


def is_list(kind: inspect.Type) -> bool:
    return isinstance(kind, inspect.VarTupleType)


def described(kind: inspect.Type) -> str:
    """What a value has to be, for people."""
    if isinstance(kind, inspect.Metadata):
        about: str | None = (kind.extra_json_schema or {}).get("description")
        return about or described(kind.type)
    if isinstance(kind, inspect.UnionType):
        return " or ".join(described(each) for each in kind.types if not isinstance(each, inspect.NoneType))
    if isinstance(kind, inspect.EnumType):
        return "one of " + ", ".join(f"`{each.value}`" for each in kind.cls)
    return _WORDS[type(kind)]


def _member(kind: inspect.Type, value: object) -> tuple[inspect.Type, inspect.Type]:
    """The member of a union that `value` is meant for, with what is said about it and bare."""
    if isinstance(kind, inspect.UnionType):
        kind = next(each for each in kind.types if isinstance(each, inspect.NoneType) == (value is None))
    return kind, kind.type if isinstance(kind, inspect.Metadata) else kind


def _is_simple(kind: inspect.Type, value: object) -> bool:
    """Whether `value` is the boolean, the number within bounds, or the nothing that `kind` asks for."""
    match kind, value:
        case (inspect.NoneType(), None) | (inspect.BoolType(), bool()):
            return True
        case inspect.IntType(), int() if not isinstance(value, bool):
            return (kind.ge is None or value >= kind.ge) and (kind.le is None or value <= kind.le)
        case inspect.FloatType(), int() | float() if not isinstance(value, bool):
            return (kind.gt is None or value > kind.gt) and (kind.le is None or value <= kind.le)
    return False


def _word(kind: inspect.EnumType, value: str, name: str) -> str:
    words = [str(each.value) for each in kind.cls]
    if value not in words:
        raise ConfigError(f"{name} must be {described(kind)}, not {quoted(value)}{nearest(value, words)}")
    return value


def _is_text(kind: inspect.Type, value: object) -> bool:
    """A duration may also be a number, which is its seconds."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str) or (number and _check_of(kind) in ("duration", "timeout"))


def _text(kind: inspect.Type, value: str, name: str) -> str:
    if _UNUSABLE.search(value):
        raise _wrong(name, "a text without NUL and lone surrogates", value)
    check = _CHECKS.get(_check_of(kind))
    problem = check(value) if check else None
    if problem:
        raise _wrong(name, problem, value)
    return value


def _check_of(kind: inspect.Type) -> str:
    extra = kind.extra if isinstance(kind, inspect.Metadata) else None
    return str((extra or {}).get("check", ""))


def _struct(kind: inspect.StructType, value: Mapping[object, object], name: str) -> dict[str, object]:
    fields = {field.encode_name: field for field in kind.fields}
    found: dict[str, object] = {}
    for key, item in value.items():
        if not isinstance(key, str) or key not in fields:
            raise ConfigError(f"unknown key {quoted(str(key))} in {name}{nearest(str(key), list(fields))}")
        found[key] = checked(fields[key].type, item, f"{name}.{key}")
    for key, field in fields.items():
        if field.required and key not in found:
            raise ConfigError(f"{name} has no `{key}`")
    return found


def _items(kind: inspect.VarTupleType, text: str, name: str) -> object:
    if text.lstrip().startswith("["):
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise ConfigError(f"{name} must be a list, and {quoted(text)} is no JSON: {error}") from error
    if isinstance(kind.item_type, inspect.StructType):
        raise _wrong(name, 'a list as JSON, like `[{"match": "…", "category": "network"}]`', text)
    return [item.strip() for item in text.split(",") if item.strip()]


def _wrong(name: str, wanted: str, value: object) -> ConfigError:
    return ConfigError(f"{name} must be {wanted}, not {_shown(value)}")


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list"
    return "nothing" if value is None else quoted(str(value).lower() if isinstance(value, bool) else str(value))


def _duration(text: str) -> str | None:
    try:
        parse_duration(text)
    except ConfigError:
        return "a duration like `10m`, `1h30m`, `90s` or `500ms`, at most ten years"
    return None


def _timeout(text: str) -> str | None:
    return _duration(text) or (None if parse_duration(text) else "longer than nothing")


def _regex(text: str) -> str | None:
    if len(text) > _LONGEST_REGEX:
        return f"a regular expression of at most {_LONGEST_REGEX} characters"
    try:
        re.compile(text)
        re.compile(text.encode())  # masking works on bytes
    except (re.error, RecursionError, OverflowError) as error:
        return f"a regular expression ({error})"
    return None


_CHECKS: dict[str, Callable[[str], str | None]] = {
    "duration": _duration,
    "timeout": _timeout,
    "regex": _regex,
    "ignored-path": ignored_path,
    "on-conflict": on_conflict,
}
"""By the name that a type gives in `Meta(extra={"check": …})`."""
