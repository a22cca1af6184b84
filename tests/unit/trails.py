"""Trails of entries for tests: made by the code's own chain, from events chosen by the test or by Hypothesis."""

from typing import Any

from hypothesis import strategies as st

from git_pliny.model.events import Chain, Event, EventType, Line

SESSION = "11111111-2222-3333-4444-555555555555"
AGENTS = ("a", "b", "c")


def chained(events: list[Event], *, run: str = "aaaaaaaa", start: int = 1_000_000, step: int = 10) -> list[Line]:
    chain = Chain(session=SESSION, run=run, after=0)
    return [chain.link(event, start + step * place) for place, event in enumerate(events)]


def event(kind: EventType, agent: str | None = None, attempt: int | None = None, **data: Any) -> Event:
    phase = "p" if agent or kind in (EventType.PHASE_BEGIN, EventType.PHASE_END) else None
    return Event(type=kind, phase=phase, agent=agent, attempt=attempt, data=data)


OID = st.text("0123456789abcdef", min_size=40, max_size=40)
_KEYS = st.lists(
    st.tuples(st.sampled_from(AGENTS), st.sampled_from(("aaaaaaaa", "bbbbbbbb")), st.integers(1, 3)).map(list),
    max_size=3,
)
_SOUND = st.one_of(
    st.builds(lambda: event(EventType.SESSION_START, name="n", framework=None)),
    st.builds(lambda: event(EventType.SESSION_RESUME)),
    st.builds(
        lambda status: event(EventType.SESSION_END, status=status), st.sampled_from(("completed", "failed", "paused"))
    ),
    st.builds(lambda oid: event(EventType.PLAN_CHANGE, plan=oid, agents=dict.fromkeys(AGENTS, "p"), reset=["a"]), OID),
    st.builds(lambda: event(EventType.PHASE_BEGIN)),
    st.builds(lambda: event(EventType.PHASE_END)),
    st.builds(lambda name, n: event(EventType.AGENT_START, name, n), st.sampled_from(AGENTS), st.integers(1, 3)),
    st.builds(
        lambda name, n, status: event(EventType.AGENT_END, name, n, status=status, duration_s=1.0),
        st.sampled_from(AGENTS),
        st.integers(1, 3),
        st.sampled_from(("completed", "failed")),
    ),
    st.builds(lambda name, oid: event(EventType.CHECKPOINT, name=name, commit=oid), st.sampled_from(("x", "y")), OID),
    st.builds(
        lambda name, oid: event(EventType.CHECKPOINT_DELETE, name=name, commit=oid), st.sampled_from(("x", "y")), OID
    ),
    st.builds(lambda oid, back: event(EventType.ROLLBACK, name="x", commit=oid, before="y", set_back=back), OID, _KEYS),
    st.builds(lambda names: event(EventType.AGENT_RERUN, agents=names), st.lists(st.sampled_from(AGENTS), max_size=2)),
    st.builds(lambda: event(EventType.ROUND_BEGIN, round=2)),
)
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
_WORDS = ("name", "commit", "agents", "status", "plan", "set_back", "restored", "round", "spent", "before", "reset")
_HOSTILE = st.builds(
    lambda kind, agent, data: Event(type=kind, agent=agent, attempt=1, data=data),
    st.sampled_from(list(EventType)),
    st.none() | st.sampled_from(AGENTS) | st.text(max_size=5),
    st.dictionaries(st.sampled_from(_WORDS), _JSON, max_size=4),
)


@st.composite
def trails(draw: st.DrawFn, runs: int = 3) -> list[list[Line]]:
    """Lines of several runs of one session; some of their entries make no sense."""
    made = []
    for number in range(draw(st.integers(1, runs))):
        events = draw(st.lists(_SOUND | _HOSTILE, max_size=12))
        start = draw(st.integers(0, 200))
        made.append(chained(events, run=f"{number}aaaaaaa", start=start, step=draw(st.integers(0, 20))))
    return made
