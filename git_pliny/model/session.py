"""A session as others see it: the JSON object under `refs/pliny/sessions/<id>` (DESIGN section 2)."""

from enum import StrEnum
from typing import Any

import msgspec


class SessionStatus(StrEnum):
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    FAILED = "failed"
    PAUSED = "paused"
    ARCHIVED = "archived"

    @property
    def finished(self) -> bool:
        """Whether `execute` has nothing more to do here by itself."""
        return self in (SessionStatus.COMPLETED, SessionStatus.ARCHIVED)


class AgentStatus(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    BLOCKED = "blocked"
    ROLLED_BACK = "rolled-back"
    SKIPPED = "skipped"

    @property
    def done(self) -> bool:
        """Whether what needs this agent may start."""
        return self in (AgentStatus.COMPLETED, AgentStatus.SKIPPED)


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    input: int = 0
    output: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(input=self.input + other.input, output=self.output + other.output)

    @property
    def total(self) -> int:
        return self.input + self.output


class ErrorRecord(msgspec.Struct, frozen=True, kw_only=True):
    category: str
    recoverable: bool
    reason: str
    message: str


class AgentRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One agent. `attempts`, `tokens` and `cost_usd` are over all its attempts; unknown is None, never 0."""

    phase: str
    status: AgentStatus
    attempts: int = 0
    started_at: str | None = None
    ended_at: str | None = None
    duration_s: float | None = None
    exit_code: int | None = None
    tokens: Tokens | None = None
    cost_usd: float | None = None
    error: ErrorRecord | None = None


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """Totals. `duration_s` is the time in which a run of the session was at work."""

    duration_s: float = 0.0
    attempts: int = 0
    retries: int = 0
    tokens: Tokens | None = None
    cost_usd: float | None = None


class PhaseRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a phase took, over all runs and rounds; `duration_s` is the time in which it was under way."""

    duration_s: float = 0.0
    tokens: Tokens | None = None
    cost_usd: float | None = None


class BudgetRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the session may spend before no further attempt starts; None is no limit. Tokens of both directions."""

    cost_usd: float | None = None
    tokens: int | None = None
    time_s: float | None = None


class AuditHead(msgspec.Struct, frozen=True, kw_only=True):
    """How far the trail goes: the number of entries, and for each run `<seq>:<sha256>` of its last one."""

    entries: int = 0
    heads: dict[str, str] = {}


class Session(msgspec.Struct, frozen=True, kw_only=True):
    schema: int = 1
    id: str
    name: str
    status: SessionStatus
    framework: str | None
    created_at: str
    last_activity: str
    current_phase: str | None
    completed_agents: list[str]
    failed_agents: list[str]
    checkpoints: dict[str, str]
    agents: dict[str, AgentRecord]
    metrics: Metrics
    plan: str | None
    base: str | None
    audit: AuditHead
    round: int = 1
    phases: dict[str, PhaseRecord] = {}
    budget: BudgetRecord | None = None
    """The session's budget, as the last run had it."""
    reason: str | None = None
    """Why it ended as it did, where that is not the plan's own end."""

    @property
    def progress(self) -> int:
        """Percent of the plan's agents that are done, 0 to 100."""
        done = sum(record.status.done for record in self.agents.values())
        return 100 * done // len(self.agents) if self.agents else 0


_decoder = msgspec.json.Decoder(Session)


def encode_session(session: Session) -> bytes:
    """The canonical bytes: UTF-8, two spaces, fixed order of keys, a final newline."""
    return msgspec.json.format(msgspec.json.encode(session), indent=2) + b"\n"


def decode_session(raw: bytes) -> Session | None:
    """The session, or None where these bytes are none: they may have come from anywhere."""
    try:
        return _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def as_json(value: Any) -> bytes:
    """Any of our values as JSON for programs that read us."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
