"""`git pliny frameworks` shows what is shipped."""

import json

import pytest

from git_pliny.cli.main import run


def call(*arguments: str) -> int:
    return run(["frameworks", *arguments], program_name="git pliny")


def test_the_list_names_both_frameworks_with_their_phases(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["NAME", "PHASES"]
    assert lines[1].startswith("care  context, analyze, respond, evaluate ")
    assert lines[2].startswith("rise  research, identify, synthesize, execute ")


def test_the_list_as_json_has_the_phases(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("list", "--json") == 0
    found = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert [phase["name"] for phase in found["rise"]["phases"]] == ["research", "identify", "synthesize", "execute"]


def test_a_framework_is_shown_with_where_its_agents_are_looked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("show", "rise") == 0
    text = capsys.readouterr().out
    assert "\nresearch " in text
    assert ".pliny/agents/research*" in text
    assert "repeats" not in text


@pytest.mark.parametrize("arguments", [("list",), ("show", "rise"), ("show", "care")])
def test_what_is_shown_fits_an_ordinary_terminal(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(*arguments) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_a_framework_that_repeats_says_how(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("show", "care") == 0
    assert "It repeats as evaluate decides: 3 rounds, and up to 5 " in capsys.readouterr().out


def test_a_framework_is_shown_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("show", "care", "--json") == 0
    assert json.loads(capsys.readouterr().out)["rounds"]["verdict"] == "evaluate"


def test_an_unknown_framework_is_an_error_with_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("show", "raise") == 1
    streams = capsys.readouterr()
    assert streams.out == ""
    assert "rise" in streams.err


def test_tab_offers_the_frameworks(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["__complete", "frameworks", "show", "r"], program_name="git pliny") == 0
    assert capsys.readouterr().out == "rise\t\n"
