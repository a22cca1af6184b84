"""Nodes to values: the type decides what a scalar means, and what is wrong is said in words of the file."""

from typing import Annotated, Any, ClassVar

import msgspec
import pytest

from git_pliny.errors import PlanError
from git_pliny.model.settings import Backoff, RetryStrategy
from git_pliny.plans import checks, yaml
from git_pliny.plans.decode import decode
from git_pliny.plans.positions import listed, quoted, suggestion


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    deep: int = 0


class Shape(msgspec.Struct, forbid_unknown_fields=True):
    later: ClassVar[dict[str, str]] = {"soon": "`soon` comes later"}

    name: str
    count: Annotated[int, msgspec.Meta(ge=1, le=9, description="a digit")] = 1
    flag: bool = False
    backoff: Backoff | None = None
    words: str | tuple[str, ...] = ()
    some: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] | None = None
    table: dict[Backoff, RetryStrategy] | None = None
    inner: Inner | None = None
    text: Annotated[str, msgspec.Meta(min_length=1)] = "x"


class Tolerant(msgspec.Struct):
    a: int = 0


def decoded(text: str, kind: Any = Shape) -> Any:
    node = yaml.parse(text, "p.yaml")
    assert node is not None
    return decode(node, kind, "the plan")


@pytest.mark.parametrize(
    "text", ["no", "10:30", "1e3", "1.10", "010", "2024-01-01", "true", "7", "'~'", "0x10", ".inf"]
)
def test_where_a_text_is_wanted_a_scalar_is_the_text_that_stands_there(text: str) -> None:
    assert decoded(f"name: {text}") == {"name": text.strip("'")}


@pytest.mark.parametrize(
    ("text", "value"), [("yes", True), ("on", True), ("True", True), ("false", False), ("No", False), ("OFF", False)]
)
def test_every_word_of_yaml_for_true_and_false_is_understood_where_one_is_wanted(text: str, *, value: bool) -> None:
    assert decoded(f"name: x\nflag: {text}")["flag"] is value


def test_only_what_is_given_is_there() -> None:
    assert decoded("name: x\nflag:\ninner: ~\ntable:\n  linear:\n") == {"name": "x", "table": {"linear": {}}}


def test_a_union_takes_the_member_that_has_the_shape() -> None:
    assert decoded("{name: x, words: a}")["words"] == "a"
    assert decoded("{name: x, words: [a, 5]}")["words"] == ["a", "5"]
    assert decoded("{name: x, backoff: fixed}")["backoff"] == "fixed"


