"""The checkpoint commands: created, listed, shown, compared and deleted."""

import json
import os
from collections.abc import Callable

import pytest
from looking import invocation, on_terminal, printed, printed_json
from scratch import Scratch
from stores import ended, new_session, plan_of, started
from tampering import whole_session

from git_pliny.cli.checkpoint import diff_command, list_command, show_command
from git_pliny.cli.checkpoint_changes import create_command, delete_command
from git_pliny.cli.main import run as run_program
from git_pliny.errors import BusyError, NotFoundError, PlinyError, UsageError
from git_pliny.model.events import Event, EventType
from git_pliny.store.audit import verify
from git_pliny.store.checkpoints import Occasion

Capsys = pytest.CaptureFixture[str]
Capfd = pytest.CaptureFixture[str]


def create(scratch: Scratch, name: str, capsys: Capsys) -> str:
    capsys.readouterr()
    create_command(invocation(scratch), name=name)
    return printed(capsys).strip()


def test_a_checkpoint_by_hand_is_an_ordinary_commit(scratch: Scratch, capsys: Capsys) -> None:
    session = whole_session(scratch)
    scratch.write("new", "text")
    commit = create(scratch, "mine", capsys)
    assert scratch.git("show", f"{commit}:new") == "text"
    assert scratch.git("rev-parse", f"refs/pliny/checkpoints/{session}/mine^{{commit}}") == commit
    assert scratch.session()["checkpoints"]["mine"] == commit
    assert verify(scratch.repository, session).findings == []


def test_creating_one_leaves_status_and_index_as_they_were(scratch: Scratch, capsys: Capsys) -> None:
    whole_session(scratch)
    scratch.write("staged", "1")
    scratch.git("add", "staged")
    scratch.write("staged", "2")
    before = scratch.git("status", "--porcelain"), (scratch.root / ".git" / "index").read_bytes()
    create(scratch, "mine", capsys)
    assert (scratch.git("status", "--porcelain"), (scratch.root / ".git" / "index").read_bytes()) == before


def test_a_taken_name_is_refused(scratch: Scratch, capsys: Capsys) -> None:
    whole_session(scratch)
    create(scratch, "mine", capsys)
    for name in ("mine", "MINE", "start"):
        with pytest.raises(PlinyError, match="has a checkpoint"):
            create_command(invocation(scratch), name=name)


def test_a_name_that_differs_in_case_only_is_refused_with_the_one_that_is_there(
    scratch: Scratch, capsys: Capsys
) -> None:
    whole_session(scratch)
    create(scratch, "Mine", capsys)
    with pytest.raises(PlinyError, match="checkpoint 'Mine' already, and two names can't differ in case only"):
        create_command(invocation(scratch), name="mINE")


def test_a_name_that_holds_a_secret_is_refused_and_not_stored(scratch: Scratch) -> None:
    session, secret = whole_session(scratch), "h7Gq2-xv91LmPz04"
    with pytest.raises(PlinyError, match="the name holds a secret"):
        create_command(invocation(scratch, env={"SERVICE_API_KEY": secret}), name=f"with-{secret}")
    assert secret not in scratch.git("for-each-ref", f"refs/pliny/checkpoints/{session}")


@pytest.mark.parametrize(
    "name", ["../x", "-x", "a..b", "refs/heads/main", "con", "x.lock", "a\nb\x1b[2J", "ü ñ", "a" * 100_000, "@{1}"]
)
def test_a_checkpoint_can_have_any_name(scratch: Scratch, capsys: Capsys, name: str) -> None:
    session = whole_session(scratch)
    commit = create(scratch, name, capsys)
    assert scratch.session()["checkpoints"][name] == commit
    list_command(invocation(scratch))
    assert commit[:12] in printed(capsys)
    show_command(on_terminal(scratch, env={"NO_COLOR": "1"}), name=name)
    assert commit in printed(capsys)
    assert verify(scratch.repository, session).findings == []
    delete_command(invocation(scratch), name=name)
    assert name not in scratch.session()["checkpoints"]


def test_an_empty_name_is_refused(scratch: Scratch) -> None:
    whole_session(scratch)
    with pytest.raises(PlinyError, match="needs a name"):
        create_command(invocation(scratch), name="")


def test_inside_an_agent_its_session_and_place_are_found_in_the_environment(scratch: Scratch, capsys: Capsys) -> None:
    session = whole_session(scratch)
    whole_session(scratch)
    env = {"PLINY_SESSION": session, "PLINY_AGENT": "fix", "PLINY_PHASE": "p", "PLINY_ATTEMPT": "2"}
    create_command(invocation(scratch, env=env), name="mine")
    capsys.readouterr()
    list_command(invocation(scratch, env=env), as_json=True)
    made = printed_json(capsys)[-1]
    assert (made["name"], made["agent"], made["phase"], made["attempt"], made["kind"]) == (
        "mine",
        "fix",
        "p",
        2,
        "manual",
    )


