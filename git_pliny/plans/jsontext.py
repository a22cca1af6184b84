"""JSON as a text that people edit too: a tree of nodes with places, and changes that touch nothing but a value.

A changed text keeps everything else byte for byte: indentation, line ends, order, unknown keys, the form of numbers.
"""

import json
from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

from git_pliny.errors import PlanError
from git_pliny.plans.nodes import Mapping, Node, Scalar, Sequence
from git_pliny.plans.positions import Place, quoted

DEEPEST = 50

_BLANK = " \t\r\n"
_STOPS = frozenset(_BLANK + ",]}")
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)  # no number is needed, and a huge one would be refused

Path = tuple[str | int, ...]


class Span(NamedTuple):
    """Offsets in the text: of a value, and of the key before it (of the value itself where it has none)."""

    key: int
    start: int
    end: int


class Tree(NamedTuple):
    """A JSON text with where everything in it stands."""

    text: str
    node: Node
    spans: dict[Path, Span]


class Change(NamedTuple):
    """Give `key` of the object at `path` the JSON value `value`, in its place or behind the object's last key."""

    path: Path
    key: str
    value: str | int | bool


def parse(text: str, file: str) -> Tree:
    """`text` as a tree; PlanError with the place of what is no JSON."""
    try:
        _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise Place(file, error.lineno, error.colno).error(f"this is not JSON: {error.msg}") from error
    except RecursionError as error:
        raise Place(file).error(f"this is nested more than {DEEPEST} levels deep") from error
    builder = _Builder(text, file)
    node, _ = builder.value(builder.skip(0), ())
    return Tree(text, node, builder.spans)


def changed(tree: Tree, changes: Iterable[Change]) -> str:
    """The text of `tree` with `changes`; each key at most once."""
    edits: list[tuple[int, int, str]] = []
    added: dict[Path, list[str]] = {}
    for change in changes:
        value, span = json.dumps(change.value), tree.spans.get((*change.path, change.key))
        if span is None:
            added.setdefault(change.path, []).append(f"{json.dumps(change.key)}: {value}")
        elif tree.text[span.start : span.end] != value:
            edits.append((span.start, span.end, value))
    edits += [_addition(tree, path, members) for path, members in added.items()]
    text = tree.text
    for start, end, replacement in sorted(edits, reverse=True):
        text = text[:start] + replacement + text[end:]
    return text


def _addition(tree: Tree, path: Path, members: list[str]) -> tuple[int, int, str]:
    """Where and how new members go into the object at `path`: behind its last one, each on a line if that is."""
    whole = tree.spans[path]
    last = [span for other, span in tree.spans.items() if other[:-1] == path and other != path][-1:]
    if not last:
        return whole.start + 1, whole.start + 1, ", ".join(members)
    before = tree.text[whole.start : last[0].key]
    blank = before[len(before.rstrip(_BLANK)) :] or " "
    return last[0].end, last[0].end, "".join(f",{blank}{member}" for member in members)


class _Builder:
    """Walks a text that is known to be JSON."""

    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file
        self._lines = [0, *(index + 1 for index, character in enumerate(text) if character == "\n")]
        self.spans: dict[Path, Span] = {}

    def skip(self, at: int) -> int:
        """The next offset from `at` on that is not blank."""
        while self._text[at] in _BLANK:
            at += 1
        return at

    def value(self, at: int, path: Path, key: int | None = None) -> tuple[Node, int]:
        """The value that begins at `at`, and the offset behind it."""
        node: Node
        self.spans[path] = Span(at, at, at)  # before its members', so that spans are in the order of the text
        if self._text[at] == "{":
            node, end = self._object(at, path)
        elif self._text[at] == "[":
            node, end = self._array(at, path)
        else:
            node, end = self._scalar(at)
        self.spans[path] = Span(at if key is None else key, at, end)
        return node, end

    def _place(self, at: int) -> Place:
        line = bisect_right(self._lines, at)
        return Place(self._file, line, at - self._lines[line - 1] + 1)

    def _error(self, at: int, message: str) -> PlanError:
        return self._place(at).error(message)

    def _scalar(self, at: int) -> tuple[Scalar, int]:
        if self._text[at] == '"':
            text, end = _DECODER.raw_decode(self._text, at)
            return Scalar(place=self._place(at), text=text, plain=False), end
        end = at
        while end < len(self._text) and self._text[end] not in _STOPS:
            end += 1
        text = self._text[at:end]
        if text in {"NaN", "Infinity", "-Infinity"}:
            raise self._error(at, f"{quoted(text)} is no number in JSON")
        return Scalar(place=self._place(at), text=text, plain=True), end

    def _array(self, at: int, path: Path) -> tuple[Sequence, int]:
        self._bound(at, path)
        items: list[Node] = []
        end = self.skip(at + 1)
        while self._text[end] != "]":
            node, end = self.value(end, (*path, len(items)))
            items.append(node)
            end = self._separator(end)
        return Sequence(place=self._place(at), items=tuple(items)), end + 1

    def _object(self, at: int, path: Path) -> tuple[Mapping, int]:
        self._bound(at, path)
        keys: dict[str, Scalar] = {}
        items: dict[str, Node] = {}
        end = self.skip(at + 1)
        while self._text[end] != "}":
            key_at = end
            key, end = self._scalar(key_at)
            if key.text in keys:
                raise key.error(f"the key {quoted(key.text)} stands here twice")
            colon = self.skip(end)
            keys[key.text] = key
            items[key.text], end = self.value(self.skip(colon + 1), (*path, key.text), key_at)
            end = self._separator(end)
        return Mapping(place=self._place(at), keys=keys, items=items), end + 1

    def _separator(self, at: int) -> int:
        """The offset of the next member behind a comma, or of the bracket that ends them."""
        end = self.skip(at)
        return self.skip(end + 1) if self._text[end] == "," else end

    def _bound(self, at: int, path: Path) -> None:
        if len(path) >= DEEPEST:
            raise self._error(at, f"this is nested more than {DEEPEST} levels deep")
