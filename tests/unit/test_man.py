"""The man pages in `man/` are those that the table, the docstrings and the manual give, and man can show them."""

import subprocess
import sys
from pathlib import Path

import pytest

from git_pliny.cli import manpages, table

MAN = Path(__file__).parents[2] / "man"


def has_man_db() -> bool:
    """Whether man is man-db's: others know no --warnings, and minimal systems have a stand-in that shows nothing."""
    try:
        done = subprocess.run(["man", "--version"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return False
    return done.stdout.startswith("man 2")


needs_man = pytest.mark.skipif(not has_man_db(), reason="needs man-db")


def test_the_pages_in_the_repository_are_current() -> None:
    committed = {page.name: page.read_text("utf-8") for page in MAN.glob("*.1")}
    assert committed == dict(manpages.pages()), "run: python -m git_pliny.cli.manpages man/"


def test_there_is_a_page_for_the_program_and_one_for_each_group_or_command() -> None:
    names = {name for name, _ in manpages.pages()}
    assert names == {"git-pliny.1", *(f"git-pliny-{entry.name}.1" for entry in table.entries())}


def test_writing_removes_the_pages_of_commands_that_are_no_more(tmp_path: Path) -> None:
    (tmp_path / "git-pliny-old.1").write_text("")
    (tmp_path / "other.1").write_text("")
    subprocess.run([sys.executable, "-m", "git_pliny.cli.manpages", str(tmp_path)], check=True)
    assert {page.name for page in tmp_path.iterdir()} == {"other.1", *(name for name, _ in manpages.pages())}


def test_every_command_of_a_group_has_its_place_in_the_page_of_the_group() -> None:
    page = dict(manpages.pages())["git-pliny-frameworks.1"]
    assert r".SS \fBgit pliny frameworks list\fR" in page
    assert r"\fBgit pliny frameworks show\fR [\-\-prompt\ PHASE] [\-\-json] NAME" in page


def test_the_page_of_the_program_names_its_exit_codes() -> None:
    assert ".SH EXIT STATUS\n.TP\n\\fB0\\fR\nDone.\n" in dict(manpages.pages())["git-pliny.1"]


@needs_man
@pytest.mark.parametrize("page", sorted(MAN.glob("*.1")), ids=lambda page: page.stem)
def test_man_shows_a_page_without_a_warning(page: Path) -> None:
    done = subprocess.run(["man", "--warnings", "-l", str(page)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@needs_man
def test_what_roff_would_take_for_its_own_is_shown_as_it_stands(tmp_path: Path) -> None:
    text = r".profile 'a' `b` c-d ~/x \e \fB 100% ^C"
    page = tmp_path / "x.1"
    page.write_text("\n".join([".TH X 1", ".SH NAME", *manpages._prose(text), ""]))
    environ = {"PATH": "/usr/bin:/bin", "MANWIDTH": "100", "LC_ALL": "C.UTF-8"}
    shown = subprocess.run(["man", "-l", str(page)], capture_output=True, text=True, check=True, env=environ).stdout
    assert text.replace("`b`", "b") in shown
