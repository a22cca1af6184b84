"""Durations as people write and read them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_pliny.errors import ConfigError
from git_pliny.model.duration import LONGEST_S, parse_duration, render_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10m", 600),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("90s", 90),
        ("500ms", 0.5),
        ("1m500ms", 60.5),
        ("1.5h", 5400),
        ("30d", 2_592_000),
        ("2w", 1_209_600),
        ("90", 90),
        ("0.25", 0.25),
        ("0", 0),
        (" 5s ", 5),
    ],
)
def test_a_written_duration_is_so_many_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "m",
        "-5s",
        "+5s",
        "5 s",
        "10:30",
        "1e3",
        "nan",
        "inf",
        "ten",
        "30m1h",
        "5s5s",
        "5M",
        "1y",
        "5s\n",
        ".5s",
        "5.s",
        "٣s",
        "9" * 100_000,
    ],
)
def test_what_is_no_duration_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a duration") as caught:
        parse_duration(text)
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 200


@pytest.mark.parametrize("text", ["11000d", "99999999999999999999", "9999999999999w"])
def test_more_than_ten_years_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="at most ten years"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0s"),
        (0, "0s"),
        (0.012, "12ms"),
        (0.9996, "1s"),
        (3.42, "3.4s"),
        (59, "59s"),
        (59.96, "1m"),
        (90, "1m30s"),
        (5405, "1h30m5s"),
        (90_000, "1d1h"),
    ],
)
def test_a_duration_is_rendered_for_people(seconds: float, text: str) -> None:
    assert render_duration(seconds) == text


@settings(deadline=None)
@given(st.floats(min_value=0, max_value=LONGEST_S - 1))
def test_what_is_rendered_parses_back_to_nearly_the_same(seconds: float) -> None:
    step = 0.001 if seconds < 0.9995 else 0.1 if seconds < 59.95 else 1
    assert parse_duration(render_duration(seconds)) == pytest.approx(seconds, abs=step / 2 + 1e-9)
