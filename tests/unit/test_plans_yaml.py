"""YAML text as a tree with places, within bounds. Every behaviour holds for libyaml and for PyYAML's own parser."""

from typing import Any

import pytest
import yaml as pyyaml

from git_pliny.errors import PlanError
from git_pliny.plans import yaml
from git_pliny.plans.nodes import Mapping, Node, Scalar, Sequence, place_of

LOADERS = [pyyaml.SafeLoader] + ([pyyaml.CSafeLoader] if hasattr(pyyaml, "CSafeLoader") else [])
both = pytest.mark.parametrize("loader", LOADERS)


def parsed(text: str, loader: Any = pyyaml.SafeLoader) -> Node:
    node = yaml.parse(text, "p.yaml", loader=loader)
    assert node is not None
    return node


def plain(node: Node) -> Any:
    match node:
        case Scalar():
            return node.text
        case Sequence():
            return [plain(each) for each in node.items]
        case Mapping():
            return {key: plain(value) for key, value in node.items.items()}


@both
def test_scalars_keep_the_text_that_stands_in_the_file(loader: Any) -> None:
    text = "a: no\nb: 10:30\nc: 1e3\non: 1.10\nd: 010\ne: 2024-01-01\n"
    assert plain(parsed(text, loader)) == {
        "a": "no",
        "b": "10:30",
        "c": "1e3",
        "on": "1.10",
        "d": "010",
        "e": "2024-01-01",
    }


@both
def test_quotes_and_the_str_tag_make_a_scalar_mere_text(loader: Any) -> None:
    node = parsed("[a, !!int 5, 'b', \"c\", !!str d, ! e]", loader)
    assert isinstance(node, Sequence)
    assert [each.plain for each in node.items if isinstance(each, Scalar)] == [True, True, False, False, False, False]


@both
def test_nothing_is_null_only_without_quotes(loader: Any) -> None:
    node = parsed("[~, null, '', '~', !!str ]", loader)
    assert isinstance(node, Sequence)
    assert [each.is_null for each in node.items if isinstance(each, Scalar)] == [True, True, False, False, False]


@both
def test_places_are_lines_and_columns_from_one(loader: Any) -> None:
    node = parsed("a:\n  - x\n  - {é: 1, b: 2}\n", loader)
    assert str(place_of(node, "a", 1, "b").error("wrong")) == "p.yaml:3:15: wrong"


def test_a_place_that_is_not_there_is_the_nearest_one_on_the_way() -> None:
    node = parsed("a:\n  b: 1\n")
    assert place_of(node, "a", "x", "y") == place_of(node, "a")
    assert place_of(node, "a", "b", 0) == place_of(node, "a", "b")
    assert place_of(parsed("[1]"), 7) == place_of(parsed("[1]"))


def test_lines_are_counted_from_the_one_given() -> None:
    node = yaml.parse("a: 1", "x.md", first_line=2)
    assert node is not None
    assert place_of(node, "a").line == 2


@both
@pytest.mark.parametrize("text", ["", "# only a comment\n", "\n\n"])
def test_an_empty_file_is_no_node(text: str, loader: Any) -> None:
    assert yaml.parse(text, "p.yaml", loader=loader) is None


@both
def test_merge_keys_bring_what_is_not_given(loader: Any) -> None:
    text = "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {<<: [*a, *b], x: 0}\nd: {z: 9, <<: *b}\n"
    node = plain(parsed(text, loader))
    assert node["c"] == {"x": "0", "y": "2", "z": "4"}
    assert node["d"] == {"y": "3", "z": "9"}


@both
def test_an_alias_of_a_scalar_stands_where_it_is_used(loader: Any) -> None:
    node = parsed("a: &a x\nb: *a\n", loader)
    assert place_of(node, "b").line == 2


