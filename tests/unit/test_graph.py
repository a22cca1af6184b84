"""Order, levels, dependents and cycles."""

from graphlib import CycleError
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_pliny.model.graph import dependents, find_cycle, levels, order

Graph = dict[str, list[str]]


@st.composite
def acyclic(draw: st.DrawFn) -> Graph:
    """Names in random order, each needing some that were created before it."""
    count = draw(st.integers(0, 12))
    made: Graph = {}
    for number in range(count):
        made[f"a{number}"] = draw(st.lists(st.sampled_from(list(made)), unique=True)) if made else []
    return {name: made[name] for name in draw(st.permutations(list(made)))}


def test_order_follows_the_graph_where_needs_leave_a_choice() -> None:
    assert order({"c": [], "b": [], "a": []}) == ("c", "b", "a")


def test_order_moves_a_name_behind_what_it_needs_and_no_further() -> None:
    assert order({"a": ["c"], "b": [], "c": [], "d": []}) == ("b", "c", "a", "d")


def test_order_of_a_cycle_is_refused() -> None:
    with pytest.raises(CycleError):
        order({"a": ["b"], "b": ["a"]})


@settings(deadline=None, max_examples=50)
@given(acyclic())
def test_every_name_follows_what_it_needs(graph: Graph) -> None:
    found = order(graph)
    assert sorted(found) == sorted(graph)
    assert all(found.index(each) < found.index(name) for name, needed in graph.items() for each in needed)


def test_levels_are_waves_in_the_order_of_the_graph() -> None:
    assert levels({"d": ["b"], "c": [], "b": [], "a": ["b", "c"]}) == (("c", "b"), ("d", "a"))


def test_nothing_has_no_levels() -> None:
    assert levels({}) == ()


def test_a_need_outside_the_graph_counts_as_met() -> None:
    assert levels({"a": ["elsewhere"]}) == (("a",),)
    assert order({"a": ["elsewhere"]}) == ("a",)


@pytest.mark.parametrize(
    ("graph", "cycle"),
    [
        ({}, set()),
        ({"a": ["b"], "b": []}, set()),
        ({"a": ["a"]}, {"a"}),
        ({"x": ["a"], "a": ["b"], "b": ["c"], "c": ["a"]}, {"a", "b", "c"}),
    ],
)
def test_the_names_of_a_cycle_are_found(graph: Graph, cycle: set[str]) -> None:
    assert set(find_cycle(graph)) == cycle


def test_a_cycle_reads_as_who_needs_whom_and_ends_where_it_began() -> None:
    graph = {"a": ["b"], "b": ["c"], "c": ["a"]}
    cycle = find_cycle(graph)
    assert cycle[0] == cycle[-1]
    assert all(needed in graph[name] for name, needed in pairwise(cycle))


def test_a_chain_of_ten_thousand_is_no_recursion() -> None:
    chain = {f"a{number}": [f"a{number + 1}"] for number in range(10_000)} | {"a10000": []}
    assert order(chain)[0] == "a10000"
    assert len(dependents(chain, ["a10000"])) == 10_000
    assert len(find_cycle(chain | {"a10000": ["a0"]})) == 10_002


def test_dependents_reach_through_others() -> None:
    graph = {"a": [], "b": ["a"], "c": ["b"], "d": [], "e": ["d", "c"]}
    assert dependents(graph, ["a"]) == {"b", "c", "e"}


def test_dependents_leave_out_the_names_asked_for_unless_they_need_each_other() -> None:
    graph = {"a": [], "b": ["a"], "c": ["b"]}
    assert dependents(graph, ["a", "b"]) == {"b", "c"}
    assert dependents(graph, ["c"]) == frozenset()
    assert dependents(graph, ["unknown"]) == frozenset()
