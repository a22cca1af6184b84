"""`git pliny agents`: what plans here can use without defining it."""

from collections.abc import Iterator, Sequence

import msgspec

from git_pliny.cli import output
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.options import Json
from git_pliny.cli.workbench import user_folder
from git_pliny.git.repository import discover
from git_pliny.model.preset import Preset
from git_pliny.plans.definition import Definition
from git_pliny.plans.discovery import DiscoveredAgent, list_agents
from git_pliny.plans.loading import read_sections
from git_pliny.runners.installed import Installed, installed

_IN_PLAN, _PRESET = "plan", "preset"
_BUILT_IN = "built in"
_WIDTH = 100


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """An agent as `--json` shows it; `problem` says why it can't run."""

    name: str
    kind: str
    source: str
    phase: str | None
    description: str
    problem: str | None
    needs_use: bool = False
    """Whether it runs once a coding agent is named for it."""
    version: str | None = None
    """A preset's program tells it; None where that is not installed, or tells none."""


def list_command(here: Invocation, *, as_json: Json = False) -> None:
    """List the agents that plans here can use.

    They come from the plan file, from .pliny/agents/ and .claude/agents/ of the repository, and from the user's own
    folder, agents/ beside the configuration file (git pliny config path). Where several have one name the first counts.

    Below them are the presets of coding agents, which agents `use`: the ones that come with git pliny, those in
    presets/ beside the configuration file, and those of the plan file; with the version that is installed here, for
    which the programs are asked, but for those of the plan file: listing runs nothing that a repository says.
    """
    root = discover(here.cwd, here.environ).root
    document = read_sections(root)
    found = [_in_plan(definition) for definition in document.definitions.values()]
    found += [_in_file(agent) for agent in list_agents(root, user_folder() / "agents")]
    presets = tuple(document.presets(user_folder() / "presets").all.values())
    programs = installed(presets, here.environ, root, unasked=document.content.presets or ())
    found += _presets(presets, programs)
    if as_json:
        output.data_json(found)
    else:
        output.table(("name", "kind", "where", "what it does"), [tuple(_cells(listed)) for listed in found])


def _in_plan(definition: Definition) -> Listed:
    entry, place = definition.entry, definition.place
    return Listed(
        name=definition.name,
        kind=_IN_PLAN,
        source=place.file if place.line is None else f"{place.file}:{place.line}",
        phase=entry.phase,
        description=entry.title or entry.description or "",
        problem=None,
    )


def _in_file(agent: DiscoveredAgent) -> Listed:
    return Listed(
        name=agent.name,
        kind=agent.kind.value,
        source=agent.source,
        phase=agent.phase,
        description=agent.description,
        problem=None if agent.needs_use else agent.problem,
        needs_use=agent.needs_use,
    )


def _presets(presets: Sequence[Preset], programs: Sequence[Installed]) -> Iterator[Listed]:
    for preset, program in zip(presets, programs, strict=True):
        missing = f"{preset.program} is not installed" + (f": {preset.install}" if preset.install else "")
        yield Listed(
            name=preset.name,
            kind=_PRESET,
            source=preset.source or _BUILT_IN,
            phase=None,
            description=preset.title,
            problem=missing if program.path is None else None,
            version=program.version,
        )


def _cut(description: str) -> str:
    """Those of other programs' agents may be pages long."""
    line = " ".join(description.split())
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…"


def _cells(listed: Listed) -> Iterator[str]:
    yield from (listed.name, listed.kind, listed.source)
    by_use = "(by --use)" if listed.needs_use else None
    about = " ".join(filter(None, (_cut(listed.description), listed.version, by_use)))
    yield f"can't run: {listed.problem}" if listed.problem else about