def test_outside_its_session_an_agents_place_does_not_count(scratch: Scratch, capsys: Capsys) -> None:
    inner, session = whole_session(scratch), whole_session(scratch)
    env = {"PLINY_SESSION": inner, "PLINY_AGENT": "fix", "PLINY_ATTEMPT": "two"}
    create_command(invocation(scratch, env=env), name="mine", session=session)
    create_command(invocation(scratch, env=env), name="other")
    capsys.readouterr()
    list_command(invocation(scratch), session=session, as_json=True)
    assert printed_json(capsys)[-1]["agent"] is None
    list_command(invocation(scratch), session=inner, as_json=True)
    made = printed_json(capsys)[-1]
    assert (made["agent"], made["attempt"]) == ("fix", None)


def test_one_can_be_created_while_the_session_runs(scratch: Scratch, capsys: Capsys) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("a"), started("a"))
        commit = create(scratch, "mine", capsys)
        run.append(ended("a"))
    assert scratch.session()["checkpoints"]["mine"] == commit
    assert scratch.session()["completed_agents"] == ["a"]


def test_one_can_be_created_while_the_plan_file_is_broken(scratch: Scratch, capsys: Capsys) -> None:
    whole_session(scratch)
    scratch.plan("a: [")
    create_command(invocation(scratch), name="mine")
    said = capsys.readouterr()
    assert said.err.startswith("warning: pliny.yaml:")
    assert len(said.out.strip()) == 40


def test_what_is_made_is_told_in_json(scratch: Scratch, capsys: Capsys) -> None:
    session = whole_session(scratch)
    create_command(invocation(scratch), name="mine", as_json=True)
    made = printed_json(capsys)
    assert (made["session"], made["name"], made["commit"]) == (
        session,
        "mine",
        scratch.session()["checkpoints"]["mine"],
    )


def test_nested_repositories_that_are_not_kept_whole_are_named(scratch: Scratch, capsys: Capsys) -> None:
    whole_session(scratch)
    for number in range(7):
        scratch.git("init", "-q", f"nested{number}")
    create_command(invocation(scratch), name="mine")
    said = capsys.readouterr().err
    assert "warning: nested repository 'nested0" in said
    assert "has no commit yet: it is left out" in said
    assert "and 2 nested repositories more" in said


def test_checkpoints_are_listed_in_order_with_where_they_were_taken(scratch: Scratch, capsys: Capsys) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("fix"))
        run.checkpoint(Occasion(name="error-fix", phase="p", agent="fix"))
    list_command(invocation(scratch))
    heading, start, error = (line.split() for line in printed(capsys).splitlines())
    assert heading == ["NAME", "COMMIT", "AGE", "KIND", "PHASE", "AGENT"]
    assert (start[0], start[3:]) == ("start", ["start", "-", "-"])
    assert (error[0], error[3:]) == ("error-fix", ["manual", "p", "fix"])


def test_a_checkpoint_that_an_entry_of_any_shape_names_is_listed(scratch: Scratch, capsys: Capsys) -> None:
    with new_session(scratch) as run:
        for data in ({"name": "x", "commit": "a" * 40, "kind": "phase"}, {"name": ["y"], "commit": 7}, {}):
            run.append(Event(type=EventType.CHECKPOINT, data=data))
    list_command(invocation(scratch), as_json=True)
    assert [made["name"] for made in printed_json(capsys)] == ["start", "x"]


def test_showing_one_tells_what_it_changed_and_its_events(scratch: Scratch, capsys: Capsys) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("a"), started("a"), ended("a"))
        scratch.write("new", "1\n2\n")
        run.checkpoint(Occasion(name="after", phase="p"))
    show_command(invocation(scratch), name="after")
    shown = printed(capsys)
    assert "phase        p\n" in shown
    assert f"HEAD         main at {scratch.git('rev-parse', 'HEAD')[:12]}\n" in shown
    assert " new | 2 ++\n 1 file changed, 2 insertions(+)\n" in shown
    assert "agent_end          a#1  status=completed" in shown


def test_showing_the_first_one_tells_what_differs_from_head(scratch: Scratch, capsys: Capsys) -> None:
    with new_session(scratch):
        pass
    show_command(invocation(scratch), name="start")
    assert "\nnothing changed\n" in printed(capsys)


def test_showing_one_of_a_repository_without_a_commit_tells_every_file(
    make_scratch: Callable[..., Scratch], capsys: Capsys
) -> None:
    empty = make_scratch("empty", commit=False)
    empty.write("file", "1\n")
    with new_session(empty):
        pass
    show_command(invocation(empty), name="start", as_json=True)
    assert printed_json(capsys)["changes"] == [{"path": "file", "change": "write"}]
    show_command(invocation(empty), name="start")
    assert "HEAD         main without a commit yet\n" in printed(capsys)


