"""A frame of the live display: fits any terminal, says all in words, and keeps foreign text from steering."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from git_pliny.cli.board import Row, Standing, View
from git_pliny.cli.frame import Frame, Look
from git_pliny.cli.live import look_of

PLAIN = Look(color=False, unicode=True)


def view(*rows: Row, **more: Any) -> View:
    values: dict[str, Any] = {
        "phase": "research",
        "title": "",
        "place": (1, 2),
        "round": None,
        "rows": rows,
        "hidden": {},
        "counts": {Standing.RUNNING: 1, Standing.FAILED: 1, Standing.COMPLETED: 2},
        "done": 2,
        "total": 4,
        "percent": 50,
        "seconds": 80.7,
        "checkpoint": "",
    }
    return View(**values | more)


def lines(shown: View, *, width: int = 80, height: int = 24, look: Look = PLAIN) -> list[str]:
    return [line.plain for line in Frame(look, jobs=4).lay_out(shown, width=width, height=height)]


ROWS = (
    Row(name="web", standing=Standing.RUNNING, seconds=72.9, detail="Read the news"),
    Row(name="code", standing=Standing.RETRYING, attempt=2, seconds=3.2, detail="network: no route"),
    Row(name="docs", standing=Standing.FAILED, attempt=10, seconds=0.25, detail="tool: exit status 1"),
    Row(name="sum", standing=Standing.WAITING, detail="needs web, code"),
)


def test_each_agent_has_its_state_attempt_time_and_what_there_is_to_say() -> None:
    assert lines(view(*ROWS))[:-2] == [
        "  web   running                1m12s  Read the news",
        "  code  retrying   attempt 2   in 4s  network: no route",
        "  docs  failed     attempt 10  250ms  tool: exit status 1",
        "  sum   waiting                       needs web, code",
    ]


def test_columns_that_nothing_stands_in_are_left_out() -> None:
    assert lines(view(Row(name="a", standing=Standing.COMPLETED, seconds=2.0)))[0] == "  a  completed  2s"
    assert lines(view(Row(name="a", standing=Standing.WAITING)))[0] == "  a  waiting"


def test_the_last_lines_say_where_the_plan_is() -> None:
    shown = view(round=2, title=" (Find out)", checkpoint="start")
    assert lines(shown, width=120) == [
        "phase 1/2: research (Find out), round 2, 1/4 jobs, 1m20s, checkpoint start",
        "━" * 15 + "╌" * 15 + "  50%  2/4 done, 1 running, 1 failed",
    ]


def test_a_plan_that_is_done_has_a_full_bar_and_nothing_else_to_count() -> None:
    shown = view(counts={Standing.COMPLETED: 4}, done=4, percent=100)
    assert lines(shown)[-1] == "━" * 20 + " 100%  4/4 done"


def test_a_plan_without_agents_has_a_full_bar() -> None:
    assert lines(view(counts={}, done=0, total=0, percent=100))[-1] == "━" * 20 + " 100%  0/0 done"


def test_agents_without_a_row_are_counted_by_state() -> None:
    shown = view(ROWS[0], hidden={Standing.WAITING: 900, Standing.COMPLETED: 99})
    assert lines(shown)[1] == "  +999 more: 900 waiting, 99 completed"


def test_a_narrow_terminal_loses_details_and_titles_before_states_and_numbers() -> None:
    rows = (
        Row(name="a-rather-long-name", standing=Standing.RUNNING, attempt=2, seconds=5, detail="Read the news"),
        Row(name="b", standing=Standing.COMPLETED, seconds=61),
    )
    assert lines(view(*rows, title=" (Find things out)", checkpoint="start", round=2), width=40) == [
        "  a-rather-lo…  running    #2    5s",
        "  b             completed      1m1s",
        "phase 1/2: re…, round 2, 1/4 jobs, 1m20s",
        "━" * 5 + "╌" * 5 + "  50%  2/4 done, 1 running",
    ]


def test_what_there_is_no_height_for_is_cut_from_above() -> None:
    whole = lines(view(*ROWS))
    for height in range(1, 9):
        assert lines(view(*ROWS), height=height) == whole[max(len(whole) - height + 1, 0) :]
    assert lines(view(*ROWS), height=0) == []


def test_control_characters_are_shown_and_not_obeyed() -> None:
    row = Row(name="a\x1b[2J", standing=Standing.FAILED, detail="x\r\ny\u202e")
    shown = lines(view(row, phase="p\x07", title="\n", checkpoint="c\x1b"))
    assert shown[0] == "  a\\x1b[2J  failed     x\\r\\ny\\u202e"
    assert shown[1] == "phase 1/2: p\\x07\\n, 1/4 jobs, 1m20s, checkpoint c\\x1b"


def test_wide_characters_keep_the_columns_straight() -> None:
    rows = (Row(name="日本語", standing=Standing.RUNNING), Row(name="abcdef", standing=Standing.RUNNING))
    first, second = lines(view(*rows))[:2]
    assert first == "  日本語  running"
    assert second == "  abcdef  running"


def test_only_ascii_is_used_where_the_locale_is_not_utf_8() -> None:
    rows = (Row(name="n" * 90, standing=Standing.RUNNING, detail="d" * 90),)
    for line in lines(view(*rows), look=Look(color=False, unicode=False)):
        assert line.isascii()


def test_without_colours_there_is_no_code_at_all() -> None:
    frame = Frame(PLAIN, jobs=4)
    laid_out = frame.lay_out(view(*ROWS), width=80, height=24)
    assert frame.paint(laid_out) == [line.plain for line in laid_out]


def test_colours_are_of_the_sixteen_that_every_terminal_has() -> None:
    frame = Frame(Look(color=True, unicode=True), jobs=4)
    laid_out = frame.lay_out(view(*ROWS), width=80, height=24)
    painted = frame.paint(laid_out)
    assert painted[2].startswith("  docs  \x1b[31mfailed   \x1b[0m")
    assert "38;" not in "".join(painted)
    assert len(painted) == len(laid_out)


def test_no_lines_are_painted_as_no_lines() -> None:
    assert Frame(PLAIN, jobs=4).paint([]) == []


_TEXT = st.text(max_size=60)
_ROW = st.builds(
    lambda name, standing, attempt, seconds, detail: Row(
        name=name, standing=standing, attempt=attempt, seconds=seconds, detail=detail
    ),
    _TEXT,
    st.sampled_from(Standing),
    st.integers(1, 10**6),
    st.none() | st.floats(0, 1e9),
    _TEXT,
)


@given(
    st.lists(_ROW, max_size=6),
    _TEXT,
    st.integers(1, 130),
    st.integers(1, 12),
    st.sampled_from([Look(color=color, unicode=unicode) for color in (True, False) for unicode in (True, False)]),
)
@settings(deadline=None, max_examples=150)
def test_a_frame_fits_into_any_terminal(rows: list[Row], text: str, width: int, height: int, look: Look) -> None:
    frame = Frame(look, jobs=4)
    shown = view(*rows, phase=text, title=text, checkpoint=text, hidden={Standing.WAITING: 10**6})
    laid_out = frame.lay_out(shown, width=width, height=height)
    assert len(laid_out) <= height - 1
    for line in laid_out:
        assert cell_len(line.plain) <= width
        assert "\n" not in line.plain
    assert len(frame.paint(laid_out)) == len(laid_out)


@pytest.mark.parametrize("height", [0, 1, 3, 4, 24])
def test_there_is_room_for_what_is_shown_beside_the_status(height: int) -> None:
    assert Frame.room(height) == max(height - 3, 0)


@pytest.mark.parametrize(
    ("environ", "encoding", "look"),
    [
        ({"LANG": "en_US.UTF-8"}, "utf-8", Look(color=True, unicode=True)),
        ({"LC_CTYPE": "C.utf8", "LANG": "C"}, "UTF-8", Look(color=True, unicode=True)),
        ({"LC_ALL": "C", "LANG": "en_US.UTF-8"}, "utf-8", Look(color=True, unicode=False)),
        ({"LANG": "en_US.UTF-8"}, "iso8859-1", Look(color=True, unicode=False)),
        ({}, "utf-8", Look(color=True, unicode=False)),
        ({"LANG": "de_DE.UTF-8", "NO_COLOR": "1"}, "utf-8", Look(color=False, unicode=True)),
        ({"LANG": "de_DE.UTF-8", "NO_COLOR": ""}, "utf-8", Look(color=True, unicode=True)),
    ],
)
def test_the_look_follows_the_locale_and_no_color(environ: dict[str, str], encoding: str, look: Look) -> None:
    assert look_of(environ, encoding) == look


def test_what_is_spent_stands_before_the_checkpoint_where_there_is_room() -> None:
    shown = view(spent="$0.50 of $2.00, tokens: -", checkpoint="start")
    assert lines(shown, width=120)[-2].endswith("1m20s, $0.50 of $2.00, tokens: -, checkpoint start")
    assert "$0.50" not in lines(shown, width=40)[-2]


def test_an_agent_that_its_provider_keeps_waiting_says_in_whole_seconds_when_it_may_start() -> None:
    held = Row(name="fix", standing=Standing.WAITING, seconds=0.4, detail="waiting for anthropic")
    assert lines(view(held))[0].split() == ["fix", "waiting", "in", "1s", "waiting", "for", "anthropic"]
