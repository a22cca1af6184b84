import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_pliny.model.visible import visible

ANY_TEXT = st.text(st.characters(exclude_categories=()) | st.sampled_from("\x00\t\n\r\x1b\x7f\x85\u202e\u2066\udcff"))
STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b2J", r"\x9b2J"),
        ("a\x00b\x7f", r"a\x00b\x7f"),
        ("user\u202enimda", r"user\u202enimda"),
        ("\u2066x\u2069", r"\u2066x\u2069"),
        ("one\u2028two", r"one\u2028two"),
        (b"caf\xe9".decode("utf-8", "surrogateescape"), r"caf\xe9"),
        ("lone \ud834", r"lone \ud834"),
        ("a\tb\nc\rd", r"a\tb\nc\rd"),
    ],
)
def test_steering_characters_are_shown_as_escapes(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text", ["", "plain", "übergrößen 日本語", "\U0001f469\u200d\U0001f4bb family", "no\u00a0break", r"C:\x1b"]
)
def test_ordinary_text_passes_unchanged(text: str) -> None:
    assert visible(text) == text
    assert visible(text, multiline=True) == text


def test_multiline_keeps_tabs_and_line_ends() -> None:
    assert visible("a\tb\nc\r\nd", multiline=True) == "a\tb\nc\r\nd"


def test_multiline_shows_a_carriage_return_that_would_overwrite_its_line() -> None:
    assert visible("100%\rrm -rf\x1b[A\n", multiline=True) == "100%\\rrm -rf\\x1b[A\n"


@settings(deadline=None, max_examples=200)
@given(ANY_TEXT)
def test_nothing_that_steers_is_left(text: str) -> None:
    assert not STEERING.search(visible(text))
    assert not STEERING.search(re.sub(r"[\t\n]|\r(?=\n)", "", visible(text, multiline=True)))
    visible(text).encode()


@settings(deadline=None, max_examples=200)
@given(ANY_TEXT, st.booleans())
def test_showing_twice_changes_nothing_more(text: str, multiline: bool) -> None:
    once = visible(text, multiline=multiline)
    assert visible(once, multiline=multiline) == once
