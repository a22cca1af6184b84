"""What is colour, what is live, and what a closed terminal is."""

import os
from pathlib import Path

import pytest

from git_pliny.cli import invocation
from git_pliny.cli.invocation import Invocation


def at_a_terminal(**environ: str) -> Invocation:
    return Invocation(cwd=Path("/"), environ=environ, stdout_is_terminal=True, stderr_is_terminal=True, now=0.0)


def test_a_terminal_has_colour_and_live_progress() -> None:
    assert at_a_terminal(TERM="xterm").color
    assert at_a_terminal(TERM="xterm").live


def test_no_color_forbids_colour_unless_it_is_empty() -> None:
    assert not at_a_terminal(NO_COLOR="1").color
    assert at_a_terminal(NO_COLOR="").color


def test_a_dumb_terminal_has_neither_colour_nor_live_progress() -> None:
    assert not at_a_terminal(TERM="dumb").color
    assert not at_a_terminal(TERM="dumb").live


def test_a_pipe_has_neither_colour_nor_live_progress() -> None:
    piped = Invocation(cwd=Path("/"), environ={}, now=0.0)
    assert not piped.color
    assert not piped.live


def test_the_invocation_of_this_process_has_its_folder_and_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLINY_PROBE", "1")
    here = invocation.of_this_process()
    assert here.cwd == tmp_path
    assert here.environ["PLINY_PROBE"] == "1"


@pytest.mark.parametrize(("columns", "width"), [("132", 132), ("0", 80), ("wide", 80), ("", 80)])
def test_the_width_is_what_columns_says_else_that_of_the_terminal(
    columns: str, width: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert invocation.of_this_process().width == width


def test_a_closed_descriptor_is_no_terminal() -> None:
    copy = os.dup(2)
    os.close(2)
    try:
        assert not invocation.of_this_process().stderr_is_terminal
    finally:
        os.dup2(copy, 2)
        os.close(copy)
