"""A plan file as read: its typed content, its settings as plain values, and the place of everything in it."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from git_pliny.plans import yaml
from git_pliny.plans.decode import decode
from git_pliny.plans.definition import Definition
from git_pliny.plans.files import label, read_text
from git_pliny.plans.nodes import Mapping, Scalar, Sequence, place_of
from git_pliny.plans.positions import Place, quoted
from git_pliny.plans.preset_files import Presets
from git_pliny.plans.schema import SECTIONS, AgentEntry, ListedAgent, PlanFile


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is what messages call the file."""

    name: str
    content: PlanFile
    node: Mapping
    sections: dict[str, Any]
    """The settings that the file gives, and only those."""
    definitions: dict[str, Definition]
    """The agents under `agents:`, by name."""
    missing: bool = False
    """There is no such file: nothing is to be said of a place in it."""

    def presets(self, user_folder: Path | None) -> Presets:
        """The presets that its agents may use."""
        return Presets(self.content.presets, self.node, user_folder)

    def place(self, *path: str | int) -> Place:
        """Where the value at `path` stands, or the nearest thing on the way to it."""
        return place_of(self.node, *path)


def read_document(path: Path, root: Path) -> Document:
    """The plan file at `path`, checked key by key; PlanError with the place of what is wrong."""
    return parse_document(read_text(path, label(path, root)), label(path, root))


@lru_cache(maxsize=1)
def parse_document(text: str, name: str) -> Document:
    """As `read_document`, from text. The last is kept: a command reads it for its settings, then for its plan."""
    node = yaml.parse(text, name)
    if node is None or (isinstance(node, Scalar) and node.is_null):
        node = _empty(Place(name, 1, 1))
    values = decode(node, PlanFile, "the plan")
    assert isinstance(node, Mapping)  # noqa: S101 - decode refused everything else
    sections = {key: values[key] for key in SECTIONS if key in values}
    _one_word_for_checkpoint(sections.get("execution", {}), node)
    content = msgspec.convert(values, PlanFile)
    definitions = _definitions(content, node)
    return Document(name=name, content=content, node=node, sections=sections, definitions=definitions)


def _empty(place: Place) -> Mapping:
    return Mapping(place=place, keys={}, items={})


def _definitions(content: PlanFile, node: Mapping) -> dict[str, Definition]:
    found: dict[str, Definition] = {}
    for name, entry, its_node in _entries(content, node):
        if name in found:
            first = found[name].place.line
            raise its_node.error(f"agent {quoted(name)} is defined twice; the first is in line {first}")
        found[name] = Definition(name=name, entry=entry, node=its_node)
    return found


def _entries(content: PlanFile, node: Mapping) -> Iterator[tuple[str, AgentEntry, Mapping]]:
    """Each agent with its node; in a mapping its name stands before that, and is its place."""
    agents = node.items.get("agents")
    if isinstance(agents, Mapping) and isinstance(content.agents, dict):
        for name, entry in content.agents.items():
            inner, place = agents.items[name], agents.keys[name].place
            yield (
                name,
                entry,
                msgspec.structs.replace(inner if isinstance(inner, Mapping) else _empty(place), place=place),
            )
    elif isinstance(agents, Sequence):
        for listed, inner in zip(content.agents or (), agents.items, strict=True):
            if isinstance(listed, ListedAgent) and isinstance(inner, Mapping):
                yield listed.name, listed, inner


def _one_word_for_checkpoint(execution: dict[str, Any], node: Mapping) -> None:
    if "checkpoint_frequency" not in execution:
        return
    if "checkpoint" in execution:
        place = place_of(node, "execution", "checkpoint_frequency")
        raise place.error("`checkpoint_frequency` is another word for `checkpoint`; give one of them")
    execution["checkpoint"] = execution.pop("checkpoint_frequency")
