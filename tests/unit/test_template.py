"""Prompts as templates: what is refused before anything runs, and what a template can and can't do."""

import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from git_pliny.errors import GitError
from git_pliny.model.prompt import VARIABLES, Mention, PromptError, looks_like_template, with_task
from git_pliny.plans.template import parse


def rendered(text: str, limit: int = 10_000, **values: object) -> str:
    return parse(text).render(values, limit=limit)


def refusal(text: str, limit: int = 10_000, **values: object) -> PromptError:
    with pytest.raises(PromptError) as caught:
        rendered(text, limit, **values)
    return caught.value


@pytest.mark.parametrize("text", ["", "plain", "{# comment #}", "{", "} }", "{ {", "{ %"])
def test_without_opening_braces_it_is_no_template(text: str) -> None:
    assert not looks_like_template(text)


def test_values_are_put_in_as_they_are(tmp_path: object) -> None:
    assert rendered("Do {{ task }}!\n", task="<b> {{ agent }} {% x %} &") == "Do <b> {{ agent }} {% x %} &!\n"


def test_a_line_with_nothing_but_a_statement_leaves_no_empty_line() -> None:
    text = "a\n  {% if attempt > 1 %}\nb {{ error }}\n  {% endif %}\nc\n"
    assert rendered(text, attempt=1, error="") == "a\nc\n"
    assert rendered(text, attempt=2, error="E") == "a\nb E\nc\n"


def test_raw_braces_stay() -> None:
    assert rendered("{% raw %}${{ github.sha }}{% endraw %}") == "${{ github.sha }}"


def test_every_documented_variable_is_known() -> None:
    text = "".join(f"{{{{ {name} }}}}" for name in VARIABLES)
    assert parse(text).names == frozenset(VARIABLES)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a\n{{ taks }}", 2, "the name `taks` is not defined; did you mean `task`?"),
        ("{% if x %}{% endif %}", 1, "the name `x` is not defined"),
        ("{% for a in outputs %}\n{{ a }}{{ b }}{% endfor %}", 2, "the name `b` is not defined"),
        ("{{ outputs.look-web }}", 1, 'a name with dashes stands in brackets: `outputs["look-web"]`'),
        ("{{ task.x-web }}", 1, "the name `web` is not defined"),
        ("{{ lipsum() }}", 1, "the name `lipsum` is not defined"),
        ("a\n\n{{ task", 3, "unexpected"),
        ("{{ }}", 1, "Expected an expression"),
        ("{% if task %}", 1, "Unexpected end of template"),
        ("{{ task | shout }}", 1, "No filter named 'shout'"),
        ("{% nonsense %}", 1, "unknown tag"),
        ("\n{% include 'x' %}", 2, "can't include"),
        ("{% extends 'x' %}", 1, "can't include, import or extend"),
        ("{% import 'x' as x %}", 1, "can't include"),
        ("{% from 'x' import y %}", 1, "can't include"),
        ("{{ " + "(" * 3000 + ")" * 3000 + " }}", None, "nested too deep"),
    ],
)
def test_what_can_never_be_rendered_is_refused_at_once(text: str, line: int | None, words: str) -> None:
    with pytest.raises(PromptError) as caught:
        parse(text)
    assert words in caught.value.message
    assert caught.value.line == line


def test_names_that_the_template_sets_itself_are_its_own() -> None:
    text = "{% set x = 1 %}{% for each in range(2) %}{{ each + x }}{{ loop.index }}{% endfor %}"
    assert (rendered(text), parse(text).names) == ("1122", frozenset())


def test_the_agents_that_it_speaks_of_are_known() -> None:
    text = (
        'a\n{{ outputs.one }}\n{{ deliverables["x-y"]["f.md"] }}{{ outputs[agent] }}{{ outputs.items() }}{{ task.z }}'
    )
    assert set(parse(text).mentions) == {
        Mention(variable="outputs", agent="one", line=2),
        Mention(variable="deliverables", agent="x-y", line=3),
    }


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("\n{{ task.nothing }}", 2, "has no attribute 'nothing'"),
        ("\n\n{{ outputs.x }}", 3, "why x is not there"),
        ("{{ outputs['x'] }}", 1, "why x is not there"),
        ("{{ attempt + task }}", 1, "TypeError"),
        ("{{ attempt / 0 }}", 1, "ZeroDivisionError"),
        ("{{ task.__class__ }}", 1, "unsafe"),
        ("{{ ''.__class__.__mro__ }}", 1, "unsafe"),
        ("{{ outputs.clear() }}", 1, "unsafe"),
        ("{{ 'x' * 10 ** 9 }}", 1, "too large"),
        ("{{ 10 ** 9 * 'x' }}", 1, "too large"),
        ("{{ 9 ** 9 ** 9 }}", 1, "too large"),
        ("{{ '%1000000000000d' % 3 }}", 1, "too large"),
        ("{{ '{:>10000000000}'.format(3) }}", 1, "too large"),
        ("{{ '{:>{}}'.format(3, 10 ** 10) }}", 1, "too large"),
        ("{{ 'x'.ljust(10 ** 10) }}", 1, "too large"),
        ("\n{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}", 2, "1000000 rounds"),
        (
            "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(40) }}",
            1,
            "1000000 rounds",
        ),
        ("{{ range(10 ** 9) }}", 1, "Range too big"),
    ],
)
def test_what_goes_wrong_in_rendering_has_its_line(text: str, line: int, words: str) -> None:
    class Outputs(dict[str, str]):
        def missing(self, name: str) -> str:
            return f"why {name} is not there"

    error = refusal(text, task="t", attempt=1, outputs=Outputs(y="z"))
    assert words in error.message
    assert error.line == line


