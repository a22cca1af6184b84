"""`doctor`: what it says of installation and repository, what it mends, and how it exits."""

import os
from pathlib import Path

import pytest
from looking import invocation, on_terminal, printed, printed_json
from scratch import Scratch
from tampering import HOSTILE, drop, edit_notes, half_deleted_session, lose, put_session, whole_session

from git_pliny import __version__
from git_pliny.cli.doctor import doctor_command
from git_pliny.errors import PlinyError
from git_pliny.store import sessions

Capsys = pytest.CaptureFixture[str]


def program(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """A PATH on which git-pliny and man are what they should be."""
    program(tmp_path / "bin", "git-pliny", f"echo git-pliny {__version__}")
    program(tmp_path / "bin", "man", "echo /share/man/man1/git-pliny.1")
    return {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def messages(capsys: Capsys, level: str) -> list[str]:
    return [line[13:] for line in printed(capsys).splitlines() if line.startswith(level)]


def test_a_sound_place_has_nothing_but_good_news(scratch: Scratch, capsys: Capsys, env: dict[str, str]) -> None:
    whole_session(scratch)
    assert doctor_command(invocation(scratch, env=env)) is None
    lines = printed(capsys).splitlines()
    assert all(line.startswith("ok ") for line in lines)
    assert any("git version" in line for line in lines)
    assert any(line.endswith(f"git-pliny {__version__}, {env['PATH'].partition(':')[0]}/git-pliny") for line in lines)


def test_in_json_everything_that_was_looked_at_is_told(scratch: Scratch, capsys: Capsys, env: dict[str, str]) -> None:
    assert doctor_command(invocation(scratch, env=env), as_json=True) == 0
    found = printed_json(capsys)
    assert found["ok"] is True
    assert {finding["level"] for finding in found["findings"]} == {"ok"}


def test_outside_a_repository_the_installation_is_checked(tmp_path: Path, capsys: Capsys, env: dict[str, str]) -> None:
    outside = Scratch(root=tmp_path, environ=dict(os.environ))
    assert doctor_command(invocation(outside, env=env)) is None
    assert "so only the installation was checked" in printed(capsys)


def test_a_program_that_is_not_on_the_path_is_a_problem(scratch: Scratch, capsys: Capsys, tmp_path: Path) -> None:
    program(tmp_path / "only-git", "git", f'exec "{_which_git()}" "$@"')
    with pytest.raises(PlinyError, match="1 problem found") as error:
        doctor_command(invocation(scratch, env={"PATH": str(tmp_path / "only-git")}))
    assert error.value.hint == "./install.sh, in a checkout of git-pliny"
    assert messages(capsys, "problem") == ["git-pliny is not on the PATH, so git does not know `git pliny`"]


def _which_git() -> str:
    return next(
        str(Path(folder, "git")) for folder in os.environ["PATH"].split(os.pathsep) if Path(folder, "git").exists()
    )


@pytest.mark.parametrize("text", ["echo git-pliny 0.0.1", "exit 1"])
def test_another_version_on_the_path_is_a_problem(
    scratch: Scratch, capsys: Capsys, env: dict[str, str], tmp_path: Path, text: str
) -> None:
    program(tmp_path / "bin", "git-pliny", text)
    with pytest.raises(PlinyError):
        doctor_command(invocation(scratch, env=env))
    assert "is another version than this one" in messages(capsys, "problem")[0]


def test_an_old_git_is_a_problem(scratch: Scratch, capsys: Capsys, env: dict[str, str], tmp_path: Path) -> None:
    program(tmp_path / "bin", "git", f'[ "$1" = version ] && echo git version 2.33.8 || exec "{_which_git()}" "$@"')
    with pytest.raises(PlinyError) as error:
        doctor_command(invocation(scratch, env=env))
    assert error.value.hint == "install git 2.34 or newer"
    assert messages(capsys, "problem") == ["git version 2.33.8 is too old"]


def test_a_missing_man_page_is_only_remarked_on(
    scratch: Scratch, capsys: Capsys, env: dict[str, str], tmp_path: Path
) -> None:
    program(tmp_path / "bin", "man", "exit 16")
    assert doctor_command(invocation(scratch, env=env)) is None
    assert "man page is not found" in messages(capsys, "remark")[0]


def test_what_can_be_mended_is_found_then_mended(scratch: Scratch, capsys: Capsys, env: dict[str, str]) -> None:
    session = whole_session(scratch)
    put_session(scratch, session, HOSTILE[-1])
    with pytest.raises(PlinyError) as error:
        doctor_command(invocation(scratch, env=env))
    assert error.value.hint == "git pliny doctor --fix"
    capsys.readouterr()
    assert doctor_command(invocation(scratch, env=env), fix=True) is None
    assert messages(capsys, "mended") == [
        f"session {session[:8]}: the session's object is not what its entries add up to"
    ]
    assert doctor_command(invocation(scratch, env=env)) is None


def test_everything_that_can_be_mended_is_mended_at_once(scratch: Scratch, capsys: Capsys, env: dict[str, str]) -> None:
    half_deleted_session(scratch)
    put_session(scratch, whole_session(scratch), b"x")
    (scratch.repository.local / "output" / "99999999-9999-9999-9999-999999999999").mkdir(parents=True)
    assert doctor_command(invocation(scratch, env=env), fix=True) is None
    assert len(messages(capsys, "mended")) == 3
    assert doctor_command(invocation(scratch, env=env)) is None
    assert messages(capsys, "remark") == []


def test_what_was_mended_is_told_in_json(scratch: Scratch, capsys: Capsys, env: dict[str, str]) -> None:
    session = whole_session(scratch)
    put_session(scratch, session, b"x")
    assert doctor_command(invocation(scratch, env=env), as_json=True) == 1
    assert printed_json(capsys)["ok"] is False
    assert doctor_command(invocation(scratch, env=env), fix=True, as_json=True) == 0
    assert [finding["message"][:16] for finding in printed_json(capsys)["findings"] if finding["mended"]] == [
        f"session {session[:8]}"
    ]


def test_what_cannot_be_mended_remains_a_problem(scratch: Scratch, capsys: Capsys, env: dict[str, str]) -> None:
    session = whole_session(scratch)
    edit_notes(scratch, session, drop(b'"agent_start","phase":"p","agent":"a"'))
    with pytest.raises(PlinyError, match="problem") as error:
        doctor_command(invocation(scratch, env=env), fix=True)
    assert error.value.hint == f"git pliny audit view {session[:8]}"


def test_what_was_tried_in_vain_is_not_proposed_again(scratch: Scratch, capsys: Capsys, env: dict[str, str]) -> None:
    session = whole_session(scratch)
    ref = f"{sessions.CHECKPOINTS}{session}/p"
    lose(scratch, ref)
    (scratch.root / ".git" / ref).unlink()
    with pytest.raises(PlinyError) as error:
        doctor_command(invocation(scratch, env=env))
    assert error.value.hint == "git pliny doctor --fix"
    with pytest.raises(PlinyError) as error:
        doctor_command(invocation(scratch, env=env), fix=True)
    assert error.value.hint is None


def test_of_entries_that_were_changed_the_hint_is_not_to_mend_them(
    scratch: Scratch, capsys: Capsys, env: dict[str, str]
) -> None:
    session = whole_session(scratch)
    edit_notes(scratch, session, lambda lines: [line.replace(b'"completed"', b'"failed"') for line in lines])
    with pytest.raises(PlinyError) as error:
        doctor_command(invocation(scratch, env=env))
    assert any("the session's object" in message for message in messages(capsys, "problem"))
    assert error.value.hint == f"git pliny audit view {session[:8]}"


def test_a_mend_that_fails_is_a_warning_and_the_others_are_made(
    scratch: Scratch, capsys: Capsys, env: dict[str, str]
) -> None:
    session = whole_session(scratch)
    folder = scratch.root / ".git" / "refs" / "pliny" / "sessions" / "x.lock"
    folder.mkdir()
    os.utime(folder, (0, 0))
    put_session(scratch, session, b"x")
    with pytest.raises(PlinyError, match="1 problem"):
        doctor_command(invocation(scratch, env=env), fix=True)
    said = capsys.readouterr()
    assert "warning: not mended: a killed git left the lock" in said.err
    assert scratch.session()["name"] == "Tidy the parser"


def test_it_works_while_the_plan_file_is_broken(scratch: Scratch, capsys: Capsys, env: dict[str, str]) -> None:
    whole_session(scratch)
    scratch.plan("a: [")
    assert doctor_command(on_terminal(scratch, env=env)) is None
    assert "warning: pliny.yaml:" in capsys.readouterr().err


def test_control_characters_of_refs_and_sessions_are_visible(
    scratch: Scratch, capsys: Capsys, env: dict[str, str]
) -> None:
    session = whole_session(scratch)
    scratch.git("update-ref", f"{sessions.CHECKPOINTS}{session}/\u202ex", "HEAD")
    with pytest.raises(PlinyError):
        doctor_command(invocation(scratch, env=env))
    assert "\\u202ex" in printed(capsys)
