"""Which agents a plan names to resolve the conflicts of isolated ones."""

from collections.abc import Iterator

from git_pliny.plans.document import Document
from git_pliny.plans.nodes import place_of
from git_pliny.plans.positions import Place


def named_resolvers(document: Document, on_conflict: str) -> Iterator[tuple[str, Place]]:
    """The agents named to resolve conflicts, each with the place that names it."""
    content = document.content
    asked: list[tuple[str | None, Place]] = [(on_conflict, document.place("execution", "on_conflict"))]
    asked += [
        (phase.on_conflict, document.place("phases", index, "on_conflict"))
        for index, phase in enumerate(content.phases or ())
    ]
    asked += [
        (definition.entry.on_conflict, place_of(definition.node, "on_conflict"))
        for definition in document.definitions.values()
    ]
    for given, place in asked:
        kind, _, name = (given or "").partition(":")
        if kind == "agent":
            yield name, place