def test_colours_that_the_user_always_wants_of_git_do_not_stand_in_what_is_shown(
    scratch: Scratch, capsys: Capsys
) -> None:
    scratch.git("config", "color.ui", "always")
    with new_session(scratch) as run:
        scratch.write("new", "1\n")
        run.checkpoint(Occasion(name="after", phase="p"))
    show_command(invocation(scratch), name="after")
    assert " new | 1 +\n" in printed(capsys)


def test_showing_one_in_json_holds_the_entries_as_they_are(scratch: Scratch, capsys: Capsys) -> None:
    session = whole_session(scratch)
    show_command(invocation(scratch), name="p", as_json=True)
    shown = printed_json(capsys)
    assert shown["ref"] == f"refs/pliny/checkpoints/{session}/p"
    assert shown["head"].endswith(" refs/heads/main")
    assert [entry["type"] for entry in shown["entries"]] == [
        "plan_change",
        "agent_start",
        "agent_end",
        "checkpoint",
        "agent_start",
        "agent_end",
    ]


def test_a_checkpoint_that_is_not_there_is_an_error_with_the_nearest(scratch: Scratch) -> None:
    session = whole_session(scratch)
    with pytest.raises(NotFoundError, match="no checkpoint 'strat', did you mean 'start'") as error:
        show_command(invocation(scratch), name="strat")
    assert error.value.hint == f"git pliny checkpoint list --session {session[:8]}"
    with pytest.raises(NotFoundError, match="no checkpoint"):
        show_command(invocation(scratch), name="\x1b" * 10_000)


def test_a_checkpoint_is_compared_with_the_workspace_untracked_files_included(scratch: Scratch, capfd: Capfd) -> None:
    whole_session(scratch)
    scratch.write("new", "text\n")
    assert diff_command(invocation(scratch), name=["start"]) == 0
    assert "+text" in capfd.readouterr().out
    diff_command(invocation(scratch), name=["start"], as_json=True)
    assert json.loads(capfd.readouterr().out) == [{"path": "new", "change": "write"}]


def test_two_checkpoints_are_compared(scratch: Scratch, capfd: Capfd) -> None:
    whole_session(scratch)
    scratch.write("new", "text\n")
    create_command(invocation(scratch), name="mine")
    scratch.write("new", "later\n")
    capfd.readouterr()
    diff_command(invocation(scratch), name=["start", "mine", "--stat"])
    assert " new | 1 +" in capfd.readouterr().out
    diff_command(invocation(scratch), name=["mine", "start"], as_json=True)
    assert json.loads(capfd.readouterr().out) == [{"path": "new", "change": "remove"}]


def test_options_and_paths_for_git_stand_after_two_dashes(
    scratch: Scratch, capfd: Capfd, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole_session(scratch)
    for name in ("one", "two"):
        scratch.write(name, "text\n")
    monkeypatch.chdir(scratch.root)
    arguments = ["checkpoint", "diff", "start", "--", "--name-only", "--exit-code", "--", "two"]
    assert run_program(arguments, program_name="git pliny") == 1
    assert capfd.readouterr().out == "two\n"


@pytest.mark.parametrize("names", [["--stat"], ["start", "p", "start"]])
def test_comparing_takes_one_checkpoint_or_two(scratch: Scratch, names: list[str]) -> None:
    whole_session(scratch)
    with pytest.raises(UsageError, match="one checkpoint, or two"):
        diff_command(invocation(scratch), name=names)


def test_a_deleted_checkpoint_is_gone_and_the_trail_says_so(scratch: Scratch, capsys: Capsys) -> None:
    session = whole_session(scratch)
    delete_command(invocation(scratch), name="p")
    assert list(scratch.session()["checkpoints"]) == ["start"]
    assert scratch.git("for-each-ref", f"refs/pliny/checkpoints/{session}/p") == ""
    assert verify(scratch.repository, session).findings == []
    with pytest.raises(NotFoundError):
        delete_command(invocation(scratch), name="p")


def test_start_is_deleted_by_force_only_and_the_last_one_never(scratch: Scratch) -> None:
    whole_session(scratch)
    with pytest.raises(PlinyError) as error:
        delete_command(invocation(scratch), name="start")
    assert error.value.hint == "git pliny checkpoint delete --force start"
    delete_command(invocation(scratch), name="start", force=True)
    with pytest.raises(PlinyError, match="is the only checkpoint"):
        delete_command(invocation(scratch), name="p", force=True)


def test_while_a_session_runs_its_checkpoints_are_not_deleted(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        run.checkpoint(Occasion(name="x"))
        with pytest.raises(BusyError, match=f"held by process {os.getpid()}"):
            delete_command(invocation(scratch), name="x")


def test_without_a_session_there_is_nothing_to_keep_it_in(scratch: Scratch) -> None:
    with pytest.raises(NotFoundError, match="no current session") as error:
        create_command(invocation(scratch), name="mine")
    assert error.value.hint == 'git pliny session start "NAME"'