@both
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "p.yaml:3:1: the key `a` stands here twice; the first is in line 1"),
        ("a: *nobody", "p.yaml:1:4: the alias `*nobody` has no anchor before it"),
        ("a: &a [*a]", "p.yaml:1:8: the alias `*a` stands inside what it names"),
        ("a: b\n---\nc: d", "p.yaml:2:1: a second document begins here; a plan is one document"),
        ("[a]: 1", "p.yaml:1:1: a key must be a text, not a list or a mapping"),
        ("? {a: b}\n: 1", "p.yaml:1:3: a key must be a text, not a list or a mapping"),
        ("a: &l [1]\n? *l\n: 1", "p.yaml:1:4: a key must be a text, not a list or a mapping"),
        ("~: 1", "p.yaml:1:1: a key must be a text, and here is none"),
        ("<<: 5", "p.yaml:1:5: `<<` merges mappings; this is none"),
        ("<<: [{a: 1}, 5]", "p.yaml:1:14: `<<` merges mappings; this is none"),
        (
            "a: !!python/name:os.system x",
            "p.yaml:1:4: the tag `tag:yaml.org,2002:python/name:os.system` has no meaning here; leave it out",
        ),
        ("a: !mine {b: c}", "p.yaml:1:4: the tag `!mine` has no meaning here; leave it out"),
        ("a:\n\tb: 1", "p.yaml:2:1: a tab can't indent YAML; use spaces"),
        ("ok: 1\na: \x07", "p.yaml:2:4: the character `\\x07` can't stand in YAML"),
        ("a: \ud800", "p.yaml:1:4: the character `\\ud800` can't stand in YAML"),
    ],
)
def test_what_is_wrong_is_named_at_its_place(text: str, message: str, loader: Any) -> None:
    with pytest.raises(PlanError) as caught:
        yaml.parse(text, "p.yaml", loader=loader)
    assert caught.value.message == message


@both
@pytest.mark.parametrize(
    "text", ["a: b: c", "'open", "{a: [b}", "%YAML 9.9\n---\na: 1", " - a\n- b", 'a: "\\q"', "&", "*", "!<", "a: |q\n"]
)
def test_what_is_no_yaml_is_one_line_with_a_place(text: str, loader: Any) -> None:
    with pytest.raises(PlanError, match=r"^p\.yaml:\d+:\d+: this is not YAML: ") as caught:
        yaml.parse(text, "p.yaml", loader=loader)
    assert "\n" not in caught.value.message


@both
@pytest.mark.parametrize("text", ['a: "\\UFFFFFFFF"', 'a: "\\U00110000"', "%YAML 1." + "9" * 5000 + "\n---\na: 1"])
def test_escapes_and_directives_out_of_range_are_an_error_of_the_file(text: str, loader: Any) -> None:
    with pytest.raises(PlanError, match=r"^p\.yaml.*this is not YAML") as caught:
        yaml.parse(text, "p.yaml", loader=loader)
    assert "\n" not in caught.value.message


def test_a_colon_in_a_text_gets_the_hint_to_quote_it() -> None:
    with pytest.raises(PlanError) as caught:
        parsed("run: echo a: b")
    assert caught.value.hint == "put a text that contains `: ` between quotes"


@both
def test_a_bomb_of_aliases_is_refused_before_it_grows(loader: Any) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    with pytest.raises(
        PlanError, match=r"^p\.yaml:\d+:\d+: with its aliases written out this is more than 500000 values$"
    ):
        yaml.parse("\n".join(lines), "p.yaml", loader=loader)


@both
@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_endless_nesting_is_refused_and_no_recursion(opening: str, loader: Any) -> None:
    with pytest.raises(PlanError, match="nested more than 50 levels deep"):
        yaml.parse(opening * 2000, "p.yaml", loader=loader)


def test_nesting_through_aliases_is_bounded_too() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 60)]
    with pytest.raises(PlanError, match="nested more than 50 levels deep"):
        parsed("\n".join(lines))
