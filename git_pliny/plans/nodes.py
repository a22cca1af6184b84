"""A YAML document as a tree of nodes that know where they stand. What a scalar means is decided by who reads it."""

from typing import Union

import msgspec

from git_pliny.errors import PlanError
from git_pliny.plans.positions import Place

NULLS = frozenset({"", "~", "null", "Null", "NULL"})


class Located(msgspec.Struct, frozen=True, kw_only=True):
    """`size` and `height` count a node with all that is below it, aliases as if they were written out."""

    place: Place
    size: int = 1
    height: int = 1

    def error(self, message: str, *, hint: str | None = None) -> PlanError:
        return self.place.error(message, hint=hint)


class Scalar(Located, frozen=True, kw_only=True):
    """A text; `plain` where it stands without quotes, so that it may also mean a number, a boolean or nothing."""

    text: str
    plain: bool

    @property
    def is_null(self) -> bool:
        return self.plain and self.text in NULLS


class Sequence(Located, frozen=True, kw_only=True):
    items: tuple["Node", ...]


class Mapping(Located, frozen=True, kw_only=True):
    """`keys` are the nodes of the keys themselves, `items` their values; merge keys are already applied."""

    keys: dict[str, Scalar]
    items: dict[str, "Node"]


Node = Union[Scalar, Sequence, Mapping]  # noqa: UP007 - the names above are forward references


def place_of(node: Node, *path: str | int) -> Place:
    """Where the value at `path` stands, or the nearest node on the way that is there."""
    here: Node = node
    for step in path:
        if isinstance(here, Mapping) and step in here.items:
            here = here.items[str(step)]
        elif isinstance(here, Sequence) and isinstance(step, int) and step < len(here.items):
            here = here.items[step]
        else:
            break
    return here.place
