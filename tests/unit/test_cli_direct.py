"""A plain command line is read without typer, and as typer reads it."""

import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_pliny.cli import direct, loading, program, table
from git_pliny.cli.declare import argument, option
from git_pliny.cli.invocation import Invocation
from git_pliny.errors import UsageError

Name = Annotated[str, argument(metavar="NAME", help="A name.")]
Files = Annotated[list[Path] | None, argument(metavar="FILE", help="Files.")]
Quiet = Annotated[bool, option("--quiet", "-q", help="Say less.")]


class When(StrEnum):
    PHASE = "phase"
    AGENT = "agent"


Jobs = Annotated[int | None, option("--jobs", "-j", metavar="N", min=1, max=99, help="How many.")]
Kind = Annotated[When | None, option("--when", help="When.")]
Only = Annotated[list[str] | None, option("--only", metavar="NAME", help="Only these.")]
Note = Annotated[str, option("--note", "-n", metavar="TEXT", help="A text.")]

seen: list[dict[str, Any]] = []


def status_command(
    here: Invocation,
    *,
    name: Name,
    files: Files = None,
    quiet: Quiet = False,
    jobs: Jobs = None,
    when: Kind = None,
    only: Only = None,
    note: Note = "none",
) -> None:
    """Show where the current session stands."""
    seen.append({"name": name, "files": files, "quiet": quiet, "jobs": jobs, "when": when, "only": only, "note": note})


@pytest.fixture(autouse=True, scope="module")
def _status_is_ours() -> Any:
    module = ModuleType("git_pliny.cli.status")
    module.__dict__["status_command"] = status_command
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, module.__name__, module)
        yield


def by_typer(words: list[str]) -> dict[str, Any] | None:
    """The values that typer makes of the words; None where it refuses them."""
    seen.clear()
    try:
        program.run(words, "git pliny")
    except UsageError:
        return None
    return seen[-1] if seen else None


def directly(words: list[str], here: Invocation) -> dict[str, Any] | None:
    """The values that we make of them; None where they are left to typer."""
    call = direct.plain_call(words)
    if call is None:
        return None
    seen.clear()
    call.function(here, **call.values)
    return seen[-1]


HERE = Invocation(cwd=Path("/"), environ={}, now=0.0)
WORDS = [
    "a",
    "b c",
    "",
    "7",
    "0",
    "100",
    "007",
    "phase",
    "agent",
    "--",
    "-",
    "-q",
    "--quiet",
    "--quiet=yes",
    "-j",
    "-j7",
]
WORDS += ["--jobs", "--jobs=7", "--jobs=", "--when", "--when=agent", "--only", "--only=a", "--note", "-n", "--note=-x"]
WORDS += ["-qj", "-h", "--nope", "--not", "\N{ARABIC-INDIC DIGIT SEVEN}", "-5"]


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["x"], {"name": "x"}),
        (["-q", "x"], {"name": "x", "quiet": True}),
        (["x", "f", "g"], {"name": "x", "files": [Path("f"), Path("g")]}),
        (["x", "--jobs", "7"], {"name": "x", "jobs": 7}),
        (["--jobs=7", "x"], {"name": "x", "jobs": 7}),
        (["x", "--when", "phase"], {"name": "x", "when": When.PHASE}),
        (["x", "--only", "a", "--only=b"], {"name": "x", "only": ["a", "b"]}),
        (["x", "--note="], {"name": "x", "note": ""}),
        (["x", "-n", "one", "-n", "two"], {"name": "x", "note": "two"}),
    ],
)
def test_a_plain_line_is_read(words: list[str], values: dict[str, Any]) -> None:
    call = direct.plain_call(["status", *words])
    assert call is not None
    assert call.values == values


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["x", "-h"],
        ["x", "--nope"],
        ["x", "--quiet=yes"],
        ["x", "--jobs"],
        ["x", "--jobs", "many"],
        ["x", "--jobs", "100"],
        ["x", "--jobs", "0"],
        ["x", "--jobs", "9" * 5000],
        ["x", "--when", "never"],
        ["x", "--note", "-y"],
        ["x", "--", "-y"],
    ],
)
def test_any_other_line_is_left_to_typer(words: list[str]) -> None:
    assert direct.plain_call(["status", *words]) is None


@pytest.mark.parametrize("words", [[], ["-h"], ["nope"], ["session"], ["session", "nope"], ["-C", "/", "status"]])
def test_a_line_without_a_plain_command_is_left_to_typer(words: list[str]) -> None:
    assert direct.plain_call(words) is None


def test_too_many_arguments_are_left_to_typer() -> None:
    assert direct.plain_call(["frameworks", "show", "rise", "care"]) is None


def test_a_command_of_a_group_is_found() -> None:
    call = direct.plain_call(["frameworks", "show", "rise", "--json"])
    assert call is not None
    assert call.function.__module__ == "git_pliny.cli.frameworks"
    assert call.values == {"name": "rise", "as_json": True}


def test_a_function_that_declares_nothing_is_left_to_typer(monkeypatch: pytest.MonkeyPatch) -> None:
    def plain(here: Invocation, *, count: int = 0) -> None: ...

    monkeypatch.setattr(loading, "function_of", lambda *_: plain)
    assert direct.plain_call(["status"]) is None


def test_a_type_that_only_typer_converts_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def plain(here: Invocation, *, which: Annotated[UUID | None, option("--which", help="Which.")] = None) -> None: ...

    monkeypatch.setattr(loading, "function_of", lambda *_: plain)
    assert direct.plain_call(["status", "--which", str(UUID(int=1))]) is None


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from(WORDS), max_size=7))
def test_what_is_read_directly_is_what_typer_reads(words: list[str]) -> None:
    ours = directly(["status", *words], HERE)
    assert ours is None or ours == by_typer(["status", *words])


def test_a_plain_command_starts_without_typer() -> None:
    script = (
        "import sys\nfrom git_pliny.cli.main import run\n"
        "assert run(['frameworks', 'list'], program_name='pliny') == 0\nprint('modules', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "git_pliny.cli.frameworks" in loaded
    assert loaded & {"typer", "rich", "dulwich", "asyncio", "tenacity"} == set()


def test_every_command_of_the_table_is_called_by_the_function_of_its_name() -> None:
    command = table.Command("show", "Show a framework.")
    group = table.Group("frameworks", "", (command,))
    assert loading.function_of(command, group).__qualname__ == "show_command"
