"""Nodes to plain values, guided by a msgspec type: what is wrong is refused at its place, in words of the file.

Types decide what a scalar means, so text needs no quotes: where a text is wanted, `no`, `1.10` and `10:30` are just
that. The result holds only what the file gives, not the type's defaults, so that layers of settings can be laid over
each other. Unknown keys are refused or passed over, as the type says; a type's class variable `later` has keys that are
refused with a sentence of their own.
"""

import re
from functools import cache
from typing import Any

from msgspec import inspect

from git_pliny.errors import PlanError
from git_pliny.plans.checks import CHECKS
from git_pliny.plans.nodes import Mapping, Node, Scalar, Sequence
from git_pliny.plans.positions import listed, quoted, shortened, suggestion

_TRUE = frozenset({"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})
_FALSE = frozenset({"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})
_WHOLE = re.compile(r"[-+]?[0-9]{1,18}")
_AMOUNT = re.compile(r"[-+]?[0-9]{1,18}(?:\.[0-9]{1,18})?")
_HIDDEN = re.compile(r"(?<=://)[^\s]*(?=@)|^[^/\s:@]+:[^/\s@]*(?=@)|(?<=[?#]).+")  # in an address: login, query
_UNUSABLE = re.compile("[\0\ud800-\udfff]")  # neither a process nor UTF-8 can take them

_SHAPES: dict[type[inspect.Type], type[Node]] = {
    inspect.VarTupleType: Sequence,
    inspect.DictType: Mapping,
    inspect.StructType: Mapping,
}
_COLLECTIONS = tuple(_SHAPES)
_WORDS: dict[type[inspect.Type], str] = {
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.BoolType: "true or false",
    inspect.StrType: "a text",
    inspect.VarTupleType: "a list",
}

_Path = tuple[str | int, ...]
"""What the whole is called, then keys and indexes down to a value."""


def decode(node: Node, kind: Any, what: str) -> Any:
    """`node` as the plain values of type `kind`; `what` names the whole in messages, as in `the plan`."""
    return _decode(node, _type_info(kind), (what,))


@cache
def _type_info(kind: Any) -> inspect.Type:
    return inspect.type_info(kind)


def _decode(node: Node, info: inspect.Type, path: _Path) -> Any:
    member = _member(node, info)
    bare = _bare(member)
    match bare, node:
        case inspect.StructType(), Mapping():
            return _struct(node, bare, path)
        case inspect.DictType(), Mapping():
            return _dict(node, bare, path)
        case inspect.VarTupleType(), Sequence():
            return _list(node, bare, path)
        case _, Scalar() if not node.is_null and not isinstance(bare, _COLLECTIONS):
            return _scalar(node, member, path)
    raise _wrong(node, path, _described(info))


def _scalar(node: Scalar, info: inspect.Type, path: _Path) -> str | int | float | bool:
    match bare := _bare(info):
        case inspect.StrType():
            return _text(node, info, bare, path)
        case inspect.EnumType():
            return _word(node, bare, path)
        case inspect.BoolType() if node.plain and node.text in _TRUE | _FALSE:
            return node.text in _TRUE
        case inspect.IntType() if node.plain and _WHOLE.fullmatch(node.text):
            number = int(node.text)
            if (bare.ge is None or number >= bare.ge) and (bare.le is None or number <= bare.le):
                return number
        case inspect.FloatType() if node.plain and _AMOUNT.fullmatch(node.text):
            amount = float(node.text)
            if (bare.gt is None or amount > bare.gt) and (bare.le is None or amount <= bare.le):
                return amount
    raise _wrong(node, path, _described(info))


def _bare(info: inspect.Type) -> inspect.Type:
    return info.type if isinstance(info, inspect.Metadata) else info


def _member(node: Node, info: inspect.Type) -> inspect.Type:
    """The member of a union that has the shape of `node`; what is no union is its own only member."""
    if not isinstance(info, inspect.UnionType):
        return info
    for member in info.types:
        bare = _bare(member)
        shape = _SHAPES.get(type(bare), Scalar)
        if isinstance(node, shape) and not isinstance(bare, inspect.NoneType):
            return member
    return info


def _described(info: inspect.Type) -> str:
    if isinstance(info, inspect.Metadata):
        about: str | None = (info.extra_json_schema or {}).get("description")
        return about or _described(info.type)
    if isinstance(info, inspect.UnionType):
        return " or ".join(_described(each) for each in info.types if not isinstance(each, inspect.NoneType))
    if isinstance(info, inspect.EnumType):
        return "one of " + listed(str(each.value) for each in info.cls)
    return _WORDS.get(type(info), "a mapping")


def _text(node: Scalar, info: inspect.Type, bare: inspect.StrType, path: _Path) -> str:
    check = (info.extra or {}).get("check") if isinstance(info, inspect.Metadata) else None
    if _UNUSABLE.search(node.text):
        raise _wrong(node, path, "a text without NUL and lone surrogates")
    problem = CHECKS[check](node.text) if check else None
    if problem or len(node.text) < (bare.min_length or 0):
        raise _wrong(node, path, problem or _described(info), given=_HIDDEN.sub("[masked]", node.text))
    return node.text


def _word(node: Scalar, info: inspect.EnumType, path: _Path) -> str:
    words = [str(each.value) for each in info.cls]
    if node.text not in words:
        message = f"{_named(path)} must be {_described(info)}, not {_given(node)}"
        raise node.error(message + suggestion(node.text, words))
    return node.text


def _list(node: Sequence, info: inspect.VarTupleType, path: _Path) -> list[Any]:
    if len(node.items) < (info.min_length or 0):
        raise node.error(f"{_named(path)} must not be empty")
    return [_decode(each, info.item_type, (*path, index)) for index, each in enumerate(node.items)]


def _dict(node: Mapping, info: inspect.DictType, path: _Path) -> dict[str, Any]:
    found = {}
    for key, value in node.items.items():
        _decode(node.keys[key], info.key_type, (f"a key in {_named(path)}",))
        found[key] = _decode(_or_empty(value, info.value_type), info.value_type, (*path, key))
    return found


def _or_empty(node: Node, info: inspect.Type) -> Node:
    """`name:` with nothing behind it is an empty mapping where one is wanted."""
    nothing = isinstance(node, Scalar) and node.is_null and isinstance(info, inspect.StructType)
    return Mapping(place=node.place, keys={}, items={}) if nothing else node


def _struct(node: Mapping, info: inspect.StructType, path: _Path) -> dict[str, Any]:
    fields = {field.encode_name: field for field in info.fields}
    later: dict[str, str] = getattr(info.cls, "later", {})
    found = {}
    for key, value in node.items.items():
        if key in later:
            raise node.keys[key].error(later[key])
        if key not in fields and not info.forbid_unknown_fields:
            continue
        if key not in fields:
            raise _unknown_key(node.keys[key], info, path)
        if not (isinstance(value, Scalar) and value.is_null):
            found[key] = _decode(value, fields[key].type, (*path, key))
    for key, field in fields.items():
        if field.required and key not in found:
            raise node.error(f"{_named(path)} has no {quoted(key)}")
    return found


def _unknown_key(key: Scalar, info: inspect.StructType, path: _Path) -> PlanError:
    known = [field.encode_name for field in info.fields]
    advice = _where_it_belongs(key.text, info) or suggestion(key.text, known)
    hint = None if advice else f"what may stand here: {listed(known)}"
    return key.error(f"unknown key {quoted(key.text)} in {_named(path)}{advice}", hint=hint)


def _where_it_belongs(key: str, info: inspect.StructType) -> str:
    """Which of the mappings in this one knows `key`, as in `jobs` beside `execution` instead of in it."""
    for field in info.fields:
        for member in field.type.types if isinstance(field.type, inspect.UnionType) else (field.type,):
            if isinstance(member, inspect.StructType) and key in {each.encode_name for each in member.fields}:
                return f"; it belongs in {quoted(field.encode_name)}"
    return ""


def _wrong(node: Node, path: _Path, wanted: str, given: str | None = None) -> PlanError:
    return node.error(f"{_named(path)} must be {wanted}, not {_given(node, given)}")


def _given(node: Node, shown: str | None = None) -> str:
    match node:
        case Scalar():
            text = node.text if shown is None else shown
            return ("nothing" if node.is_null else quoted(text)) if node.plain else quoted(f'"{text}"')
        case Sequence():
            return "a list"
        case Mapping():
            return "a mapping"


def _named(path: _Path) -> str:
    if len(path) == 1:
        return str(path[0])
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{shortened(step)}" for step in path[1:])
    return f"`{steps.removeprefix('.')}`"
