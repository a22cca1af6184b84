"""The schedule by its laws: random plans, random failures, agents that end in any order."""

import random
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from git_pliny.executor.schedule import Schedule
from git_pliny.model import graph

Needs = dict[str, tuple[str, ...]]


@st.composite
def graphs(draw: st.DrawFn) -> Needs:
    """Up to twelve agents in any order, each of which may need some that come earlier in another order."""
    names = [f"a{number}" for number in range(draw(st.integers(0, 12)))]
    needs: Needs = {}
    for place, name in enumerate(names):
        needs[name] = tuple(draw(st.lists(st.sampled_from([*names[:place], "elsewhere"]), max_size=3)))
    return {name: needs[name] for name in draw(st.permutations(names))}


@dataclass
class Ran:
    """What became of each agent, in order."""

    given_out: list[str] = field(default_factory=list)
    completed: set[str] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)
    most_at_a_time: int = 0


def run(needs: Needs, rng: random.Random, *, bad: set[str], parallel: bool, fail_fast: bool) -> Ran:
    """Takes what can be taken, and ends one of those that run, until nothing is left to do."""
    schedule = Schedule(list(needs), needs, parallel=parallel, fail_fast=fail_fast)
    ran, busy = Ran(), []
    while True:
        while (name := schedule.take()) is not None:
            assert all(need in ran.completed or need not in needs for need in needs[name]), "it started before a need"
            assert not schedule.stopped
            ran.given_out.append(name)
            busy.append(name)
        ran.most_at_a_time = max(ran.most_at_a_time, len(busy))
        assert schedule.busy == bool(busy)
        idle = [name for name in needs if name not in (*ran.given_out, *ran.blocked)]
        if parallel and not schedule.stopped:
            assert not [
                name for name in idle if all(need in ran.completed or need not in needs for need in needs[name])
            ]
        if not busy:
            return ran
        ended = busy.pop(rng.randrange(len(busy)))
        if ended in bad:
            ran.failed.append(ended)
            ran.blocked += schedule.failed(ended)
        else:
            ran.completed.add(ended)
            schedule.completed(ended)


@settings(deadline=None, max_examples=150)
@given(graphs(), st.randoms(use_true_random=False), st.booleans(), st.booleans())
def test_without_a_failure_every_agent_runs_once_and_sequential_ones_in_the_plans_order(
    needs: Needs, rng: random.Random, parallel: bool, fail_fast: bool
) -> None:
    ran = run(needs, rng, bad=set(), parallel=parallel, fail_fast=fail_fast)
    assert sorted(ran.given_out) == sorted(needs)
    if not parallel:
        assert ran.given_out == list(graph.order(needs))
        assert ran.most_at_a_time <= 1


@settings(deadline=None, max_examples=150)
@given(graphs(), st.randoms(use_true_random=False), st.data())
def test_a_failure_blocks_exactly_what_needs_it_and_all_others_run(
    needs: Needs, rng: random.Random, data: st.DataObject
) -> None:
    bad = data.draw(st.sets(st.sampled_from(sorted(needs))) if needs else st.just(set()))
    ran = run(needs, rng, bad=bad, parallel=True, fail_fast=False)
    assert set(ran.blocked) == graph.dependents(needs, ran.failed)
    assert len(ran.blocked) == len(set(ran.blocked))
    assert sorted(ran.given_out + ran.blocked) == sorted(needs)
    assert not set(ran.given_out) & set(ran.blocked)


@settings(deadline=None, max_examples=100)
@given(graphs(), st.randoms(use_true_random=False), st.data(), st.booleans())
def test_after_a_failure_nothing_more_starts_where_it_stops_the_phase(
    needs: Needs, rng: random.Random, data: st.DataObject, parallel: bool
) -> None:
    bad = data.draw(st.sets(st.sampled_from(sorted(needs)), min_size=1) if needs else st.just(set()))
    ran = run(needs, rng, bad=bad, parallel=parallel, fail_fast=parallel)
    if not parallel:
        assert len(ran.failed) <= 1
        assert ran.given_out[-1:] == ran.failed or not ran.failed
    assert set(ran.blocked) <= graph.dependents(needs, ran.failed)


def test_what_was_stopped_or_dropped_frees_nothing() -> None:
    schedule = Schedule(["a", "b", "c"], {"b": ("a",)}, parallel=True, fail_fast=False)
    assert schedule.take() == "a"
    schedule.dropped("a")
    assert (schedule.take(), schedule.take(), schedule.busy) == ("c", None, True)
    schedule.stop()
    schedule.completed("c")
    assert (schedule.take(), schedule.busy) == (None, False)


def test_blocked_agents_are_named_in_the_plans_order() -> None:
    needs = {"d": ("a",), "c": ("b",), "b": ("a",), "a": ()}
    schedule = Schedule(list(needs), needs, parallel=True, fail_fast=False)
    assert schedule.take() == "a"
    assert schedule.failed("a") == ["d", "b", "c"]
