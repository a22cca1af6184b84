"""YAML text to a tree of nodes with places, bounded in size and depth.

PyYAML's events are read instead of its values, because values have lost their places, because YAML 1.1 turns `no`,
`10:30` and `1e3` into what nobody meant, and because building from events can be stopped: an alias bomb, an endless
nesting or an anchor inside itself ends as an error with a place, in bounded time and memory.
"""

import re
from typing import Any

import msgspec
import yaml

from git_pliny.errors import PlanError
from git_pliny.model.visible import visible
from git_pliny.plans.nodes import Mapping, Node, Scalar, Sequence
from git_pliny.plans.positions import Place, quoted

MOST_NODES = 500_000
DEEPEST = 50

_FASTEST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is 14 times as fast
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # YAML 1.1, 5.1
_CORE = "tag:yaml.org,2002:"
_TEXT_TAGS = frozenset({"!", _CORE + "str"})
_PLAIN_TAGS = frozenset({_CORE + tag for tag in ("null", "bool", "int", "float", "timestamp", "merge", "value")})
_COLLECTION_TAGS = frozenset({"!", _CORE + "map", _CORE + "seq"})


def parse(text: str, file: str, *, first_line: int = 1, loader: Any = _FASTEST) -> Node | None:
    """The one document of `text`, None where it is empty; PlanError otherwise.

    `file` is its name in messages, `first_line` the number of its first line there.
    """
    strange = _UNPRINTABLE.search(text)
    if strange:
        line = text.count("\n", 0, strange.start())
        column = strange.start() - text.rfind("\n", 0, strange.start())
        raise Place(file, first_line + line, column).error(f"the character `{visible(strange[0])}` can't stand in YAML")
    builder = _Builder(file, first_line)
    reader = loader(text)
    try:
        while not isinstance(event := reader.get_event(), yaml.StreamEndEvent):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, file, first_line) from error
    except (
        ValueError,
        OverflowError,
    ) as error:  # of PyYAML itself: an escape beyond Unicode, a directive of many digits
        raise Place(file).error("this is not YAML: an escape or a directive is out of range") from error
    finally:
        reader.dispose()
    return builder.root


def _syntax_error(error: yaml.MarkedYAMLError, text: str, file: str, first_line: int) -> PlanError:
    mark = error.problem_mark or error.context_mark
    place = Place(file, first_line + mark.line, mark.column + 1) if mark else Place(file)
    problem = visible(error.problem or "it can't be parsed")
    lines = text.split("\n")
    if mark and mark.line < len(lines) and lines[mark.line][mark.column : mark.column + 1] == "\t":
        return place.error("a tab can't indent YAML; use spaces")
    colon = "mapping values" in problem
    return place.error(
        f"this is not YAML: {problem}", hint="put a text that contains `: ` between quotes" if colon else None
    )


class _Open(msgspec.Struct, kw_only=True):
    """A sequence or mapping whose end has not come yet."""

    anchor: str | None
    place: Place
    children: list[Node] | None
    """Of a sequence; None for a mapping."""
    key: Scalar | None = None
    keys: dict[str, Scalar] = {}
    items: dict[str, Node] = {}
    merged: list[Mapping] = []
    size: int = 1
    height: int = 1


class _Builder:
    def __init__(self, file: str, first_line: int) -> None:
        self._file = file
        self._first_line = first_line
        self._open: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._count = 0
        self.root: Node | None = None

    def take(self, event: Any) -> None:
        """Take the next of PyYAML's events."""
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            self._begin(event)
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            self._end()
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            raise self._place(event).error("a second document begins here; a plan is one document")

    def _place(self, event: Any) -> Place:
        return Place(self._file, self._first_line + event.start_mark.line, event.start_mark.column + 1)

    def _scalar(self, event: Any) -> None:
        place = self._place(event)
        tag = event.tag
        if tag and tag not in _TEXT_TAGS and tag not in _PLAIN_TAGS:
            raise place.error(f"the tag {quoted(tag)} has no meaning here; leave it out")
        node = Scalar(place=place, text=event.value, plain=not event.style and tag not in _TEXT_TAGS)
        self._anchor(event.anchor, node)
        self._add(node)

    def _begin(self, event: Any) -> None:
        place = self._place(event)
        if event.tag and event.tag not in _COLLECTION_TAGS:
            raise place.error(f"the tag {quoted(event.tag)} has no meaning here; leave it out")
        if len(self._open) >= DEEPEST:
            raise place.error(f"this is nested more than {DEEPEST} levels deep")
        if self._open and self._open[-1].children is None and self._open[-1].key is None:
            raise place.error("a key must be a text, not a list or a mapping")
        children: list[Node] | None = [] if isinstance(event, yaml.SequenceStartEvent) else None
        self._open.append(_Open(anchor=event.anchor, place=place, children=children))

    def _end(self) -> None:
        done = self._open.pop()
        node: Node
        if done.children is None:
            _merge(done)
            node = Mapping(place=done.place, size=done.size, height=done.height, keys=done.keys, items=done.items)
        else:
            node = Sequence(place=done.place, size=done.size, height=done.height, items=tuple(done.children))
        self._anchor(done.anchor, node)
        self._add(node)

    def _alias(self, event: Any) -> None:
        place = self._place(event)
        node = self._anchors.get(event.anchor)
        if node is None:
            inside = any(level.anchor == event.anchor for level in self._open)
            problem = "stands inside what it names" if inside else "has no anchor before it"
            raise place.error(f"the alias {quoted('*' + event.anchor)} {problem}")
        self._count += node.size - 1
        if isinstance(node, Scalar):
            node = msgspec.structs.replace(node, place=place)
        self._add(node)

    def _anchor(self, name: str | None, node: Node) -> None:
        if name:
            self._anchors[name] = node

    def _add(self, node: Node) -> None:
        """Put a finished node where it belongs, within the bounds."""
        self._count += 1
        if self._count > MOST_NODES:
            raise node.error(f"with its aliases written out this is more than {MOST_NODES} values")
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        parent.size += node.size
        parent.height = max(parent.height, 1 + node.height)
        if parent.height > DEEPEST:
            raise node.error(f"this is nested more than {DEEPEST} levels deep")
        if parent.children is not None:
            parent.children.append(node)
        elif parent.key is None:
            parent.key = _key(node)
        else:
            _put(parent, parent.key, node)
            parent.key = None


def _key(node: Node) -> Scalar:
    if not isinstance(node, Scalar):
        raise node.error("a key must be a text, not a list or a mapping")
    if node.is_null:
        raise node.error("a key must be a text, and here is none")
    return node


def _put(parent: _Open, key: Scalar, node: Node) -> None:
    if key.plain and key.text == "<<":
        parent.merged += _mergeable(node)
        return
    if key.text in parent.keys:
        first = parent.keys[key.text]
        raise key.error(f"the key {quoted(key.text)} stands here twice; the first is in line {first.place.line}")
    parent.keys[key.text] = key
    parent.items[key.text] = node


def _mergeable(node: Node) -> list[Mapping]:
    """What a merge key brings: a mapping, or several in a list, of which the earlier win (yaml.org/type/merge)."""
    every = node.items if isinstance(node, Sequence) else (node,)
    if wrong := [each for each in every if not isinstance(each, Mapping)]:
        raise wrong[0].error("`<<` merges mappings; this is none")
    return [each for each in every if isinstance(each, Mapping)]


def _merge(done: _Open) -> None:
    for source in done.merged:
        for key, node in source.items.items():
            if key not in done.items:
                done.keys[key] = source.keys[key]
                done.items[key] = node
