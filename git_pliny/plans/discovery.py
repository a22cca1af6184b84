"""Agents that stand in files of their own: `.pliny/agents/`, then `.claude/agents/*.md`, then the user's own folder.

An agent is called like its file without extension, or as the `name` in its front matter says. A file that can't be run
is listed with its problem, and refused only when a plan names it.
"""

import os
import re
import shlex
from collections.abc import Iterator
from enum import StrEnum
from functools import cached_property
from itertools import groupby
from pathlib import Path

import msgspec

from git_pliny.errors import ConfigError
from git_pliny.model.visible import visible
from git_pliny.plans import checks, frontmatter
from git_pliny.plans.decode import decode
from git_pliny.plans.definition import Definition
from git_pliny.plans.files import label, read_text
from git_pliny.plans.nodes import Mapping
from git_pliny.plans.positions import Place, quoted, shortened
from git_pliny.plans.schema import AgentEntry, FrontMatter

PROJECT_AGENTS = ".pliny/agents"
CODING_AGENTS = ".claude/agents"

_UNSAID = "the front matter has neither `run`, a command, nor `use`, a coding agent, nor `model: provider/name`"
_FOR_ALL = "git pliny execute --use claude"
_SAY = f"say it there: `use: claude`; or for all: {_FOR_ALL}"
_INHERITED = ("", "inherit")
_TOOLS = re.compile(r"[^,(]+(?:\([^)]*\))?")
_EXTENSION = re.compile(r"\.[A-Za-z][A-Za-z0-9]*")


class AgentKind(StrEnum):
    PROGRAM = "program"
    MARKDOWN = "markdown"
    CODING_AGENT = "coding-agent"


