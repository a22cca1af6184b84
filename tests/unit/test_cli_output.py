"""Data on standard output: safe to print, aligned, and JSON."""

import json

import msgspec
import pytest

from git_pliny.cli import output


class Pair(msgspec.Struct):
    z: int
    a: str


def test_data_keeps_lines_and_makes_control_characters_visible(capsys: pytest.CaptureFixture[str]) -> None:
    output.data("one\n\ttwo\x1b[0m")
    assert capsys.readouterr().out == "one\n\ttwo\\x1b[0m\n"


def test_json_is_indented_and_keeps_the_order_of_the_fields(capsys: pytest.CaptureFixture[str]) -> None:
    output.data_json([Pair(z=1, a="é\x1b")])
    text = capsys.readouterr().out
    assert text.startswith('[\n  {\n    "z": 1,\n    "a": "é\\u001b"')
    assert json.loads(text) == [{"z": 1, "a": "é\x1b"}]


def test_a_table_is_aligned_under_its_heading(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("name", "where"), [("a", "here"), ("longer", "there\n")])
    assert capsys.readouterr().out == "NAME    WHERE\na       here\nlonger  there\\n\n"


def test_a_table_without_rows_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("name",), [])
    assert capsys.readouterr().out == ""
