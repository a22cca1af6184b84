"""Markdown with YAML front matter: what stands between two lines of three dashes, and the text below them."""

import re

from git_pliny.errors import PlanError
from git_pliny.plans import yaml
from git_pliny.plans.nodes import Mapping, Node, Scalar, Sequence
from git_pliny.plans.positions import Place

_FENCE = re.compile(r"-{3}[ \t]*\r?\n")
_KEY = re.compile(r"([A-Za-z_][\w-]*):(?=\s|$)")
_BLOCK = re.compile(r"[|>][-+0-9]*")
_END = re.compile(r"^-{3}[ \t]*\r?$\n?", re.MULTILINE)


def split(text: str, file: str) -> tuple[str, str] | None:
    """The front matter and the body of `text`; None where it has no front matter, PlanError where that has no end."""
    begin = _FENCE.match(text)
    if begin is None:
        return None
    end = _END.search(text, begin.end())
    if end is None:
        raise Place(file, 1, 1).error("the front matter that begins here has no end, a line `---`")
    return text[begin.end() : end.start()], text[end.end() :].strip("\r\n")


def body_place(text: str, body: str, file: str) -> Place:
    """Where the body, as `split` gives it, begins."""
    return Place(file, text.count("\n", 0, text.rindex(body)) + 1, 1)


def read_loosely(front: str, file: str) -> dict[str, str]:
    """The texts of a front matter that need not be YAML: `description: Use it so: "like this"` is a line as well."""
    try:
        node = yaml.parse(front, file)
    except PlanError:
        return {key: _unquoted(" ".join(lines)) for key, lines in _by_lines(front).items()}
    items = node.items if isinstance(node, Mapping) else {}
    return {key: text for key, value in items.items() if (text := _text(value)) is not None}


def _text(value: Node) -> str | None:
    """A text, or those of a list with commas in between."""
    if isinstance(value, Sequence):
        return ", ".join(filter(None, map(_text, value.items)))
    return value.text.strip() if isinstance(value, Scalar) and not value.is_null else None


def _by_lines(front: str) -> dict[str, list[str]]:
    """Each key with its text and the indented lines that go on with it."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in front.splitlines():
        key = _KEY.match(line)
        if key:
            lines = found.setdefault(key[1], [])
        text = line[key.end() :] if key else line if line[:1].isspace() else ""
        if text.strip() and not (key and _BLOCK.fullmatch(text.strip())):
            lines.append(text.strip())
    return found


def _unquoted(text: str) -> str:
    """`text` without quotes around the whole of it."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1].replace('\\"', '"') if text[0] == '"' else text[1:-1].replace("''", "'")
    return text


def parse(text: str, file: str) -> tuple[Node, str] | None:
    """As `split`, with the front matter as a node whose places are those of the whole file."""
    parts = split(text, file)
    if parts is None:
        return None
    empty = Mapping(place=Place(file, 1, 1), keys={}, items={})
    return yaml.parse(parts[0], file, first_line=2) or empty, parts[1]
