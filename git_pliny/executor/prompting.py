"""The prompt of an attempt: the template with what is known as the attempt starts, and its entry in the trail."""

from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import Any, Self

from git_pliny.errors import ConfigError
from git_pliny.executor.desk import Desk
from git_pliny.model.events import EventType
from git_pliny.model.plan import Agent, Phase
from git_pliny.model.prompt import PromptError
from git_pliny.model.session import ErrorRecord
from git_pliny.plans.prompts import parse_template
from git_pliny.runners.base import begun_check
from git_pliny.store.kept import Delivered, last_success, printed_last, read_output


class OfAgents(Mapping[str, str]):
    """Something of each agent that has succeeded, by its name, and read only when a template asks for it."""

    def __init__(self, desk: Desk, what: str, read: Callable[[str], str | None]) -> None:
        self._desk = desk
        self._what = what
        self._read = read

    def __getitem__(self, name: str) -> str:
        found = self._read(name)
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._desk.run.state.agents if last_success(self._desk.run, name) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def missing(self, name: str) -> str:
        """Why there is nothing of that name, for the one who wrote it."""
        if name not in self._desk.order.plan.agents:
            return f"`{name}` is no agent of this plan"
        return f"there is no {self._what} of agent `{name}` yet; does this agent need it (`needs`)?"


class Delivery(str):
    """What an agent delivered: the text of all its files, each under its name where there are several.

    `files` are the single ones; `delivery["name"]` is one of them as well.
    """

    __slots__ = ("files",)

    files: Mapping[str, str]

    def __new__(cls, files: Mapping[str, str], *, limit: int) -> Self:
        made = super().__new__(cls, _joined(files, limit))
        made.files = files
        return made

    def __getitem__(self, key: Any) -> str:
        return self.files[key] if isinstance(key, str) else super().__getitem__(key)

    def missing(self, name: str) -> str:
        """Why there is no file of that name."""
        return f"no file `{name}` was delivered" + (f", only {', '.join(list(self.files)[:5])}" if self.files else "")


class LastError(str):
    """What the agent's previous attempt failed with, in a sentence; empty where there was none."""

    __slots__ = ("_read", "category", "reason")

    category: str
    reason: str
    _read: Callable[[], str]

    def __new__(cls, error: ErrorRecord | None, read: Callable[[], str]) -> Self:
        made = super().__new__(cls, error.message if error else "")
        made.category, made.reason = (error.category, error.reason) if error else ("", "")
        made._read = read
        return made

    @property
    def output(self) -> str:
        """The end of what that attempt printed; of an agent with a check, what the check did."""
        return self._read() if self else ""


def make_prompt(desk: Desk, agent: Agent, phase: Phase, number: int, context: str) -> str | None:
    """The prompt of an attempt, its entry noted; ConfigError where its template can't be rendered now."""
    text = agent.prompt
    if text is None:
        return None
    names: frozenset[str] = frozenset()
    if agent.template:
        try:
            values = _values(desk, agent, phase, number, context)
            template = parse_template(text)
            names = template.names
            text = template.render(values, limit=desk.order.settings.execution.prompt_limit)
        except PromptError as error:
            where = f" (its line {error.line})" if error.line else ""
            raise ConfigError(f"cannot make the prompt{where}: {error.message}") from error
    if agent.check is not None and "error" not in names:
        text += _said_of(_last_error(desk, agent, number))
    stored = desk.order.masking.mask_bytes(text.encode("utf-8", "surrogateescape"))
    data = {"sha256": sha256(stored).hexdigest(), "size": len(stored)}
    desk.note(EventType.PROMPT, agent=agent.name, phase=phase.name, attempt=number, data=data)
    return text


def _values(desk: Desk, agent: Agent, phase: Phase, number: int, context: str) -> dict[str, object]:
    run, order = desk.run, desk.order

    def delivery(name: str) -> str | None:
        place = last_success(run, name)
        limit = order.settings.execution.prompt_limit
        return None if place is None else Delivery(Delivered(run, place), limit=limit)

    def output(name: str) -> str | None:
        place = last_success(run, name)
        return None if place is None else read_output(run, place)

    return {
        "task": agent.task or order.options.task or order.plan.task,
        "phase": phase.name,
        "agent": agent.name,
        "attempt": number,
        "context": context,
        "deliverables": OfAgents(desk, "deliverable", delivery),
        "outputs": OfAgents(desk, "output", output),
        "acceptance_criteria": agent.acceptance_criteria,
        "error": _last_error(desk, agent, number),
    }


def _last_error(desk: Desk, agent: Agent, number: int) -> LastError:
    known = desk.run.state.agents.get(agent.name)
    begin = (
        ""
        if agent.check is None
        else begun_check(agent.check if isinstance(agent.check, str) else " ".join(agent.check))
    )
    return LastError(known.error if known else None, lambda: printed_last(desk.run, agent.name, number - 1, begin))


def _said_of(error: LastError) -> str:
    """What an agent with a check, whose prompt does not speak of it, is told of its previous attempt."""
    if not error:
        return ""
    printed = error.output.strip()
    shown = f"\n\n```text\n{printed}\n```" if printed else ""
    return f"\n\n# Your previous attempt\n\nIt failed: {error}{shown}\n"


def _joined(files: Mapping[str, str], limit: int) -> str:
    """All files one after the other, as far as a prompt can hold them."""
    parts, size = [], 0
    for name, text in files.items():
        parts.append(f"# {name}\n\n{text}" if len(files) > 1 else text)
        size += len(text)
        if size > limit:
            break
    return "\n".join(parts)
