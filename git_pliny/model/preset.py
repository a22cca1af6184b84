"""Presets: how the program of a coding agent is called, and in which form it tells how that went.

A preset is data. Which program, arguments, environment and files a call takes follows from it by replacing words in
braces; what is known only as an attempt starts (`{prompt}`, `{prompt_file}`, `{deliverables}`, `{result}`,
`{file:NAME}`) stays.
"""

from collections.abc import Iterator
from enum import StrEnum

import msgspec

MODEL, TOOL, TOOLS = "{model}", "{tool}", "{tools}"


class OutputForm(StrEnum):
    """The forms of output that can be read; `text` is any program's: its exit status decides."""

    TEXT = "text"
    CLAUDE = "claude"
    CODEX = "codex"
    GEMINI = "gemini"
    QWEN = "qwen"
    OPENCODE = "opencode"
    AIDER = "aider"
    MINI = "mini"
    LLM = "llm"


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """One coding agent. `model` and `allow` are the arguments that name a model and the allowed tools.

    In `allow`, `{tools}` stands for all of them with commas in between; with `{tool}` the arguments are repeated for
    each. Empty: the program has no such arguments.
    """

    name: str
    program: str
    args: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    env: dict[str, str] = {}
    """Variables where neither the agent nor the user's environment has them: who denies a tool there is heeded."""
    files: dict[str, str] = {}
    """Texts that are written for each attempt, by the NAME of `{file:NAME}`."""
    output: OutputForm = OutputForm.TEXT
    timeout_s: float
    provider: str = ""
    """Whose models it works with, where its `model` does not tell; its own name where nothing does."""
    version: tuple[str, ...]
    """The arguments that make it print its version."""
    install: str = ""
    """The command that installs it."""
    title: str = ""
    source: str = ""
    """Where it is defined; empty for what is shipped."""

    def command(self, *, model: str | None, allow: tuple[str, ...], args: tuple[str, ...]) -> tuple[str, ...]:
        """The program with its arguments, an agent's own last."""
        named = () if model is None else tuple(word.replace(MODEL, model) for word in self.model)
        return (self.program, *self.args, *named, *self._allowing(allow), *args)

    def _allowing(self, tools: tuple[str, ...]) -> Iterator[str]:
        if not tools:
            return
        for tool in tools if any(TOOL in word for word in self.allow) else tools[:1]:
            for word in self.allow:
                yield word.replace(TOOL, tool).replace(TOOLS, ",".join(tools))


class Use(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an agent that is a coding agent's takes from the preset beside the command."""

    preset: str
    output: OutputForm = OutputForm.TEXT
    files: dict[str, str] = {}
    env: dict[str, str] = {}
    """Variables for the program where neither the agent nor the user's environment has them."""
    timeout_s: float | None = None
    """The limit where neither the agent nor the settings give one."""
    model: str | None = None
    """The model that the agent says."""
    asked: tuple[str, ...] = ()
    """What the agent says itself, where the preset is shipped: all that tells it from another agent."""
    install: str = ""
