"""What a plan file or an agent's own file says of one agent, with its places, and the agent that this makes."""

import re
from pathlib import Path

import msgspec

from git_pliny.errors import ConfigError
from git_pliny.model.duration import parse_duration
from git_pliny.model.endpoint import split_model
from git_pliny.model.plan import Agent
from git_pliny.model.preset import OutputForm
from git_pliny.model.prompt import looks_like_template
from git_pliny.plans.files import read_text
from git_pliny.plans.nodes import Mapping, place_of
from git_pliny.plans.positions import Place, quoted
from git_pliny.plans.preset_files import Presets
from git_pliny.plans.prompts import check_template
from git_pliny.plans.schema import AgentEntry
from git_pliny.plans.using import called, several

_LIKE_A_FILE = re.compile(r"\S+\.(?:md|markdown|txt|j2)")
_LONGEST_PATH = 1000


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """`node` is what `entry` was read from; `body` the prompt below a front matter, whose place is `body_place`.

    Without a place it is another program's text, which knows nothing of templates.
    """

    name: str
    entry: AgentEntry
    node: Mapping
    body: str | None = None
    body_place: Place | None = None
    for_claude: AgentEntry | None = None
    """What the file of one of Claude Code's own agents says beside its prompt; nothing to any other program."""

    @property
    def place(self) -> Place:
        return self.node.place

    @property
    def needs(self) -> dict[str, Place]:
        """The names that the agent needs, each with the place where it stands."""
        found: dict[str, Place] = {}
        for key, given in (("needs", self.entry.needs), ("prerequisites", self.entry.prerequisites)):
            for index, name in enumerate(several(given)):
                found.setdefault(name, place_of(self.node, key, index))
        return found

    def over(self, other: "Definition") -> "Definition":
        """The same with what it leaves open taken from `other`."""
        given = {key: value for key in AgentEntry.__struct_fields__ if (value := getattr(self.entry, key)) is not None}
        taken = {key: getattr(other.entry, key) for key in AgentEntry.__struct_fields__}
        node = Mapping(
            place=self.node.place, keys=other.node.keys | self.node.keys, items=other.node.items | self.node.items
        )
        theirs = other if self.entry.prompt is None and self.body is None else self
        return Definition(
            name=self.name,
            entry=AgentEntry(**taken | given),
            node=node,
            body=theirs.body,
            body_place=theirs.body_place,
            for_claude=theirs.for_claude,
        )

    @property
    def says_what(self) -> bool:
        """Whether it says what is executed."""
        return self.entry.run is not None or self.entry.use is not None or self.asks_model

    @property
    def asks_model(self) -> bool:
        """Whether it names a model that is asked by itself: one with its provider, and nothing to run."""
        entry = self.entry
        return entry.run is None and entry.use is None and bool(entry.model and split_model(entry.model))

    def agent(self, root: Path, presets: Presets) -> Agent:
        """The agent that this makes, where it says what is executed; its prompt's file, if any, is read."""
        entry = self._entry(presets)
        call = called(self.name, entry, self.node, presets)
        prompt, is_template = self._prompt(root)
        return Agent(
            name=self.name,
            run=call.run,
            use=call.use,
            model=call.model,
            needs=tuple(self.needs),
            timeout_s=None if entry.timeout is None else parse_duration(entry.timeout),
            deliverables=several(entry.deliverables),
            check=entry.check,
            answer=entry.answer,
            context=several(entry.context),
            env=call.env,
            prompt=prompt,
            template=is_template,
            max_retries=entry.max_retries,
            retry=entry.retry,
            retry_strategies=entry.retry_strategies or {},
            retry_on_exit=(entry.retry_on_exit,) if isinstance(entry.retry_on_exit, int) else entry.retry_on_exit or (),
            provider=entry.provider or call.provider,
            isolation=entry.isolation,
            on_conflict=entry.on_conflict,
            budget=entry.budget,
            title=entry.title or entry.description or "",
            source=str(self.place),
        )

    def _entry(self, presets: Presets) -> AgentEntry:
        entry, more = self.entry, self.for_claude
        if more is None or entry.use is None:
            return entry
        if presets.get(entry.use, place_of(self.node, "use")).output is not OutputForm.CLAUDE:
            return entry
        args = (*several(more.args), *several(entry.args)) or None
        return msgspec.structs.replace(entry, model=entry.model or more.model, args=args)

    def _prompt(self, root: Path) -> tuple[str | None, bool]:
        """The prompt, and whether it is a template, which is checked."""
        given = self.entry.prompt
        text, begins = (self.body, self.body_place) if given is None else self._prompt_text(given, root)
        is_foreign = given is None and begins is None
        if text is None or is_foreign or self.entry.template is False or not looks_like_template(text):
            return text, False
        check_template(text, place_of(self.node, "prompt"), begins=begins)
        return text, True

    def _prompt_text(self, given: str, root: Path) -> tuple[str, Place | None]:
        """The text of the file of the repository that `given` names, and its place, or else `given` itself."""
        place = place_of(self.node, "prompt")
        path = _file_below(root, given)
        if path is not None:
            try:
                return read_text(path, given), Place(given, 1)
            except ConfigError as error:
                raise place.error(f"the prompt file can't be used: {error.message}") from error
        if _LIKE_A_FILE.fullmatch(given):
            raise place.error(
                f"the prompt file {quoted(given)} does not exist in this repository",
                hint="write a prompt that is no file as a sentence",
            )
        return given, None


def _file_below(root: Path, given: str) -> Path | None:
    if "\n" in given or len(given) > _LONGEST_PATH:
        return None
    top = root.resolve()
    try:
        path = (top / given).resolve()
        return path if path.is_relative_to(top) and path.is_file() else None
    except (OSError, RuntimeError):  # a name too long, a loop of symbolic links
        return None
