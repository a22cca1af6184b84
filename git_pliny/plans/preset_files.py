"""The presets of coding agents: the plan file's, then those in the user's folder, then the ones that are shipped.

One in the user's folder is a file `<name>.yaml`, in the form of an entry under `presets:` of a plan file; the shipped
ones have the same form.
"""

from functools import cache, cached_property
from importlib import resources
from pathlib import Path

import msgspec

from git_pliny.model.duration import parse_duration
from git_pliny.model.preset import Preset
from git_pliny.plans import checks, yaml
from git_pliny.plans.decode import decode
from git_pliny.plans.files import read_text
from git_pliny.plans.nodes import Mapping, Node, place_of
from git_pliny.plans.positions import Place, listed, quoted, suggestion
from git_pliny.plans.schema import PresetEntry


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
            found[name] = _preset(name, entry, str(place_of(self._node, "presets", name)))
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
    return _preset(name, entry, source)


def _preset(name: str, entry: PresetEntry, source: str) -> Preset:
    given = {field: getattr(entry, field) for field in PresetEntry.__struct_fields__ if field != "timeout"}
    return Preset(name=name, source=source, timeout_s=parse_duration(entry.timeout), **given)
