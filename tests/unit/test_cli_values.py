"""TAB offers the sessions, checkpoints, agents and phases that there are."""

import pytest
from scratch import Scratch
from stores import ended, new_session, plan_of, started

from git_pliny.cli.main import run


@pytest.fixture
def sessions(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of two sessions, the second of them current, with an agent that completed and one that has to run."""
    with new_session(scratch, "first") as first:
        pass
    with new_session(scratch, "second") as second:
        second.append(plan_of("lint", "test"), started("lint"), ended("lint"))
    monkeypatch.chdir(scratch.root)
    return [first.session, second.session]


def offered(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert run(["__complete", *words], program_name="git pliny") == 0
    return capsys.readouterr().out.splitlines()


def test_sessions_are_offered_latest_first_with_their_names(
    sessions: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = (session[:8] for session in sessions)
    assert offered(capsys, "session", "show", "") == [f"{second}\tsecond", f"{first}\tfirst"]


def test_only_sessions_that_begin_as_typed_are_offered(sessions: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    typed = sessions[0][:6]
    assert offered(capsys, "rollback", "--session", typed) == [f"{sessions[0][:8]}\tfirst"]


def test_checkpoints_of_the_current_session_are_offered(
    sessions: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    [offer] = offered(capsys, "rollback", "st")
    assert offer.startswith("start\t")


def test_checkpoints_of_the_session_that_is_named_are_offered(
    sessions: list[str], scratch: Scratch, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = scratch.git("rev-parse", f"refs/pliny/checkpoints/{sessions[0]}/start^{{commit}}")
    assert offered(capsys, "rollback", "--session", sessions[0][:8], "st") == [f"start\t{wanted[:8]}"]


def test_agents_to_run_again_are_offered_with_their_state(
    sessions: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert offered(capsys, "execute", "--rerun", "") == ["lint\tcompleted", "test\tpending"]


def test_phases_and_agents_to_run_alone_are_offered(sessions: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert offered(capsys, "execute", "--only", "") == ["p\tphase", "lint\tcompleted", "test\tpending"]


def test_without_a_session_nothing_is_offered(
    scratch: Scratch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(scratch.root)
    assert run(["__complete", "rollback", ""], program_name="git pliny") == 1
    assert capsys.readouterr().out == ""
