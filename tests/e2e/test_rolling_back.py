"""`git pliny rollback`: files, index, branch and session as they were, undoable, and never over unsaved work."""

import json
from pathlib import Path

import pytest
from scratch import Scratch
from told import attempts, checkpoints, statuses

PLAN = """
agents:
  read: {run: echo read > notes.txt}
  write: {run: echo draft >> text.txt, needs: [read]}
  polish: {run: echo polished >> text.txt}
phases:
  - {name: research, agents: [read]}
  - {name: work, agents: [write, polish]}
"""


@pytest.fixture
def ran(scratch: Scratch) -> Scratch:
    """A repository in which the plan has run, with a checkpoint after each agent."""
    scratch.plan(PLAN)
    scratch.write(".gitignore", "ignored/\n")
    scratch.commit("plan")
    scratch.pliny("execute", "--checkpoint", "agent")
    return scratch


def files(scratch: Scratch) -> dict[str, str]:
    names = scratch.git("ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    return {name: (scratch.root / name).read_text() for name in sorted(set(names)) if (scratch.root / name).exists()}


@pytest.mark.parametrize(
    ("name", "kept", "left"),
    [
        ("start", "start", []),
        ("read", "read", ["notes.txt"]),
        ("before-read", "start", []),
        ("after-read", "read", ["notes.txt"]),
        ("after-research", "read", ["notes.txt"]),
        ("before-work", "read", ["notes.txt"]),
        ("before-write", "read", ["notes.txt"]),
        ("before-polish", "write", ["notes.txt", "text.txt"]),
        ("after-work", "polish", ["notes.txt", "text.txt"]),
    ],
)
def test_a_name_finds_its_checkpoint(ran: Scratch, name: str, kept: str, left: list[str]) -> None:
    done = json.loads(ran.pliny("rollback", name, "--json").stdout)
    assert done["checkpoint"] == kept
    assert [path for path in files(ran) if path not in (".gitignore", "README", "pliny.yaml")] == left


def test_what_ended_since_is_set_back_and_runs_again(ran: Scratch) -> None:
    told = ran.pliny("rollback", "read")
    assert told.stdout.splitlines() == ["remove text.txt"]
    assert "set back: write, polish; to run them again: git pliny execute --resume" in told.stderr
    assert "to undo this: git pliny rollback --undo" in told.stderr
    assert statuses(ran) == {"read": "completed", "write": "rolled-back", "polish": "rolled-back"}
    session = ran.session()
    assert (session["status"], session["completed_agents"]) == ("paused", ["read"])
    assert checkpoints(ran)[-1] == "before-rollback"
    assert ran.git("show", f"{session['checkpoints']['before-rollback']}:text.txt") == "draft\npolished"
    ran.pliny("execute", "--resume")
    assert attempts(ran) == {"read": 1, "write": 2, "polish": 2}
    assert (ran.root / "text.txt").read_text() == "draft\npolished\n"
    assert ran.session()["status"] == "completed"


def test_a_dry_run_lists_and_undo_returns(ran: Scratch) -> None:
    before, session = files(ran), ran.session()
    told = ran.pliny("rollback", "start", "--dry-run")
    assert told.stdout.splitlines() == ["remove notes.txt", "remove text.txt"]
    assert "2 paths would change, 3 agents would be set back" in told.stderr
    assert (files(ran), ran.session()["checkpoints"]) == (before, session["checkpoints"])
    ran.pliny("rollback", "start")
    assert set(statuses(ran).values()) == {"rolled-back"}
    ran.pliny("rollback", "--undo")
    assert files(ran) == before
    assert (set(statuses(ran).values()), ran.session()["status"]) == ({"completed"}, "completed")
    assert checkpoints(ran)[-2:] == ["before-rollback", "before-rollback.2"]


def test_index_and_branch_go_back_too_and_ignored_files_stay(ran: Scratch) -> None:
    ran.git("add", "text.txt")
    ran.pliny("checkpoint", "create", "staged")
    status, head = ran.git("status", "--porcelain=v2", "--branch"), ran.git("rev-parse", "HEAD")
    ran.commit("take it all")
    ran.write("ignored/kept.txt", "kept\n")
    ran.write("later.txt", "later\n")
    ran.pliny("rollback", "staged")
    assert ran.git("rev-parse", "HEAD") == head
    assert ran.git("symbolic-ref", "HEAD") == "refs/heads/main"
    assert ran.git("status", "--porcelain=v2", "--branch") == status
    assert (ran.root / "ignored/kept.txt").read_text() == "kept\n"
    assert ran.git("reflog", "-1", "--format=%gs") == "pliny rollback: staged"


def test_another_branch_is_refused_unless_head_is_to_stay(ran: Scratch) -> None:
    ran.git("checkout", "-q", "-b", "other")
    before, kept = files(ran), checkpoints(ran)
    refused = ran.pliny("rollback", "start", exits=4)
    assert checkpoints(ran) == kept
    assert "other" in refused.stderr
    assert "--keep-head" in refused.stderr
    assert files(ran) == before
    assert set(statuses(ran).values()) == {"completed"}
    ran.pliny("rollback", "start", "--keep-head")
    assert ran.git("symbolic-ref", "HEAD") == "refs/heads/other"
    assert "notes.txt" not in files(ran)


def test_an_operation_in_progress_is_refused(ran: Scratch) -> None:
    ran.commit("base")
    ran.git("checkout", "-q", "-b", "side")
    ran.write("text.txt", "side\n")
    ran.commit("side")
    ran.git("checkout", "-q", "main")
    ran.write("text.txt", "main\n")
    ran.commit("main")
    assert ran.run("git", "merge", "side").returncode == 1
    merging = (ran.root / "text.txt").read_text()
    refused = ran.pliny("rollback", "start", exits=4)
    assert "merge" in refused.stderr
    assert (ran.root / "text.txt").read_text() == merging
    assert (ran.root / ".git/MERGE_HEAD").exists()


def test_what_is_not_kept_is_never_overwritten_and_named(ran: Scratch) -> None:
    """An ignored file in the place of one that the checkpoint has is in no snapshot."""
    ran.git("rm", "-q", "--cached", "README")
    ran.write(".gitignore", "README\n")
    ran.write("README", "mine, and nowhere else\n")
    refused = ran.pliny("rollback", "start", exits=4)
    assert "README" in refused.stderr
    assert (ran.root / "README").read_text() == "mine, and nowhere else\n"
    assert (ran.root / "notes.txt").exists()


def test_a_failed_agent_is_rolled_back_and_run_again(scratch: Scratch) -> None:
    scratch.plan(
        """
        agents:
          good: {run: echo good >> log}
          failed-agent: {run: "echo half >> log; [ -e go ]"}
        phases: [{name: one, agents: [good]}, {name: two, agents: [failed-agent]}]
        """
    )
    scratch.write(".gitignore", "go\n")
    scratch.pliny("execute", exits=3)
    assert (scratch.root / "log").read_text() == "good\nhalf\n"
    scratch.pliny("rollback", "before-failed-agent")
    assert (scratch.root / "log").read_text() == "good\n"
    assert scratch.session()["agents"]["failed-agent"]["status"] == "rolled-back"
    scratch.write("go", "")
    scratch.pliny("execute", "--rerun", "failed-agent")
    assert (scratch.root / "log").read_text() == "good\nhalf\n"
    assert attempts(scratch) == {"good": 1, "failed-agent": 2}
    assert scratch.session()["status"] == "completed"


def test_before_an_agent_is_before_the_first_of_its_tries_and_after_a_rollback_the_first_since(
    scratch: Scratch,
) -> None:
    """The checkpoints of failed tries, and those that rollbacks make, hold work that is half done."""
    scratch.plan(
        """
        agents: {base: {run: echo base >> log}, bad: {run: "echo half >> log; exit 1"}}
        phases: [{name: one, agents: [base]}, {name: two, agents: [bad]}]
        """
    )
    scratch.pliny("execute", exits=3)
    scratch.pliny("execute", exits=3)
    assert (scratch.root / "log").read_text() == "base\nhalf\nhalf\n"
    for name in ("before-bad", "before-two"):
        scratch.pliny("rollback", name)
        assert (scratch.root / "log").read_text() == "base\n"
        scratch.pliny("execute", exits=3)
        assert (scratch.root / "log").read_text() == "base\nhalf\n"
    done = json.loads(scratch.pliny("rollback", "before-bad", "--json").stdout)
    assert done["checkpoint"] == "one"


def test_commits_and_checkpoints_of_agents_are_rolled_back_to_and_over(scratch: Scratch) -> None:
    scratch.plan(
        """
        agents:
          commits: {run: "echo 1 > one.txt; git add one.txt; git commit -qm one; git pliny checkpoint create mid; echo 2 > two.txt"}
        """
    )
    head = scratch.git("rev-parse", "HEAD")
    scratch.pliny("execute")
    session, made = scratch.session()["id"], scratch.git("rev-parse", "HEAD")
    assert checkpoints(scratch) == ["start", "mid", "main"]
    told = scratch.git("log", "-1", "--format=%B", f"refs/pliny/checkpoints/{session}/mid")
    assert {"Pliny-Agent: commits", "Pliny-Attempt: 1", "Pliny-Phase: main"} <= set(told.splitlines())
    assert f"Pliny-Head: {made} refs/heads/main" in told
    scratch.pliny("rollback", "mid")
    assert (scratch.git("rev-parse", "HEAD"), (scratch.root / "two.txt").exists()) == (made, False)
    scratch.pliny("rollback", "start")
    assert scratch.git("rev-parse", "HEAD") == head
    assert not (scratch.root / "one.txt").exists()
    assert scratch.git("fsck", "--strict", "--no-dangling") == ""


def test_it_works_from_a_subdirectory_that_goes_away(ran: Scratch) -> None:
    deep: Path = ran.root / "new/deep"
    deep.mkdir(parents=True)
    (deep / "file").write_text("x\n")
    ran.pliny("rollback", "start", cwd=deep)
    assert not (deep / "file").exists()
    assert ran.git("fsck", "--strict", "--no-dangling") == ""


def test_what_cannot_be_found_is_said_with_the_nearest_name(ran: Scratch) -> None:
    for arguments, code, message in (
        (["reed"], 1, "the session has no checkpoint 'reed'; did you mean 'read'?"),
        (["before-nothing"], 1, "the session has no checkpoint 'before-nothing'"),
        (["--undo"], 1, "the session has no rollback to undo"),
        ([], 2, "give the name of a checkpoint, or --undo"),
        (["read", "--undo"], 2, "give the name of a checkpoint, or --undo"),
        (["read", "--session", "zzz"], 1, "there is no session 'zzz'"),
    ):
        refused = ran.pliny("rollback", *arguments, exits=code).stderr
        assert f"error: {message}" in refused
        assert "hint: " in refused


def test_an_agent_that_failed_twice_is_named_once_as_set_back(scratch: Scratch) -> None:
    scratch.plan("agents: {a: {run: exit 1}}")
    scratch.pliny("execute", exits=3)
    scratch.pliny("execute", "--resume", exits=3)
    assert "set back: a; to run" in scratch.pliny("rollback", "start").stderr


def test_a_path_with_a_line_end_stays_one_line(scratch: Scratch) -> None:
    scratch.plan("agents: {a: {run: \"printf x > 'two\\nlines'\"}}")
    scratch.pliny("execute")
    assert scratch.pliny("rollback", "start", "--dry-run").stdout == "remove two\\nlines\n"


def test_broken_settings_of_the_user_are_an_error_and_not_a_warning_first(ran: Scratch) -> None:
    settings = ran.write("broken.toml", "x = [")
    folder = Path(ran.environ["XDG_CONFIG_HOME"]) / "pliny"
    folder.mkdir(parents=True)
    settings.rename(folder / "config.toml")
    try:
        refused = ran.pliny("rollback", "start", exits=1)
    finally:
        (folder / "config.toml").unlink()
    assert refused.stderr.count("config.toml") == 1
    assert "going on" not in refused.stderr
