"""The presets of coding agents: the plan file's, then those in the user's folder, then the ones that are shipped.

One in the user's folder is a file `<name>.yaml`, in the form of an entry under `presets:` of a plan file; the shipped
ones have the same form.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache, cached_property, partial
from importlib import resources
from pathlib import Path

import msgspec

from git_pliny.model.duration import parse_duration
from git_pliny.model.preset import MODEL, TOOL, TOOLS, Preset
from git_pliny.plans import checks, yaml
from git_pliny.plans.decode import decode
from git_pliny.plans.files import read_text
from git_pliny.plans.nodes import Mapping, Node, place_of
from git_pliny.plans.positions import Place, listed, quoted, suggestion
from git_pliny.plans.schema import PresetEntry

_AT_START = ("prompt", "prompt_file", "deliverables", "result")
_SAID = tuple(each.strip("{}") for each in (MODEL, TOOL, TOOLS))
_BRACES = re.compile(r"\{([a-z_]+)\}")


class Presets:
    """What `use:` may name in one plan: `own` are those of the plan file `node`. All are read when first asked for."""

    def __init__(self, own: dict[str, PresetEntry] | None, node: Node, user_folder: Path | None) -> None:
        self._own = own or {}
        self._node = node
        self._user_folder = user_folder

    @cached_property
    def all(self) -> dict[str, Preset]:
        """Every preset, by name."""
        found = {name: _shipped(name) for name in shipped_names()}
        found |= {path.stem: _read(path) for path in self._user_files()}
        for name, entry in self._own.items():
            own = ("presets", name)
            _check_words(entry, partial(place_of, self._node, *own))
            found[name] = _preset(name, entry, str(place_of(self._node, *own)))
        return dict(sorted(found.items()))

    def get(self, name: str, place: Place) -> Preset:
        """The one that `place` names."""
        if name not in self.all:
            raise place.error(
                f"there is no preset {quoted(name)}{suggestion(name, self.all)}",
                hint=f"known: {listed(self.all)}; `presets:` in the plan file defines more",
            )
        return self.all[name]

    def _user_files(self) -> list[Path]:
        if self._user_folder is None or not self._user_folder.is_dir():
            return []
        return sorted(path for path in self._user_folder.glob("*.yaml") if path.is_file())


@cache
def shipped_names() -> tuple[str, ...]:
    """The presets of the package."""
    files = (resources.files("git_pliny.plans") / "presets").iterdir()
    return tuple(sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml")))


@cache
def _shipped(name: str) -> Preset:
    source = resources.files("git_pliny.plans") / "presets" / f"{name}.yaml"
    return _parsed(name, yaml.parse(source.read_text(encoding="utf-8"), f"{name}.yaml"), f"{name}.yaml", "")


def _read(path: Path) -> Preset:
    source = str(path)
    if wanted := checks.name(path.stem):
        raise Place(source).error(f"{quoted(path.stem)} is not {wanted}")
    return _parsed(path.stem, yaml.parse(read_text(path, source), source), source, source)


def _parsed(name: str, node: Node | None, file: str, source: str) -> Preset:
    given = node or Mapping(place=Place(file, 1, 1), keys={}, items={})
    entry = msgspec.convert(decode(given, PresetEntry, "the preset"), PresetEntry)
    _check_words(entry, partial(place_of, given))
    return _preset(name, entry, source)


def _preset(name: str, entry: PresetEntry, source: str) -> Preset:
    given = {field: getattr(entry, field) for field in PresetEntry.__struct_fields__ if field != "timeout"}
    return Preset(name=name, source=source, timeout_s=parse_duration(entry.timeout), **given)


def _check_words(entry: PresetEntry, place: Callable[..., Place]) -> None:
    """PlanError where a word in braces would not be replaced, though it was meant to be.

    Other braces are the program's own: JSON, and whatever it replaces by itself.
    """
    for key, needed in (("model", (MODEL,)), ("allow", (TOOLS, TOOL))):
        words = getattr(entry, key)
        if words and not any(each in word for word in words for each in needed):
            raise place(key).error(f"`{key}` has no `{needed[0]}`, where what the agent says would stand")
    for key, index, text in _texts(entry):
        known = [*_AT_START, *(_SAID if key in ("model", "allow") else ())]
        for word in _BRACES.findall(text):
            if word not in known and (near := suggestion(word, known)):
                raise place(key, index).error(f"`{{{word}}}` stands for nothing{near}")


def _texts(entry: PresetEntry) -> Iterator[tuple[str, int | str, str]]:
    """What may have words in braces, with the place of each."""
    for key in ("args", "model", "allow"):
        yield from ((key, index, text) for index, text in enumerate(getattr(entry, key)))
    yield from (("env", name, text) for name, text in entry.env.items())