def test_keys_that_a_tolerant_type_does_not_know_are_passed_over() -> None:
    assert decoded("{a: 1, b: [2]}", Tolerant) == {"a": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "1:1: the plan must be a mapping, not a list"),
        ("hello", "1:1: the plan must be a mapping, not `hello`"),
        ("{}", "1:1: the plan has no `name`"),
        ("name:", "1:1: the plan has no `name`"),
        ("name: [a]", "1:7: `name` must be a text, not a list"),
        ("{name: x, count: 10}", "1:18: `count` must be a digit, not `10`"),
        ("{name: x, count: 0}", "1:18: `count` must be a digit, not `0`"),
        ("{name: x, count: 1.5}", "1:18: `count` must be a digit, not `1.5`"),
        ("{name: x, count: '5'}", '1:18: `count` must be a digit, not `"5"`'),
        ("{name: x, count: {}}", "1:18: `count` must be a digit, not a mapping"),
        (f"{{name: x, count: {'9' * 9999}}}", f"1:18: `count` must be a digit, not `{'9' * 30}…{'9' * 15}`"),
        ("{name: x, flag: maybe}", "1:17: `flag` must be true or false, not `maybe`"),
        ("{name: x, flag: 'yes'}", '1:17: `flag` must be true or false, not `"yes"`'),
        ("{name: x, backoff: lineer}", "1:20: `backoff` must be one of `exponential`, `linear`, `fixed`, not `lineer`; did you mean `linear`?"),
        ("{name: x, backoff: [a]}", "1:20: `backoff` must be one of `exponential`, `linear`, `fixed`, not a list"),
        ("{name: x, words: {}}", "1:18: `words` must be a text or a list, not a mapping"),
        ("{name: x, words: [[a]]}", "1:19: `words[0]` must be a text, not a list"),
        ("{name: x, words: [a, ~]}", "1:22: `words[1]` must be a text, not nothing"),
        ("{name: x, some: []}", "1:17: `some` must not be empty"),
        ("{name: x, text: ''}", '1:17: `text` must be a text, not `""`'),
        ('{name: "a\\0b"}', '1:8: `name` must be a text without NUL and lone surrogates, not `"a\\x00b"`'),
        ("{name: x, table: {weekly: {}}}", "1:19: a key in `table` must be one of `exponential`, `linear`, `fixed`, not `weekly`"),
        ("{name: x, table: {fixed: {max_retries: -1}}}", "1:40: `table.fixed.max_retries` must be a number of retries, 0 to 1000, not `-1`"),
        ("{name: x, cuont: 1}", "1:11: unknown key `cuont` in the plan; did you mean `count`?"),
        ("{name: x, Count: 1}", "1:11: unknown key `Count` in the plan; did you mean `count`?"),
        ("{name: x, deep: 1}", "1:11: unknown key `deep` in the plan; it belongs in `inner`"),
        ("{name: x, soon: 1}", "1:11: `soon` comes later"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place_and_the_way_to_it(text: str, message: str) -> None:
    with pytest.raises(PlanError) as caught:
        decoded(text)
    assert caught.value.message == f"p.yaml:{message}"


def test_an_unknown_key_that_is_like_no_other_gets_the_known_ones_as_hint() -> None:
    with pytest.raises(PlanError) as caught:
        decoded("{name: x, zzzzzz: 1}")
    assert str(caught.value.hint).startswith("what may stand here: `name`, `count`, `flag`")


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        ("name", ["a", "I1.T1", "../x", "-x", "a..b", "con", "refs/heads/main", "é", "two words", "x" * 255],
         ["", " a", "a ", "a\nb", "a\x1b[0m", "\u202ea", "\u200b", "\ud800", "x" * 256, "x" * 100_000]),
        ("path-inside", ["a", "a/b.md", "./a", "..a", "a..b/c"], ["", " ", ".", "/a", "../a", "a/../../b", "a/.."]),
        ("variable", ["A", "_a9", "PATH"], ["", "9A", "A-B", "A=B", "a\n", "é"]),
        ("duration", ["0", "10m"], ["10:30", "nan", "-1", "9999999d", ""]),
        ("timeout", ["1ms", "10m"], ["0", "0s", "0ms", "inf"]),
        ("regex", ["a+", "(?i)x"], ["(", "a{99999999999}", "x" * 1001, "(" * 500 + ")" * 499]),
    ],
)  # fmt: skip
def test_each_check_lets_the_right_texts_through_and_no_others(check: str, right: list[str], wrong: list[str]) -> None:
    passes = checks.CHECKS[check]
    assert [text for text in right if passes(text)] == []
    assert [text for text in wrong if passes(text) is None] == []


def test_a_shown_text_is_short_and_has_no_control_characters() -> None:
    assert quoted("a\nb\x1b") == "`a\\nb\\x1b`"
    assert quoted("x" * 100_000) == f"`{'x' * 30}…{'x' * 15}`"


def test_a_list_of_words_ends_after_a_dozen() -> None:
    assert listed("abc") == "`a`, `b`, `c`"
    assert listed("abcdefghijklmnop").endswith("`l`…")


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("resarch", "; did you mean `research`?"),
        ("RESEARCH", "; did you mean `research`?"),
        ("fix", ""),
        ("", ""),
        ("x" * 100_000, ""),
    ],
)
def test_the_nearest_valid_word_is_suggested_if_it_is_near(word: str, near: str) -> None:
    assert suggestion(word, ["research", "identify"]) == near


def test_a_suggestion_is_found_among_very_many_words() -> None:
    assert suggestion("agent-77777x", (f"agent-{number}" for number in range(100_000))).startswith(
        "; did you mean `agent-"
    )