def test_what_is_not_there_can_be_asked_for() -> None:
    assert rendered("{{ 'yes' if outputs.x is defined else 'no' }}{{ outputs.x | default('-') }}", outputs={}) == "no-"


def test_ordinary_arithmetic_works() -> None:
    assert rendered("{{ attempt * 100000 * 100000 }}{{ '-' * 3 }}{{ 2 ** 8 }}", attempt=2) == "20000000000---256"


@pytest.mark.parametrize("text", ["{% for i in range(1000) %}é{% endfor %}", "{{ 'é' * 1000 }}"])
def test_a_prompt_is_bounded_in_bytes(text: str) -> None:
    assert "larger than 1999 bytes" in refusal(text, 1999).message
    assert len(rendered(text, 2000)) == 1000


PIECES = st.sampled_from(
    [
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "-",
        "task",
        " ",
        "\n",
        "raw",
        "if",
        "outputs.a",
        "(",
        "'",
        "é",
        "\x00",
        "\ud800",
        "|",
        "[",
        "0",
    ]
)


@given(text=st.lists(PIECES, max_size=12).map("".join))
@example(text="{{ '\ud800' }}")
@settings(max_examples=150)
def test_any_text_is_rendered_or_refused_in_words(text: str) -> None:
    values: Mapping[str, object] = dict.fromkeys(VARIABLES, "v")
    with suppress(PromptError):
        assert isinstance(parse(text).render(values, limit=1000), str)


@pytest.mark.parametrize(
    ("prompt", "criteria", "expected"),
    [
        ("Now {{ agent }}.\n", True, "Now a.\n\nT\n\nAcceptance criteria:\n\n- c1\n- c2\n"),
        ("Now {{ agent }}.\n", False, "Now a.\n\nT\n"),
        ("{{ task }}: go", True, "T: go\n\nAcceptance criteria:\n\n- c1\n- c2\n"),
        ("{{ task }}: go ", False, "T: go "),
        ("{{ task }} {{ acceptance_criteria | length }}\n", True, "T 2\n"),
    ],
)
def test_a_task_is_added_as_far_as_the_prompt_does_not_place_it(prompt: str, criteria: bool, expected: str) -> None:
    text = with_task(prompt, names=parse(prompt).names, criteria=criteria)
    assert rendered(text, agent="a", task="T", acceptance_criteria=("c1", "c2") if criteria else ()) == expected


def test_a_plan_without_templates_does_not_import_the_engine(tmp_path: object) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "import git_pliny.cli.execute\n"
        "from git_pliny.plans.loading import load\n"
        "root = Path(sys.argv[1]); (root / 'pliny.yaml').write_text('agents: {a: {run: x, prompt: plain}}')\n"
        "load(root); assert 'jinja2' not in sys.modules\n"
        "(root / 'pliny.yaml').write_text('agents: {a: {run: x, prompt: \"{{ task }}\"}}')\n"
        "load(root); assert 'jinja2' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)


def test_nothing_is_worked_out_before_a_template_is_rendered() -> None:
    assert (
        parse("{{ 'x'.center(10 ** 18) }}{{ 'y' * 10 ** 18 }}{{ 1 / 0 }}{{ 'x' | center(10 ** 18) }}").names
        == frozenset()
    )


def test_an_error_of_the_user_or_the_environment_stays_what_it_is() -> None:
    class Broken(dict[str, str]):
        def __missing__(self, name: str) -> str:
            raise GitError(f"{name} can't be read")

    with pytest.raises(GitError, match="a can't be read"):
        rendered("{{ outputs.a }}", outputs=Broken())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ '%5.1f' % 2 }}|{{ '{:>4}'.format(7) }}|{{ 'x'.ljust(3) }}|{{ 7 % 4 }}", "  2.0|   7|x  |3"),
        ("{% for k, v in {'a': 1}.items() %}{{ loop.index }}/{{ loop.length }}{{ k }}{{ v }}{% endfor %}", "1/1a1"),
        ("{% for i in [] %}x{% else %}none{% endfor %}", "none"),
        ("{% for i in range(5) if i is even %}{{ i }}{{ '' if loop.last else ',' }}{% endfor %}", "0,2,4"),
        ("{% for i in [1, [2]] recursive %}{{ loop(i) if i is iterable else i }}{% endfor %}", "12"),
    ],
)
def test_usual_loops_and_formats_work(text: str, expected: str) -> None:
    assert rendered(text) == expected


def test_each_rendering_has_its_own_rounds() -> None:
    text = "{% for i in range(999) %}{% for j in range(600) %}{% endfor %}{% endfor %}done"
    assert [rendered(text), rendered(text)] == ["done", "done"]
