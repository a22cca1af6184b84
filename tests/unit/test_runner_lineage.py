"""The mark by which the processes of an attempt are recognised."""

from hypothesis import given, settings
from hypothesis import strategies as st

from git_pliny.runners.lineage import contains, ends_with, extended

names = st.text(min_size=1, max_size=200)


@settings(deadline=None, max_examples=100)
@given(names)
def test_an_agent_of_any_name_is_recognised(name: str) -> None:
    lineage = extended("", session="s", run="0badcafe", number=3, agent=name)
    assert contains(lineage, session="s", agent=name)
    assert ends_with(lineage, session="s", agent=name)


@settings(deadline=None, max_examples=100)
@given(names)
def test_a_lineage_is_safe_in_an_environment_and_in_a_line_of_ps(name: str) -> None:
    assert set(extended("", session="s", run="0badcafe", number=3, agent=name)) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-%"
    )


def test_a_nested_execute_carries_the_tokens_of_all_around_it() -> None:
    outer = extended("", session="outer", run="00000001", number=1, agent="a")
    inner = extended(outer, session="inner", run="00000002", number=2, agent="b")
    assert inner == "outer.00000001.1.a/inner.00000002.2.b"
    assert contains(inner, session="outer", agent="a")
    assert not ends_with(inner, session="outer", agent="a")
    assert ends_with(inner, session="inner", agent="b")


def test_neither_another_session_nor_a_longer_name_is_taken_for_it() -> None:
    lineage = extended("", session="s-1", run="00000001", number=1, agent="a.b")
    assert not contains(lineage, session="s", agent="a.b")
    assert not contains(lineage, session="s-1", agent="a")
    assert not contains(lineage, session="s-1", agent="b")
    assert not contains("", session="s-1", agent="a.b")
