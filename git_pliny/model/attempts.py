"""The attempts of a session, one flat record each: when, how it ended, what it took and what it cost.

Read from the entries, like `summary`; data of a wrong shape is passed over, and what nobody told is unknown.
"""

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from git_pliny.model.events import Entry, EventType, Line
from git_pliny.model.payloads import AttemptKey, RolledBack
from git_pliny.model.session import Tokens

UNFINISHED = "unfinished"
"""Started, and not ended: it is still running, or was cut off."""

_ENDED = "ended"
_Data = TypeVar("_Data", bound=msgspec.Struct)


class AttemptRecord(msgspec.Struct, kw_only=True):
    """`status` of a failed one that was tried again is `failed`, too; `category` and what follows say why it failed."""

    run: str
    phase: str | None
    agent: str
    attempt: int
    status: str = UNFINISHED
    rolled_back: bool = False
    started_at: str
    ended_at: str | None = None
    duration_s: float | None = None
    exit_code: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    cost_from: str | None = None
    category: str | None = None
    recoverable: bool | None = None
    reason: str | None = None
    message: str | None = None


class _Failed(msgspec.Struct):
    category: str | None = None
    recoverable: bool | None = None
    reason: str | None = None
    message: str | None = None


class _Spent(msgspec.Struct):
    tokens: Tokens | None = None
    cost_usd: float | None = None


class _Ended(msgspec.Struct):
    """What `agent_end`, `error` and `spend` have in common."""

    status: str | None = None
    duration_s: float | None = None
    exit_code: int | None = None
    cost_from: str | None = None
    spent: _Spent | None = None
    error: _Failed | None = None


def attempts(lines: Iterable[Line]) -> list[AttemptRecord]:
    """The attempts that entries in the trail's order tell of, in the order in which they were started."""
    found: dict[AttemptKey, AttemptRecord] = {}
    for line in lines:
        entry = line.entry
        if entry.type == EventType.ROLLBACK:
            _roll_back(entry, found)
        elif entry.agent is not None and entry.attempt is not None:
            key = AttemptKey(entry.agent, entry.run, entry.attempt)
            if entry.type == EventType.AGENT_START:
                found[key] = AttemptRecord(
                    run=entry.run, phase=entry.phase, agent=entry.agent, attempt=entry.attempt, started_at=entry.ts
                )
            elif key in found:
                _take(entry, found[key])
    return list(found.values())


def _take(entry: Entry, record: AttemptRecord) -> None:
    if entry.type not in (EventType.AGENT_END, EventType.ERROR, EventType.SPEND):
        return
    ended = _read(entry, _Ended) or _Ended()
    spent = ended.spent or _Spent()
    if spent.tokens is not None:
        record.input_tokens, record.output_tokens = spent.tokens.input, spent.tokens.output
    record.cost_usd = spent.cost_usd if spent.cost_usd is not None else record.cost_usd
    record.cost_from = ended.cost_from or record.cost_from
    record.duration_s = ended.duration_s if ended.duration_s is not None else record.duration_s
    if entry.type == EventType.SPEND:
        return
    record.ended_at = entry.ts
    record.exit_code = ended.exit_code
    failed = _read(entry, _Failed) if entry.type == EventType.ERROR else ended.error
    record.status = "failed" if entry.type == EventType.ERROR else ended.status or _ENDED
    if failed is not None:
        record.category, record.recoverable = failed.category, failed.recoverable
        record.reason, record.message = failed.reason, failed.message


def _roll_back(entry: Entry, found: dict[AttemptKey, AttemptRecord]) -> None:
    done = _read(entry, RolledBack)
    if done is None:
        return
    for keys, is_back in ((done.set_back, True), (done.restored, False)):
        for key in keys:
            if key in found:
                found[key].rolled_back = is_back


def _read(entry: Entry, kind: type[_Data]) -> _Data | None:
    try:
        return msgspec.convert(entry.data, kind)
    except msgspec.ValidationError:
        return None
