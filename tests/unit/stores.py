"""Sessions for tests, made through the store with a clock that ticks a millisecond a look."""

import contextlib
from collections.abc import Iterator
from itertools import count

from scratch import Scratch

from git_pliny.model.events import Event, EventType
from git_pliny.store.artifacts import Bounds
from git_pliny.store.opening import Desired, create, make_current, resume
from git_pliny.store.run import Run

DELETED_AT = "2026-01-02T03:04:05.000006Z"
OID = "a" * 40
_ticks = count(1_700_000_000_000_000, 1000)


class Unmasked:
    """Masks nothing."""

    reach = 0

    def mask_bytes(self, data: bytes) -> bytes:
        return data

    def mask_slice(self, data: bytes, start: int, stop: int) -> bytes:
        return data[start:stop]


BOUNDS = Bounds(Unmasked(), 1 << 20)


def clock() -> int:
    return next(_ticks)


@contextlib.contextmanager
def new_session(scratch: Scratch, name: str = "n") -> Iterator[Run]:
    with create(scratch.repository, Desired(name=name), clock=clock, bounds=BOUNDS) as run:
        make_current(scratch.repository, run.session)
        yield run


@contextlib.contextmanager
def resumed(scratch: Scratch, session: str) -> Iterator[tuple[Run, list[Event]]]:
    with resume(scratch.repository, session, clock=clock, bounds=BOUNDS) as opened:
        yield opened


def lone_run(scratch: Scratch, session: str) -> Run:
    """A run without the session's lock, as `checkpoint create` has."""
    return Run(scratch.repository, session, clock=clock, bounds=BOUNDS)


def plan_of(*agents: str) -> Event:
    return Event(type=EventType.PLAN_CHANGE, data={"plan": OID, "agents": dict.fromkeys(agents, "p")})


def started(agent: str, attempt: int = 1) -> Event:
    return Event(type=EventType.AGENT_START, phase="p", agent=agent, attempt=attempt)


def ended(agent: str, attempt: int = 1, status: str = "completed") -> Event:
    return Event(type=EventType.AGENT_END, phase="p", agent=agent, attempt=attempt, data={"status": status})
