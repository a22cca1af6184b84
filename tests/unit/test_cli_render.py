"""Values as people are shown them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looking import invocation, on_terminal
from scratch import Scratch

from git_pliny.cli import render
from git_pliny.model.events import render_time
from git_pliny.model.session import BudgetRecord, Tokens

NOW = 1_700_000_000


def before(seconds: float) -> str:
    return render_time(int((NOW - seconds) * 1e6))


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0s"), (0.9, "0s"), (1, "1s"), (59, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h"), (86_399, "23h"),
        (86_400, "1d"), (7 * 86_400, "1w"), (364 * 86_400, "52w"), (365 * 86_400, "1y"), (-100, "0s"),
    ],
)  # fmt: skip
def test_an_age_has_its_largest_unit(seconds: float, shown: str) -> None:
    assert render.age(NOW, before(seconds)) == shown


@pytest.mark.parametrize("moment", ["", "soon", "2023-11-14", "2023-11-14T22:13:20", "99999", "\x1b[2J"])
def test_a_time_that_is_none_has_no_age(moment: str) -> None:
    assert render.age(NOW, moment) == render.ago(NOW, moment) == "-"


def test_an_age_can_be_part_of_a_sentence() -> None:
    assert render.ago(NOW, before(120)) == "2m ago"


def test_a_time_is_shown_to_the_second() -> None:
    assert render.when("2026-01-31T12:00:00.123456Z") == "2026-01-31T12:00:00Z"
    assert render.when("") == "-"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, "-"), (0.25, "250ms"), (61.0, "1m1s"), (-1.0, "-"), (1e300, "-"), (float("nan"), "-")],
)
def test_a_duration_is_short_even_where_it_is_absurd(seconds: float | None, shown: str) -> None:
    assert render.duration(seconds) == shown


@pytest.mark.parametrize(
    ("usd", "shown"),
    [
        (None, "-"),
        (0.0, "$0.00"),
        (0.0012, "$0.0012"),
        (0.1, "$0.10"),
        (12.345, "$12.35"),
        (1e9, "$1e+09"),
        (-1e300, "$-1e+300"),
    ],
)
def test_a_cost_is_short_even_where_it_is_absurd(usd: float | None, shown: str) -> None:
    assert render.cost(usd) == shown


@pytest.mark.parametrize(
    ("spent", "shown"),
    [
        (None, "-"),
        (Tokens(input=999_999, output=0), "999999 in, 0 out"),
        (Tokens(input=12_345_678, output=5), "12M in, 5 out"),
        (Tokens(input=10**300, output=-(10**300)), "1000000…M in, -100000…M out"),
    ],
)
def test_tokens_are_short_even_where_they_are_absurd(spent: Tokens | None, shown: str) -> None:
    assert render.tokens(spent) == shown


@pytest.mark.parametrize(("done", "agents", "shown"), [(0, 0, "-"), (2, 3, "2/3 66%"), (3, 3, "3/3 100%")])
def test_progress_is_a_fraction_and_whole_percents(done: int, agents: int, shown: str) -> None:
    assert render.progress(done, agents) == shown


@pytest.mark.parametrize(
    ("number", "noun", "shown"),
    [
        (1, "run", "1 run"),
        (0, "run", "0 runs"),
        (2, "entry", "2 entries"),
        (1, "entry", "1 entry"),
        (3, "repository", "3 repositories"),
    ],
)
def test_a_number_of_things_is_counted_in_english(number: int, noun: str, shown: str) -> None:
    assert render.plural(number, noun) == shown


@given(st.text(), st.integers(1, 50))
@settings(deadline=None, max_examples=60)
def test_what_is_clipped_is_never_too_long_and_never_steers(text: str, width: int) -> None:
    shown = render.clip(text, width)
    assert len(shown) <= width
    assert shown.isprintable() or all(
        character.isprintable() or character.isspace() or ord(character) > 0x7F for character in shown
    )


def test_a_table_fits_the_terminal_by_its_flexible_column(scratch: Scratch) -> None:
    rows = [["x" * 100, "12345"], ["short", "1"]]
    fitted = render.fit(on_terminal(scratch, width=40), ("name", "number"), rows, flexible=0)
    assert [len(row[0]) for row in fitted] == [32, 5]
    assert fitted[0][0].endswith("…")


def test_a_flexible_column_keeps_a_few_characters_on_the_narrowest_terminal(scratch: Scratch) -> None:
    [row] = render.fit(on_terminal(scratch, width=5), ("name", "number"), [["x" * 100, "12345"]], flexible=0)
    assert row[0] == "xxxxxxx…"


def test_a_table_that_goes_elsewhere_is_whole(scratch: Scratch) -> None:
    rows = [["x" * 1000, "1"]]
    assert render.fit(invocation(scratch), ("name", "number"), rows, flexible=0) == rows


@pytest.mark.parametrize(
    ("usd", "used", "budget", "expected"),
    [
        (None, None, None, None),
        (0.5, None, None, "$0.50, tokens: -"),
        (None, Tokens(input=1, output=2), None, "-, tokens: 1 in, 2 out"),
        (None, None, BudgetRecord(cost_usd=5.0), "- of $5.00, tokens: -"),
        (0.5, Tokens(input=1), BudgetRecord(cost_usd=5.0, tokens=9), "$0.50 of $5.00, tokens: 1 in, 0 out of 9"),
    ],
)
def test_what_is_unknown_of_what_was_spent_is_shown_as_unknown(
    usd: float | None, used: Tokens | None, budget: BudgetRecord | None, expected: str | None
) -> None:
    assert render.spent(usd, used, budget) == expected


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (1536, "1.50 KiB"),
        (5 << 20, "5.00 MiB"),
        (9 << 40, "9216.00 GiB"),
    ],
)
def test_bytes_are_shown_as_git_shows_them(count: int, shown: str) -> None:
    assert render.byte_size(count) == shown
