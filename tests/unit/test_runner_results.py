"""The result file and the end of the output, of whatever shape an agent leaves them."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_pliny.model.session import Tokens
from git_pliny.runners.base import Result, Verdict
from git_pliny.runners.results import RESULT_LIMIT, TAIL_LIMIT, believable, parse_result, read_result, size_of, tail_of


def test_everything_that_an_agent_may_say_is_read() -> None:
    raw = b'{"cost_usd": 0.25, "tokens": {"input": 10, "output": 5}, "verdict": "again", "score": -3, "summary": "ok"}'
    said = Result(cost_usd=0.25, tokens=Tokens(input=10, output=5), verdict=Verdict.AGAIN, score=-3.0, summary="ok")
    assert parse_result(raw) == (said, None)


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        b'{"cost_usd": null, "tokens": null, "verdict": null, "score": null, "summary": null}',
        b'{"model": "x", "steps": [1, {"cost_usd": -1}]}',
        b"\xef\xbb\xbf{}",
        b" \r\n{}\n",
    ],
)
def test_what_is_not_said_is_unknown(raw: bytes) -> None:
    assert parse_result(raw) == (Result(), None)


def test_a_count_that_is_not_said_is_none_of_them() -> None:
    result, _ = parse_result(b'{"tokens": {"output": 7}}')
    assert result
    assert result.tokens == Tokens(input=0, output=7)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b"done",
        b"{} {}",
        b'{"cost_usd": NaN}',
        b'{"cost_usd": Infinity}',
        b'{"cost_usd": 1e999}',
        b'{"cost_usd": 1e10}',
        b'{"cost_usd": -0.01}',
        b'{"cost_usd": "1"}',
        b'{"cost_usd": true}',
        b'{"cost_usd": [1]}',
        b'{"cost_usd": ' + b"9" * 5000 + b"}",
        b'{"tokens": 5}',
        b'{"tokens": {"input": -1}}',
        b'{"tokens": {"input": 1.5}}',
        b'{"tokens": {"input": null}}',
        b'{"tokens": {"input": 1000000000000001}}',
        b'{"tokens": {"input": ' + b"9" * 5000 + b"}}",
        b'{"verdict": "maybe"}',
        b'{"verdict": 1}',
        b'{"score": "high"}',
        b'{"score": -1e16}',
        b'{"summary": 1}',
        b'{"summary": "\xff"}',
        b'{"summary": "\\ud800"}',
        b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"{" + b" " * RESULT_LIMIT + b"}",
    ],
    ids=lambda raw: repr(raw[:24]),
)
def test_a_result_of_wrong_shape_is_said_to_be_one(raw: bytes) -> None:
    result, invalid = parse_result(raw)
    assert result is None
    assert invalid
    assert invalid.startswith("the result file ")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
some_keys = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("cost_usd", "tokens", "verdict", "score", "summary"), anything)
)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=50) | some_keys.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_at_all_raise(raw: bytes) -> None:
    result, invalid = parse_result(raw)
    assert (result is None) != (invalid is None)


def test_without_a_result_file_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert read_result(tmp_path / "result.json") == (None, None)


def test_a_result_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"score": 0.5}')
    assert read_result(tmp_path / "result.json") == (Result(score=0.5), None)


def test_a_link_in_place_of_the_result_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text('{"score": 0.5}')
    (tmp_path / "result.json").symlink_to(tmp_path / "elsewhere")
    assert read_result(tmp_path / "result.json")[0] is None
    assert read_result(tmp_path / "result.json")[1] is not None


def test_a_pipe_in_place_of_the_result_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "result.json")
    assert read_result(tmp_path / "result.json") == (None, "the result file is not a regular file")


def test_a_folder_in_place_of_the_result_file_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "result.json").mkdir()
    assert read_result(tmp_path / "result.json") == (None, "the result file is not a regular file")


def test_a_result_file_that_cannot_be_reached_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert read_result(tmp_path / "file" / "result.json") == (
        None,
        "the result file cannot be read: Not a directory",
    )


def test_a_result_file_of_any_size_is_read_no_further_than_the_limit(tmp_path: Path) -> None:
    with (tmp_path / "result.json").open("wb") as file:
        file.truncate(10**12)
    assert read_result(tmp_path / "result.json") == (None, f"the result file is larger than {RESULT_LIMIT} bytes")


def test_a_short_output_is_its_own_tail(tmp_path: Path) -> None:
    (tmp_path / "output").write_bytes(b"\x80 not utf-8 \xff\n")
    assert tail_of(tmp_path / "output") == "\ufffd not utf-8 \ufffd\n"


@pytest.mark.parametrize("shift", range(4))
def test_the_tail_of_a_long_output_does_not_begin_within_a_character(tmp_path: Path, shift: int) -> None:
    (tmp_path / "output").write_text("x" * shift + "\N{GRINNING FACE}" * TAIL_LIMIT)
    tail = tail_of(tmp_path / "output")
    assert set(tail) == {"\N{GRINNING FACE}"}
    assert TAIL_LIMIT - 4 < len(tail.encode()) <= TAIL_LIMIT


def test_an_output_that_is_gone_is_empty(tmp_path: Path) -> None:
    assert tail_of(tmp_path / "output") == ""
    assert size_of(tmp_path / "output") == 0


@pytest.mark.parametrize("count", [-1, 10**15 + 1, 10**30])
def test_tokens_that_nothing_can_have_used_are_unknown(count: int) -> None:
    assert believable(Result(tokens=Tokens(input=count, output=1), summary="x")) == Result(summary="x")
    assert believable(Result(tokens=Tokens(input=1, output=count))) == Result()


@pytest.mark.parametrize("cost_usd", [-0.01, 1.1e9, float("inf"), float("nan")])
def test_a_cost_that_nothing_can_have_is_unknown(cost_usd: float) -> None:
    assert believable(Result(cost_usd=cost_usd)) == Result()


def test_a_result_without_numbers_or_with_usual_ones_stays() -> None:
    for result in (Result(), Result(cost_usd=0.0, tokens=Tokens(input=10**15, output=0), score=1.0)):
        assert believable(result) == result
