"""What is to be done: a plan has phases in order, a phase has agents, an agent is one unit of work."""

from collections.abc import Iterator
from hashlib import sha256

import msgspec

from git_pliny.model.endpoint import ModelCall
from git_pliny.model.preset import Use
from git_pliny.model.settings import Budget, Category, Isolation, RetryStrategy


class Agent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One unit of work. `run` is a line for the shell, or an argument vector that is executed as it is.

    Of an agent that asks a model it is empty.
    """

    name: str
    run: str | tuple[str, ...]
    use: Use | None = None
    """The preset of a coding agent that `run` comes from."""
    model: ModelCall | None = None
    """The model that is asked, where nothing is run."""
    needs: tuple[str, ...] = ()
    timeout_s: float | None = None
    deliverables: tuple[str, ...] = ()
    check: str | tuple[str, ...] | None = None
    """A command like `run`, which decides whether an attempt that ended well has succeeded."""
    answer: str | None = None
    """The name under which a coding agent's answer is delivered, where it delivers no file of that name itself."""
    context: tuple[str, ...] = ()
    env: dict[str, str] = {}
    prompt: str | None = None
    """Text given on standard input; a coding agent gets it in the way that its preset says."""
    template: bool = False
    """The prompt is a template, rendered for each attempt."""
    task: str | None = None
    """What the agent is to do, where that is not the whole plan's task: a manifest task's title and description."""
    acceptance_criteria: tuple[str, ...] = ()
    max_retries: int | None = None
    retry: RetryStrategy | None = None
    """The agent's own retry setting, for every category."""
    retry_strategies: dict[Category, RetryStrategy] = {}
    """The agent's own retry settings, by category."""
    retry_on_exit: tuple[int, ...] = ()
    provider: str = ""
    """Whose rate limits hold for it, together with all others of the same one; empty: nobody's."""
    isolation: Isolation | None = None
    on_conflict: str | None = None
    budget: Budget | None = None
    """What its attempts may spend in the whole session."""
    title: str = ""
    source: str = ""
    """Where the definition stands, for people: `pliny.yaml:12`, `.pliny/agents/review.md`; no part of its identity."""

    @property
    def command(self) -> str:
        """What it executes, or asks, for people."""
        if self.model is not None:
            return f"model {self.model.full_name}"
        return self.run if isinstance(self.run, str) else " ".join(self.run)

    def fingerprint(self) -> str:
        """SHA-256 of everything that decides what the agent does; equal for equal definitions."""
        essence = msgspec.structs.replace(
            self, source="", title="", provider="", isolation=None, on_conflict=None, budget=None
        )
        if self.use is not None and self.use.asked:  # a newer version may call the same program otherwise
            use = Use(preset=self.use.preset, asked=self.use.asked)
            essence = msgspec.structs.replace(essence, run=(), env={}, use=use)
        return sha256(msgspec.json.encode(essence, order="sorted")).hexdigest()


class Phase(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Agents that run together, in the listed order where the phase is sequential. `None` leaves it to the settings."""

    name: str
    agents: tuple[str, ...]
    parallel: bool | None = None
    fail_fast: bool | None = None
    isolation: Isolation | None = None
    on_conflict: str | None = None
    budget: Budget | None = None
    """What its agents may spend, in the whole session."""
    title: str = ""


class Rounds(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A plan whose phases repeat as the agents of phase `verdict` decide.

    `limit` rounds at most, up to `ceiling` while the score improves (C-A-R-E, DESIGN section 5).
    """

    verdict: str
    limit: int = 3
    ceiling: int = 5


class ManifestLink(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The manifest file a plan was read from, relative to the repository root; its tasks are agents, written back."""

    path: str
    completed: tuple[str, ...] = ()
    """Tasks that the file already calls completed."""


class Plan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Phases in order, and every agent that they name, by name; each agent stands in exactly one phase."""

    name: str
    description: str = ""
    framework: str | None = None
    phases: tuple[Phase, ...]
    agents: dict[str, Agent]
    context: tuple[str, ...] = ()
    task: str = ""
    """What the plan says itself that it is for."""
    resolvers: dict[str, Agent] = {}
    """Agents that stand in no phase: they resolve the conflicts of others."""
    rounds: Rounds | None = None
    manifest: ManifestLink | None = None

    def phase_of(self, agent: str) -> Phase:
        """The phase that names `agent`; KeyError where none does."""
        for phase in self.phases:
            if agent in phase.agents:
                return phase
        raise KeyError(agent)

    def resolver(self, on_conflict: str) -> Agent | None:
        """The agent that a setting like `agent:mend` names; None where nobody resolves conflicts, or it is unknown."""
        kind, _, name = on_conflict.partition(":")
        return (self.resolvers.get(name) or self.agents.get(name)) if kind == "agent" else None

    def in_order(self) -> Iterator[tuple[Phase, Agent]]:
        """Every agent with its phase, in the plan's order."""
        for phase in self.phases:
            for name in phase.agents:
                yield phase, self.agents[name]
