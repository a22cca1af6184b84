"""A session is followed: every entry once, in order, until nobody works on it."""

import contextlib
from collections.abc import Callable, Iterator

from scratch import Scratch
from stores import ended, lone_run, new_session, plan_of, resumed, started
from tampering import whole_session

from git_pliny.model.events import Event, EventType, Line
from git_pliny.store.checkpoints import Occasion
from git_pliny.store.following import follow
from git_pliny.store.sessions import load_lines


class Script:
    """Does one step of its list at each pause; a follower that pauses once too often would wait for ever."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self._steps: Iterator[Callable[[], object]] = iter(steps)

    def __call__(self) -> None:
        next(self._steps)()


def types(lines: list[Line]) -> list[str]:
    return [line.entry.type for line in lines]


def test_a_session_that_ended_is_told_and_not_waited_for(scratch: Scratch) -> None:
    session = whole_session(scratch)
    [batch] = follow(scratch.repository, session, pause=Script())
    assert batch == load_lines(scratch.repository, session)


def test_entries_are_told_as_they_come_and_once(scratch: Scratch) -> None:
    with contextlib.ExitStack() as stack:
        run = stack.enter_context(new_session(scratch))
        script = Script(
            lambda: run.append(plan_of("a"), started("a")),
            lambda: run.checkpoint(Occasion(name="x")),
            lambda: run.append(ended("a")),
            lambda: run.append(Event(type=EventType.SESSION_END, data={"status": "completed"})),
            stack.close,
        )
        batches = list(follow(scratch.repository, run.session, pause=script))
    assert [types(batch) for batch in batches] == [
        ["session_start", "checkpoint"],
        ["plan_change", "agent_start"],
        ["checkpoint"],
        ["agent_end"],
        ["session_end"],
    ]
    assert [line for batch in batches for line in batch] == load_lines(scratch.repository, run.session)


def test_entries_that_come_and_go_between_two_looks_are_told(scratch: Scratch) -> None:
    with contextlib.ExitStack() as stack:
        run = stack.enter_context(new_session(scratch))

        def short_run() -> None:
            with lone_run(scratch, run.session) as other:
                other.checkpoint(Occasion(name="mine", exact=True))

        script = Script(lambda: run.append(started("a")), short_run, stack.close)
        told = [line for batch in follow(scratch.repository, run.session, pause=script) for line in batch]
    assert {line.entry.run for line in told} > {run.id}
    assert told == load_lines(scratch.repository, run.session)


def test_a_session_that_was_never_worked_on_is_waited_for(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        pass

    def work() -> None:
        with resumed(scratch, run.session) as (other, _):
            other.append(plan_of("a"), started("a"), ended("a"))

    told = [types(batch) for batch in follow(scratch.repository, run.session, pause=Script(lambda: None, work))]
    assert told == [["session_start", "checkpoint"], ["plan_change", "agent_start", "agent_end"]]
