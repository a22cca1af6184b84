"""The coding agent for agents that have a prompt and do not say who runs it: the one asked for, or a chosen one."""

from collections.abc import Callable

import msgspec

from git_pliny.plans.definition import Definition
from git_pliny.plans.nodes import Mapping
from git_pliny.plans.positions import Place
from git_pliny.plans.preset_files import Presets
from git_pliny.plans.schema import AgentEntry

ChoosePreset = Callable[[Presets], str]
"""Says which preset is meant where nobody has named one; raises an error where that can't be said."""


def bare(preset: str, place: Place) -> Definition:
    """A coding agent that has no prompt of its own."""
    return Definition(name=preset, entry=AgentEntry(use=preset), node=Mapping(place=place, keys={}, items={}))


class Coder:
    """`used` is the preset once an agent got it, `is_asked` whether somebody named one."""

    def __init__(
        self,
        presets: Presets,
        asked: str | None,
        choose: ChoosePreset | None = None,
        *,
        allow: tuple[str, ...] = (),
    ) -> None:
        self._presets = presets
        self._allow = allow
        self._asked = asked
        self._choose = choose
        self.used: str | None = None

    @property
    def is_asked(self) -> bool:
        return self._asked is not None

    def can(self, definition: Definition, *, choosing: bool) -> bool:
        """Whether it may run the agent; `choosing`: whether a preset may be chosen for it."""
        if definition.says_what or (definition.body is None and definition.entry.prompt is None):
            return False
        return self.is_asked or (choosing and self._choose is not None)

    def run(self, definition: Definition) -> Definition:
        """The same agent, run by the preset."""
        if self.used is None:
            self.used = self._asked if self._asked is not None or self._choose is None else self._choose(self._presets)
        assert self.used is not None  # noqa: S101 - `can` was asked
        self._presets.get(self.used, Place("--use"))
        allow = self._allow or None if definition.entry.allow is None else definition.entry.allow
        return msgspec.structs.replace(
            definition, entry=msgspec.structs.replace(definition.entry, use=self.used, allow=allow)
        )