class DiscoveredAgent(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is, or was meant to be, an agent. `source` is its name for people, `error` why it can't be run."""

    name: str
    path: Path
    source: str
    kind: AgentKind
    rank: tuple[int, int]
    """Of several with one name the lowest counts."""
    description: str = ""
    phase: str | None = None
    aliases: tuple[str, ...] = ()
    definition: Definition | None = None
    error: ConfigError | None = None
    unsaid: ConfigError | None = None
    """Why it can't be run unless somebody says which coding agent runs it."""

    @property
    def needs_use(self) -> bool:
        """Whether nothing but a coding agent is missing for it to be run."""
        has_prompt = self.definition is not None and self.definition.body is not None
        return self.error is None and self.unsaid is not None and has_prompt

    @property
    def problem(self) -> str | None:
        error = self.error or self.unsaid
        return error.message if error else None


def list_agents(root: Path, user_agents_dir: Path | None) -> list[DiscoveredAgent]:
    """Every agent that has a file, by name; the ones that another hides have that as their problem."""
    return sorted(Discovery(root, user_agents_dir).agents, key=lambda agent: (agent.name, agent.rank))


class Discovery:
    """The agents of a repository and a user, read when first asked for."""

    def __init__(self, root: Path, user_agents_dir: Path | None) -> None:
        self._root = root
        self._user_agents_dir = user_agents_dir

    @cached_property
    def agents(self) -> tuple[DiscoveredAgent, ...]:
        found = list(_project_agents(self._root)) + list(_coding_agents(self._root))
        if self._user_agents_dir is not None:
            found += _agents_in(self._user_agents_dir, self._root, origin=2)
        found.sort(key=lambda agent: (agent.name, agent.rank, agent.source))
        return tuple(each for _, same in groupby(found, lambda agent: agent.name) for each in _told_apart(list(same)))

    @cached_property
    def _by_name(self) -> dict[str, DiscoveredAgent]:
        found: dict[str, DiscoveredAgent] = {}
        for agent in sorted(self.agents, key=lambda agent: agent.rank):
            for name in (agent.name, *agent.aliases):
                found.setdefault(name, agent)
        return found

    def find(self, name: str) -> DiscoveredAgent | None:
        return self._by_name.get(name)

    def names(self) -> list[str]:
        return sorted(agent.name for agent in self.agents)

    def of_phase(self, phase: str) -> list[str]:
        """The project's agents, sorted, that say `phase`, or say none and have a name that begins with it."""
        matching = (
            agent.name
            for agent in self.agents
            if agent.rank[0] == 0 and (agent.phase or agent.name[: len(phase)]) == phase
        )
        return sorted(set(matching))


def _told_apart(same: list[DiscoveredAgent]) -> Iterator[DiscoveredAgent]:
    """Agents of one name: two that have an equal right to it are both refused, later ones are hidden by the first."""
    first, rest = same[0], same[1:]
    if rest and rest[0].rank == first.rank:
        both = f"agent {quoted(first.name)} is defined by both {quoted(first.source)} and {quoted(rest[0].source)}"
        hint = f"rename one of them, or name one with its extension: {quoted(first.path.name)}"
        first = msgspec.structs.replace(first, error=ConfigError(both, hint=hint))
    yield first
    for each in rest:
        hidden = ConfigError(f"{quoted(each.source)} is hidden by {quoted(first.source)}")
        yield msgspec.structs.replace(each, error=first.error if each.rank == first.rank else hidden)


def _files(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_file()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ConfigError(f"the agents in {quoted(str(folder))} can't be listed: {error.strerror}") from error
    return [folder / name for name in sorted(names) if Path(name).stem.upper() != "README"]


def _project_agents(root: Path) -> Iterator[DiscoveredAgent]:
    return _agents_in(root / PROJECT_AGENTS, root, origin=0)


def _agents_in(folder: Path, root: Path, *, origin: int) -> Iterator[DiscoveredAgent]:
    for path in _files(folder):
        if path.suffix == ".md":
            yield _markdown(path, label(path, root), origin)
        elif os.access(path, os.X_OK) or _is_script(path):
            yield _program(path, label(path, root), origin)


def _is_script(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return False


def _program(path: Path, source: str, origin: int) -> DiscoveredAgent:
    extension = path.suffix if _EXTENSION.fullmatch(path.suffix) else ""
    name = path.name.removesuffix(extension)
    node = Mapping(place=Place(source), keys={}, items={})
    error = None
    if checks.name(name):
        error = ConfigError(f"the file name {quoted(source)} is not {checks.name(name)}")
    elif not os.access(path, os.X_OK):
        error = ConfigError(f"{quoted(source)} is not executable", hint=f"chmod +x {shlex.quote(visible(source))}")
    return DiscoveredAgent(
        name=name,
        path=path,
        source=source,
        kind=AgentKind.PROGRAM,
        rank=(origin, 1 if extension else 0),
        aliases=(path.name,) if extension else (),
        definition=Definition(name=name, entry=AgentEntry(run=(source,)), node=node),
        error=error,
    )


def _markdown(path: Path, source: str, origin: int) -> DiscoveredAgent:
    agent = DiscoveredAgent(name=path.stem, path=path, source=source, kind=AgentKind.MARKDOWN, rank=(origin, 2))
    try:
        definition = _front_matter(path, source)
    except ConfigError as error:
        return msgspec.structs.replace(agent, error=error)
    entry = definition.entry
    return msgspec.structs.replace(
        agent,
        name=definition.name,
        aliases=(path.stem,),
        description=entry.description or entry.title or "",
        phase=entry.phase,
        definition=definition,
        error=_markdown_problem(definition),
        unsaid=None if definition.says_what else definition.node.place.error(_UNSAID, hint=_SAY),
    )


def _markdown_problem(definition: Definition) -> ConfigError | None:
    place = definition.node.place
    if not definition.says_what and definition.body is None:
        return place.error(_UNSAID)
    wanted = checks.name(definition.name)
    return place.error(f"{quoted(definition.name)} is not {wanted}") if wanted else None


def _front_matter(path: Path, source: str) -> Definition:
    return parse_markdown(read_text(path, source), source, path.stem)


def parse_markdown(text: str, source: str, name: str) -> Definition:
    """An agent in Markdown, called `name` where its front matter gives it no other."""
    parsed = frontmatter.parse(text, source)
    if parsed is None:
        hint = f"begin {source} with the lines `---`, `run: <command>`, `---`"
        raise Place(source, 1, 1).error(
            "an agent in Markdown begins with YAML front matter, and here is none", hint=hint
        )
    node, body = parsed
    entry = msgspec.convert(decode(node, FrontMatter, "the front matter"), FrontMatter)
    assert isinstance(node, Mapping)  # noqa: S101 - decode refused everything else
    place = frontmatter.body_place(text, body, source)
    return Definition(name=entry.name or name, entry=entry, node=node, body=body or None, body_place=place)


def _coding_agents(root: Path) -> Iterator[DiscoveredAgent]:
    for path in _files(root / CODING_AGENTS):
        if path.suffix == ".md":
            yield _coding_agent(path, label(path, root))


def _coding_agent(path: Path, source: str) -> DiscoveredAgent:
    """These files are another program's, and many of them are no YAML."""
    problem: ConfigError | None = None
    try:
        parts = frontmatter.split(read_text(path, source), source)
    except ConfigError as error:
        parts, problem = None, error
    if parts is None or not parts[1].strip():
        hint = "between two lines `---` stand its name and description, below them its prompt"
        problem = problem or ConfigError(f"{quoted(source)} has no {'prompt' if parts else 'front matter'}", hint=hint)
    said = frontmatter.read_loosely(parts[0], source) if parts else {}
    name = said.get("name") or path.stem
    name = path.stem if checks.name(name) else name
    return DiscoveredAgent(
        name=name,
        path=path,
        source=source,
        kind=AgentKind.CODING_AGENT,
        rank=(1, 2),
        aliases=(path.stem,),
        description=said.get("description", ""),
        definition=Definition(
            name=name,
            entry=AgentEntry(description=said.get("description") or None),
            node=Mapping(place=Place(source), keys={}, items={}),
            body=parts[1] if parts and not problem else None,
            for_claude=_for_claude(said),
        ),
        unsaid=problem
        or ConfigError(
            f"{quoted(source)} does not say which coding agent runs it",
            hint=f"say it in pliny.yaml: agents: {{{shortened(name)}: {{use: claude}}}}; or for all: {_FOR_ALL}",
        ),
    )


def _for_claude(said: dict[str, str]) -> AgentEntry:
    """Its model, and the tools that it is confined to where it names some: words that only that program knows."""
    model = said.get("model", "")
    tools = [re.sub(r"\(.*", "", tool, flags=re.DOTALL).strip() for tool in _TOOLS.findall(said.get("tools", ""))]
    named = [tool for tool in dict.fromkeys(tools) if tool]
    return AgentEntry(
        model=None if model in _INHERITED else model,
        args=None if not named or "*" in named else (f"--tools={','.join(named)}",),
    )
