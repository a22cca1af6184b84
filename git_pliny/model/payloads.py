"""The `data` of the entries that the fold reads, as typed values. Further keys may stand beside these."""

from typing import Annotated, Any

import msgspec

from git_pliny.model.session import AgentStatus, ErrorRecord, SessionStatus, Tokens

Oid = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")]
Cost = Annotated[float, msgspec.Meta(ge=0, le=1e9)]


class SessionStart(msgspec.Struct, frozen=True, kw_only=True):
    """`task`: what the user wants done, in words, where they said so as they started it."""

    name: str
    framework: str | None = None
    base: Oid | None = None
    task: str | None = None


class RanAt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a run works: which clone that is, and for people on what host and who.

    `took_over`: the runs elsewhere that it goes on from, though they have not ended as far as it knows.
    """

    clone: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}$")]
    host: Annotated[str, msgspec.Meta(max_length=255)] = ""
    user: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    took_over: tuple[str, ...] = ()


class SessionEnd(msgspec.Struct, frozen=True, kw_only=True):
    status: SessionStatus
    reason: str | None = None


class PlanChange(msgspec.Struct, frozen=True, kw_only=True):
    """`agents`: name to phase, in the plan's order. `reset`: completed ones whose definition changed."""

    plan: Oid
    agents: dict[str, str]
    framework: str | None = None
    file: str | None = None
    use: str | None = None
    reset: tuple[str, ...] = ()


class RoundBegin(msgspec.Struct, frozen=True, kw_only=True):
    round: int


class AgentRerun(msgspec.Struct, frozen=True, kw_only=True):
    agents: tuple[str, ...]


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What one attempt cost, as far as it is known."""

    tokens: Tokens | None = None
    cost_usd: Cost | None = None


class AgentEnd(msgspec.Struct, frozen=True, kw_only=True):
    status: AgentStatus
    started_at: str | None = None
    duration_s: float | None = None
    exit_code: int | None = None
    error: ErrorRecord | None = None
    spent: Spent | None = None
    verdict: str | None = None
    score: float | None = None
    summary: str | None = None
    conflicts: tuple[tuple[str, str], ...] = ()
    """Paths and kinds of the conflicts for which an isolated agent's changes could not be taken in."""


class AttemptError(msgspec.Struct, frozen=True, kw_only=True):
    spent: Spent | None = None
    duration_s: float | None = None


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """Agents of `provider` wait `until` then, a time as entries have it; `delay_s` from when the entry was written."""

    provider: str
    until: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")]
    delay_s: float | None = None


class CheckpointMade(msgspec.Struct, frozen=True, kw_only=True):
    """`taken_at`: when the workspace began to be read; what ended later is not in it for sure.

    `aside`: it does not hold the workspace, but what an agent made of it elsewhere.
    """

    name: str
    commit: Oid
    kind: str = "manual"
    taken_at: str | None = None
    head: Oid | None = None
    aside: bool = False


class MergeBegun(msgspec.Struct, frozen=True, kw_only=True):
    """An isolated agent's changes are about to be made to the workspace: from tree `before` to tree `after`.

    `commit` has tree `after`, and what was merged among its parents. `end` is the attempt's `agent_end` to be.
    """

    before: Oid
    after: Oid
    commit: Oid
    end: dict[str, Any]


class CheckpointDeleted(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    commit: Oid


class AttemptKey(msgspec.Struct, frozen=True, array_like=True):
    """`[agent, run, attempt]`: one attempt of the session, wherever it ran."""

    agent: str
    run: str
    attempt: int


class RollbackBegun(msgspec.Struct, frozen=True, kw_only=True):
    """`before`: the checkpoint that keeps what was there when it was first begun, however often a kill cut it off."""

    name: str
    commit: Oid
    before: str | None = None
    keep_head: bool = False
    undo: bool = False


class RolledBack(msgspec.Struct, frozen=True, kw_only=True):
    """`set_back`: the attempts whose end no longer counts; `restored`: those that count again, when one is undone."""

    name: str
    commit: Oid
    before: str
    set_back: tuple[AttemptKey, ...] = ()
    restored: tuple[AttemptKey, ...] = ()
    status: SessionStatus = SessionStatus.PAUSED
    undo: bool = False
