"""Holds and the queue by their laws: agents of several providers, with limits met at any time."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from git_pliny.executor.holds import Holds
from git_pliny.executor.queue import Queue
from git_pliny.executor.schedule import Schedule

PROVIDERS = ("", "one", "two")


@dataclass
class Course:
    """What happened: who started when, and who of which provider held it back from when to when."""

    starts: list[tuple[float, str]] = field(default_factory=list)
    holds: list[tuple[str, float, float]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    slots_over_time: list[int] = field(default_factory=list)


@dataclass
class Play:
    """Agents `a0`, `a1`… with the provider, the length and the limits that each meets, one an attempt."""

    agents: dict[str, tuple[str, float, list[float]]]
    slots: int

    def run(self) -> Course:
        course, holds, now = Course(), Holds(), 0.0
        schedule = Schedule(list(self.agents), {}, parallel=True, fail_fast=False)
        queue = Queue(schedule, holds, lambda name: self.agents[name][0])
        limits = {name: list(met) for name, (_, _, met) in self.agents.items()}
        busy: list[tuple[float, str]] = []
        for _ in range(10_000):
            while len(busy) < self.slots and (name := queue.take(now)) is not None:
                course.starts.append((now, name))
                busy.append((now + self.agents[name][1], name))
            course.slots_over_time.append(len(busy))
            at = queue.next_at() if len(busy) < self.slots else None
            if not busy and at is None:
                return course
            end = min(busy, default=None)
            if end is None or (at is not None and at < end[0]):
                assert at is not None
                now = max(now, at)
                continue
            now, name = end
            busy.remove(end)
            provider = self.agents[name][0]
            if limits[name]:
                seconds = limits[name].pop(0)
                queue.delay(name, now + seconds)
                if provider:
                    holds.hold(provider, now, seconds)
                    course.holds.append((provider, now, now + seconds))
            else:
                holds.got_through(provider, name)
                schedule.completed(name)
                course.ended.append(name)
        raise AssertionError("it does not come to an end")


@st.composite
def plays(draw: st.DrawFn) -> Play:
    lengths, waits = st.sampled_from((0.1, 1.0, 30.0)), st.lists(st.sampled_from((0.5, 2.0, 60.0)), max_size=2)
    agents = {
        f"a{number}": (draw(st.sampled_from(PROVIDERS)), draw(lengths), draw(waits))
        for number in range(draw(st.integers(1, 9)))
    }
    return Play(agents, draw(st.integers(1, 4)))


@given(plays())
@settings(deadline=None, max_examples=200)
def test_no_attempt_starts_while_its_provider_is_held(play: Play) -> None:
    course = play.run()
    for at, name in course.starts:
        inside = [held for held in course.holds if held[0] == play.agents[name][0] and held[1] < at < held[2]]
        assert not inside


@given(plays())
@settings(deadline=None, max_examples=200)
def test_every_agent_comes_to_its_end_and_each_limit_costs_one_more_attempt(play: Play) -> None:
    course = play.run()
    assert sorted(course.ended) == sorted(play.agents)
    assert len(course.starts) == len(play.agents) + sum(len(met) for _, _, met in play.agents.values())
    assert max(course.slots_over_time) <= play.slots


@given(st.integers(1, 8), st.integers(1, 5))
@settings(deadline=None, max_examples=40)
def test_agents_of_another_provider_or_of_none_never_wait_for_a_held_one(held: int, free: int) -> None:
    agents = {f"a{number}": ("one", 0.1, [1000.0] if number == 0 else []) for number in range(held)}
    agents |= {f"b{number}": ("two", 0.1, []) for number in range(free)}
    agents |= {f"c{number}": ("", 0.1, []) for number in range(free)}
    course = Play(agents, slots=1).run()
    others = [at for at, name in course.starts if not name.startswith("a")]
    assert max(others) < 0.1 * (1 + 2 * free + held)


def test_after_its_time_one_agent_goes_first_and_the_others_follow_when_it_got_through() -> None:
    agents = {"a0": ("one", 0.1, [60.0])} | {f"a{number}": ("one", 5.0, []) for number in range(1, 5)}
    agents["b"] = ("", 0.2, [])
    course = Play({"a0": agents.pop("a0"), "b": agents.pop("b"), **agents}, slots=2).run()
    assert course.starts[:3] == [(0.0, "a0"), (0.0, "b"), (60.1, "a1")]
    assert course.starts[3][0] == 61.1


def test_a_hold_is_news_where_it_lasts_markedly_longer_than_was_said() -> None:
    holds = Holds()
    assert holds.hold("one", 0.0, 10.0)
    assert not holds.hold("one", 0.2, 10.0)
    assert holds.hold("one", 3.0, 10.0)
    assert not holds.hold("one", 4.0, 1.0)
    assert holds.opens_at("one") == 13.0
    assert holds.hold("one", 100.0, 0.2)


def test_an_answer_to_a_question_from_before_the_hold_opens_nothing() -> None:
    holds = Holds()
    holds.hold("one", 0.0, 10.0)
    holds.got_through("one", "early")
    assert not holds.is_open("one", 5.0)
    holds.began("one", "late", 10.0)
    assert not holds.is_open("one", 10.5)
    holds.got_through("one", "late")
    assert holds.is_open("one", 10.5)
    assert holds.opens_at("one") is None


def test_a_provider_is_closed_until_the_latest_time_that_was_said() -> None:
    holds = Holds()
    assert holds.closed_s("one", 0.0) is None
    holds.close("one", 100.0)
    holds.close("one", 50.0)
    assert holds.closed_s("one", 40.0) == 60.0
    assert holds.closed_s("one", 100.0) is None


def test_what_is_handed_over_ahead_asks_no_provider_that_was_full_of_late() -> None:
    agents, holds = {"a": "one", "b": "", "c": "two"}, Holds()
    queue = Queue(Schedule(list(agents), {}, parallel=True, fail_fast=False), holds, lambda name: agents[name])
    holds.hold("one", 0.0, 10.0)
    assert [queue.take(11.0, ahead=True) for _ in range(3)] == ["b", "c", None]
    assert queue.take(11.0) == "a"


def test_nobody_waits_any_more_once_the_queue_is_dropped() -> None:
    holds = Holds()
    holds.hold("one", 0.0, 10.0)
    schedule = Schedule(["a", "b"], {}, parallel=True, fail_fast=False)
    queue = Queue(schedule, holds, lambda name: "one" if name == "a" else "")
    assert queue.take(0.0) == "b"
    queue.delay("b", 5.0)
    assert (queue.first(), queue.next_at()) == ("a", 5.0)
    queue.drop()
    assert not queue.has_waiting
    assert (queue.first(), queue.next_at()) == (None, None)
    assert not schedule.busy
