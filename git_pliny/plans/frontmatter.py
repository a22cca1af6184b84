"""Markdown with YAML front matter: what stands between two lines of three dashes, and the text below them."""

import re

from git_pliny.plans import yaml
from git_pliny.plans.nodes import Mapping, Node
from git_pliny.plans.positions import Place

_FENCE = re.compile(r"-{3}[ \t]*\r?\n")
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


def parse(text: str, file: str) -> tuple[Node, str] | None:
    """As `split`, with the front matter as a node whose places are those of the whole file."""
    parts = split(text, file)
    if parts is None:
        return None
    empty = Mapping(place=Place(file, 1, 1), keys={}, items={})
    return yaml.parse(parts[0], file, first_line=2) or empty, parts[1]
