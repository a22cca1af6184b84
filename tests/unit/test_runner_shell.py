"""Which command lines need a shell, and that it makes no difference where none is used."""

import shlex
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_pliny.runners.shell import SHELL, direct_argv, shell_argv


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("true", ("true",)),
        ("./scripts/research.sh", ("./scripts/research.sh",)),
        ("pytest -q tests/unit  -n 2", ("pytest", "-q", "tests/unit", "-n", "2")),
        ("make VERBOSE=1 all", ("make", "VERBOSE=1", "all")),
        ("git log --format=%H,%an -1", ("git", "log", "--format=%H,%an", "-1")),
        ("ssh-add user@host:22 +x ", ("ssh-add", "user@host:22", "+x")),
    ],
)
def test_a_plain_line_needs_no_shell(line: str, words: tuple[str, ...]) -> None:
    assert direct_argv(line) == words


@pytest.mark.parametrize(
    "line",
    [
        "",
        " true",
        "a | b",
        "a && b",
        "a; b",
        "a &",
        "a > b",
        "a < b",
        "a *",
        "a ?",
        "a [b]",
        "a {b,c}",
        "a $b",
        "a `b`",
        "a 'b'",
        'a "b"',
        "a \\b",
        "a ~",
        "a # b",
        "! a",
        "a ^ b",
        "a (b)",
        "a\nb",
        "a\tb",
        "a\0b",
        "é",
        "A=1 b",
        "cd somewhere",
        "exit 3",
        "echo -e x",
        ". ./env.sh",
        ": nothing",
        "[ -f x ]",
        "time make",
        "exec make",
        "ulimit -n 3",
    ],
)
def test_a_line_that_means_something_to_the_shell_goes_to_the_shell(line: str) -> None:
    assert direct_argv(line) is None


PRINT_WORDS = ("-c", 'for word in "$@"; do printf "%s\\n" "$word"; done', "sh")


@settings(deadline=None, max_examples=60)
@given(st.text("abz09_./:,@%+-= ", min_size=1, max_size=30))
def test_the_shell_would_have_made_the_same_words(line: str) -> None:
    words = direct_argv(line)
    if words is None:
        return
    assert list(words) == shlex.split(line)
    printed = subprocess.run(
        (SHELL, "-c", f"set -- {line}; {PRINT_WORDS[1]}"), capture_output=True, text=True, check=False
    )
    assert printed.stdout.splitlines() == list(words) or words[0].startswith(("-", "+"))


@pytest.mark.parametrize("line", ["-x", "+x", "-c true"])
def test_a_line_that_starts_like_an_option_is_still_a_command(line: str) -> None:
    done = subprocess.run(shell_argv(line), capture_output=True, text=True, check=False)
    assert done.returncode == 127


def test_any_other_line_reaches_the_shell_as_it_is() -> None:
    assert shell_argv("a | b") == (SHELL, "-c", "a | b")
