"""The shape of `pliny.yaml` and of an agent's front matter: one source for the decoder and the editors' JSON Schema."""

from typing import Annotated, Any, ClassVar

import msgspec

from git_pliny.model.preset import OutputForm
from git_pliny.model.settings import (
    Budget,
    Category,
    CheckpointWhen,
    ErrorHandling,
    ExecutionSettings,
    ExitStatus,
    Isolation,
    MaskingSettings,
    OnConflict,
    OutputSettings,
    Retries,
    RetryStrategy,
    SessionSettings,
    SharingSettings,
    Timeout,
)

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255, description="a name", extra={"check": "name"})]
Text = Annotated[str, msgspec.Meta(min_length=1, description="a text that is not empty")]
PathInside = Annotated[
    str, msgspec.Meta(min_length=1, description="a path below the repository root", extra={"check": "path-inside"})
]
Variable = Annotated[str, msgspec.Meta(description="the name of an environment variable", extra={"check": "variable"})]
Url = Annotated[str, msgspec.Meta(description="an address like `http://localhost:8000/v1`", extra={"check": "url"})]
Words = Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]

FileName = Annotated[
    str,
    msgspec.Meta(min_length=1, description="a name of letters, digits, `.`, `_` and `-`", extra={"check": "file-name"}),
]


class AgentEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One unit of work. `run` is a line for the shell, or a list that is executed as it is; `use` a coding agent.

    With neither, `model` is asked by itself: `provider/name`.
    """

    later: ClassVar[dict[str, str]] = {}

    run: Text | Words | None = None
    use: Name | None = None
    model: Text | None = None
    args: Text | tuple[str, ...] | None = None
    allow: Text | tuple[Text, ...] | None = None
    base_url: Url | None = None
    api_key_env: Variable | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1, le=10**9)] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    needs: Name | tuple[Name, ...] | None = None
    prerequisites: Name | tuple[Name, ...] | None = None
    timeout: Timeout | None = None
    deliverables: PathInside | tuple[PathInside, ...] | None = None
    check: Text | Words | None = None
    answer: FileName | None = None
    context: Text | tuple[Text, ...] | None = None
    env: dict[Variable, str] | None = None
    prompt: Text | None = None
    template: bool | None = None
    max_retries: Retries | None = None
    retry: RetryStrategy | None = None
    retry_strategies: dict[Category, RetryStrategy] | None = None
    retry_on_exit: ExitStatus | tuple[ExitStatus, ...] | None = None
    provider: Name | None = None
    isolation: Isolation | None = None
    on_conflict: OnConflict | None = None
    budget: Budget | None = None
    phase: Name | None = None
    title: str | None = None
    description: str | None = None


class ListedAgent(AgentEntry, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An agent in a list, where its name stands inside."""

    name: Name


class FrontMatter(AgentEntry, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The head of `.pliny/agents/<name>.md`, whose body is the prompt."""

    later: ClassVar[dict[str, str]] = AgentEntry.later | {
        "prompt": "the prompt is the text below the front matter; a key `prompt` can't stand in it",
        "tools": "`tools` is a word of Claude Code, for agents in .claude/agents/; here `allow` says what one may use",
    }

    name: Name | None = None


class PresetEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A coding agent that agents may `use`: its program, how that is called, and how its output is read.

    In `model` the word `{model}` stands for what an agent asks for, in `allow` `{tools}` or `{tool}`; in `args` and
    `env` `{prompt}`, `{prompt_file}`, `{deliverables}`, `{result}` and `{file:NAME}` for what each attempt has. The
    prompt is standard input where none asks for it.
    """

    program: Text
    args: tuple[str, ...] = ()
    model: tuple[Text, ...] = ()
    allow: tuple[Text, ...] = ()
    env: dict[Variable, str] = {}
    files: dict[FileName, str] = {}
    output: OutputForm = OutputForm.TEXT
    timeout: Timeout = "30m"
    provider: str = ""
    version: tuple[str, ...] = ("--version",)
    install: str = ""
    title: str = ""


class PhaseEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Agents that run together."""

    name: Name
    agents: Name | tuple[Name, ...] | None = None
    parallel: bool | None = None
    fail_fast: bool | None = None
    isolation: Isolation | None = None
    on_conflict: OnConflict | None = None
    budget: Budget | None = None
    title: str | None = None
    description: str | None = None


class TaskEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the plan is for."""

    name: Text
    description: str | None = None


class ExecutionSection(ExecutionSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the plan is executed; `checkpoint_frequency` is another word for `checkpoint`."""

    checkpoint_frequency: CheckpointWhen | None = None


class PlanFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`pliny.yaml`: a plan of agents for `git pliny`."""

    task: Text | TaskEntry | None = None
    context: Text | tuple[Text, ...] | None = None
    agents: dict[Name, AgentEntry] | tuple[ListedAgent, ...] | None = None
    phases: tuple[PhaseEntry, ...] | None = None
    presets: dict[Name, PresetEntry] | None = None
    execution: ExecutionSection | None = None
    error_handling: ErrorHandling | None = None
    output: OutputSettings | None = None
    masking: MaskingSettings | None = None
    session: SessionSettings | None = None
    sharing: SharingSettings | None = None

    @property
    def context_files(self) -> tuple[str, ...]:
        return (self.context,) if isinstance(self.context, str) else self.context or ()


SECTIONS = ("execution", "error_handling", "output", "masking", "session", "sharing")
"""The keys of a plan file that are settings."""


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of `pliny.yaml`."""
    schema: dict[str, Any] = _for_editors(msgspec.json.schema(PlanFile))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _for_editors(schema: Any) -> Any:
    """`schema` as YAML is read here: a key with nothing behind it is absent, and text needs no quotes.

    So null is no choice, and what an editor takes for a number or a boolean may stand where a text is wanted.
    """
    if isinstance(schema, list):
        return [_for_editors(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _for_editors(value) for key, value in schema.items() if key != "default"}
    choices = [each for each in plain.pop("anyOf", ()) if each != {"type": "null"}]
    if len(choices) == 1:
        plain |= choices[0]
    elif choices:
        plain["anyOf"] = choices
    if plain.get("type") == "string":
        plain["type"] = ["string", "number", "boolean"]
    if "retry_strategies" in plain:  # msgspec leaves out which keys an enumeration allows
        plain["retry_strategies"]["propertyNames"] = {"$ref": "#/$defs/Category"}
    return plain
