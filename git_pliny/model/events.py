"""The audit trail's entries: what one line is, how lines chain, how they are ordered (DESIGN section 3).

Reading is tolerant: a line that is no entry is given back as `None`, never as an exception, since lines also come from
fetched refs. Times are integers, microseconds since the epoch, everywhere but in the line itself.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import Annotated, Any

import msgspec

from git_pliny.errors import CorruptError


class EventType(StrEnum):
    SESSION_START = "session_start"
    SESSION_RESUME = "session_resume"
    SESSION_END = "session_end"
    SESSION_ARCHIVE = "session_archive"
    PLAN_CHANGE = "plan_change"
    ROUND_BEGIN = "round_begin"
    PHASE_BEGIN = "phase_begin"
    PHASE_END = "phase_end"
    AGENT_START = "agent_start"
    AGENT_END = "agent_end"
    AGENT_BLOCK = "agent_block"
    AGENT_SKIP = "agent_skip"
    AGENT_RERUN = "agent_rerun"
    RETRY = "retry"
    ERROR = "error"
    HOLD = "hold"
    CHECKPOINT = "checkpoint"
    CHECKPOINT_DELETE = "checkpoint_delete"
    ROLLBACK_BEGIN = "rollback_begin"
    ROLLBACK = "rollback"
    REPAIR = "repair"
    MERGE = "merge"
    WORKSPACE_CHANGE = "workspace_change"
    BUDGET = "budget"
    SPEND = "spend"
    PROMPT = "prompt"
    LLM_REQUEST = "llm_request"
    LLM_RESPONSE = "llm_response"
    TOOL_START = "tool_start"
    TOOL_END = "tool_end"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A state change, before it is given its place in a run."""

    type: EventType
    phase: str | None = None
    agent: str | None = None
    attempt: int | None = None
    data: dict[str, Any] = {}


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the trail. `type` is text: a newer version may know more types than we do."""

    ts: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")]
    run: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}$")]
    seq: Annotated[int, msgspec.Meta(ge=1, le=2**53)]
    type: str
    phase: str | None = None
    agent: str | None = None
    attempt: Annotated[int, msgspec.Meta(ge=1, le=2**31)] | None = None
    data: dict[str, Any]
    prev: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]


class Line(msgspec.Struct, frozen=True):
    """An entry with the very bytes it was read from, without the newline; its hash is over these."""

    raw: bytes
    entry: Entry

    @property
    def key(self) -> tuple[str, str, int]:
        """What the trail is ordered by."""
        return self.entry.ts, self.entry.run, self.entry.seq

    @property
    def digest(self) -> str:
        """SHA-256 of the line, hexadecimal: the next entry's `prev`."""
        return sha256(self.raw).hexdigest()


_decoder = msgspec.json.Decoder(Entry)
_encoder = msgspec.json.Encoder()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_line(raw: bytes) -> Line | None:
    """The line, or None where `raw` is no entry."""
    try:
        entry = _decoder.decode(raw)
        datetime.fromisoformat(entry.ts)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return Line(raw, entry)


def parse_lines(text: bytes) -> Iterator[Line]:
    """Every entry in a text of lines; what is no entry is passed over."""
    for raw in text.split(b"\n"):
        if raw and (line := parse_line(raw)):
            yield line


def union(*parts: Iterable[Line]) -> list[Line]:
    """All lines, each once, in the trail's order. Commutative, associative and idempotent.

    Lines that differ and claim the same place both stay: no entry is lost, and `audit verify` names the second.
    """
    return sorted({line.raw: line for part in parts for line in part}.values(), key=lambda line: (line.key, line.raw))


def chain_start(session: str) -> str:
    """The `prev` of a run's first entry."""
    return sha256(session.encode()).hexdigest()


class Chain:
    """Gives the events of one run their place: time, number and the hash of what went before."""

    def __init__(self, *, session: str, run: str, after: int) -> None:
        self.run = run
        self.seq = 0
        self._last = after
        self._prev = chain_start(session)

    def mark(self) -> tuple[int, int, str]:
        """Where the chain stands; `reset` brings it back there, when what was linked since could not be written."""
        return self.seq, self._last, self._prev

    def reset(self, mark: tuple[int, int, str]) -> None:
        """Forget what was linked since `mark`."""
        self.seq, self._last, self._prev = mark

    def moment(self, now: int) -> int:
        """Now, or a little later where the clock is behind: after all that was linked, before all that will be."""
        self._last = max(now, self._last + 1)
        return self._last

    def link(self, event: Event, now: int) -> Line:
        """The next line; its time is above the last one's even if the clock stands still or jumps back."""
        ts = self.moment(now)
        entry = Entry(
            ts=render_time(ts),
            run=self.run,
            seq=self.seq + 1,
            type=event.type.value,
            phase=event.phase,
            agent=event.agent,
            attempt=event.attempt,
            data=event.data,
            prev=self._prev,
        )
        line = Line(_encoder.encode(entry), entry)
        self.seq, self._prev = entry.seq, line.digest
        return line


def render_time(microseconds: int) -> str:
    """`2026-01-31T12:00:00.000000Z`."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return f"{_render_seconds(seconds)}.{rest:06d}Z"


@lru_cache(maxsize=8)
def _render_seconds(seconds: int) -> str:
    """Kept for a moment: what happens at about the same time is rendered together."""
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError as error:
        raise CorruptError("the audit trail has reached the end of time (year 9999)") from error
    return moment.replace(tzinfo=None).isoformat(timespec="seconds")


def parse_time(text: str) -> int:
    """Microseconds since the epoch; ValueError where `text` is no such time."""
    moment = datetime.fromisoformat(text)
    return (moment - _EPOCH) // timedelta(microseconds=1)
