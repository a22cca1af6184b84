"""Prompts that are templates: which ones are, what their author may name, and what a template can do.

The engine behind them is `plans.template`'s business; a plan without a template never imports it.
"""

from collections.abc import Mapping
from typing import Protocol

import msgspec

VARIABLES = (
    "task",
    "phase",
    "agent",
    "attempt",
    "context",
    "deliverables",
    "outputs",
    "acceptance_criteria",
    "error",
)
"""The names that a prompt may use."""

OF_AGENTS = frozenset({"deliverables", "outputs"})
"""Those of them that hold something of each agent, by its name."""

_TASK = "{{ task }}\n"
_CRITERIA = "Acceptance criteria:\n\n{% for each in acceptance_criteria %}\n- {{ each }}\n{% endfor %}\n"


class PromptError(Exception):
    """A template is wrong, or can't be rendered: one sentence without an end, and the line of the prompt, from 1."""

    def __init__(self, message: str, *, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


class Mention(msgspec.Struct, frozen=True, kw_only=True):
    """`deliverables.<agent>` or `outputs.<agent>` in a template."""

    variable: str
    agent: str
    line: int


class Template(Protocol):
    """A parsed prompt. `names` are the variables that it uses, `mentions` the agents that it names."""

    @property
    def names(self) -> frozenset[str]: ...

    @property
    def mentions(self) -> tuple[Mention, ...]: ...

    def render(self, values: Mapping[str, object], *, limit: int) -> str:
        """The prompt, of at most `limit` bytes; PromptError where it can't be made."""
        ...


def looks_like_template(text: str) -> bool:
    """Whether a prompt is a template; any other stays byte for byte what it is."""
    return "{{" in text or "{%" in text


def with_task(prompt: str, *, names: frozenset[str], criteria: bool) -> str:
    """The template of a manifest task's agent: what it does not place itself of the task, it says at its end."""
    parts = [prompt.rstrip()]
    if "task" not in names:
        parts.append(_TASK)
    if criteria and "acceptance_criteria" not in names:
        parts.append(_CRITERIA)
    return prompt if len(parts) == 1 else "\n\n".join(part.strip() for part in parts) + "\n"
