"""What `git pliny execute` runs: which session, which of its agents, and what a dry run says of it."""

import json
from pathlib import Path

import pytest
from scratch import Scratch
from told import attempts, course, entries, of_type, statuses


def test_execute_goes_on_with_the_current_session_while_it_is_unfinished(scratch: Scratch) -> None:
    scratch.plan("task: Mend it\nagents: {a: {run: echo a >> log}, b: {run: '[ -e go ]'}}")
    started = scratch.pliny("execute", exits=3)
    first = scratch.session()["id"]
    assert f"session {first[:8]}: Mend it\n" in started.stderr
    scratch.write("go", "")
    resumed = scratch.pliny("execute")
    assert f"session {first[:8]}: Mend it (resumed)\n" in resumed.stderr
    assert scratch.session()["status"] == "completed"
    refused = scratch.pliny("execute", "--resume", exits=1)
    assert "error: there is no unfinished session to resume\nhint: git pliny session list\n" in refused.stderr
    refused = scratch.pliny("execute", "--resume", "--session", first[:6], exits=1)
    assert f"error: session {first[:8]} is completed: there is nothing to resume\n" in refused.stderr
    scratch.pliny("execute")
    second = scratch.session()["id"]
    assert second != first
    scratch.pliny("execute", "--session", first[:6], "--rerun", "a")
    assert scratch.session()["id"] == first
    assert (scratch.root / "log").read_text() == "a\n" * 3
    assert "there is no session 'zzz'" in scratch.pliny("execute", "--session", "zzz", exits=1).stderr
    scratch.pliny("session", "archive", first)
    assert f"session {first[:8]} is archived" in scratch.pliny("execute", "--session", first, exits=1).stderr
    scratch.pliny("execute")
    assert scratch.session()["id"] not in (first, second)


def test_a_task_text_starts_a_session_of_that_name_and_reaches_the_agents(scratch: Scratch) -> None:
    scratch.plan("agents: {a: {run: 'cp $PLINY_CONTEXT context.md; [ -e go ]'}}")
    scratch.pliny("execute", exits=3)
    first = scratch.session()["id"]
    scratch.pliny("execute", "Tidy the parser", exits=3)
    second = scratch.session()
    assert (second["id"] != first, second["name"]) == (True, "Tidy the parser")
    assert "Tidy the parser" in (scratch.root / "context.md").read_text()
    scratch.write("go", "")
    scratch.pliny("execute", "--resume")
    assert scratch.session()["id"] == second["id"]
    assert "Tidy the parser" in (scratch.root / "context.md").read_text()


def test_an_execute_inside_an_agent_has_a_session_of_its_own(scratch: Scratch) -> None:
    scratch.write("inner.yaml", "agents: {inside: {run: 'echo $PLINY_SESSION > inner.txt'}}")
    scratch.plan("agents: {outer: {run: 'echo $PLINY_SESSION > outer.txt; git pliny execute --plan inner.yaml'}}")
    scratch.pliny("execute")
    inner, outer = ((scratch.root / f"{name}.txt").read_text().strip() for name in ("inner", "outer"))
    assert scratch.session()["id"] == outer
    assert inner != outer
    listed = json.loads(scratch.pliny("session", "list", "--json").stdout)
    assert {session["id"]: session["status"] for session in listed} == {inner: "completed", outer: "completed"}


@pytest.mark.parametrize("option", ["--plan", "--framework"])
def test_a_plan_that_is_not_there_is_named(scratch: Scratch, option: str) -> None:
    refused = scratch.pliny("execute", option, "risen", exits=1)
    assert "risen" in refused.stderr
    assert scratch.git("for-each-ref", "refs/pliny") == ""


def test_dry_run_shows_the_plan_and_writes_nothing(scratch: Scratch) -> None:
    scratch.plan("agents: {a: {run: touch a.txt}, b: {run: touch b.txt, needs: [a]}}")
    before = everything(scratch.root)
    done = scratch.pliny("execute", "--dry-run")
    assert [line.split() for line in done.stdout.splitlines()[3:]] == [
        ["main", "a", "run", "touch", "a.txt"],
        ["main", "b", "run", "a", "touch", "b.txt"],
    ]
    assert everything(scratch.root) == before
    scratch.pliny("execute", "--only", "a")
    before = everything(scratch.root)
    planned = json.loads(scratch.pliny("execute", "-n", "--json", "--framework", "rise", exits=1).stdout or "[]")
    assert planned == []
    planned = json.loads(scratch.pliny("execute", "-n", "--json").stdout)
    assert [(row["agent"], row["action"]) for row in planned] == [("a", "skip"), ("b", "run")]
    assert everything(scratch.root) == before


def test_dry_run_tells_that_a_completed_agent_with_a_new_definition_runs_again(scratch: Scratch) -> None:
    text = "agents: {a: {run: echo a}, b: {run: echo b}, c: {run: exit 1}}"
    scratch.plan(text)
    scratch.pliny("execute", exits=3)
    scratch.plan(text.replace("echo b", "echo other"))
    shown = scratch.pliny("execute", "--resume", "--dry-run").stdout.splitlines()[3:]
    assert [line.split()[1:3] for line in shown] == [["a", "skip"], ["b", "run"], ["c", "run"]]


def everything(root: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder, git's own included: when it was changed, and its bytes."""
    return {
        str(path.relative_to(root)): (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in sorted(root.rglob("*"))
    }


def test_only_runs_the_named_agents_and_phases_with_needs_checked(scratch: Scratch) -> None:
    scratch.plan(
        """
        agents: {a: {run: echo a >> log}, b: {run: echo b >> log, needs: [a]}, c: {run: echo c >> log}}
        phases: [{name: one, agents: [a, c]}, {name: two, agents: [b]}]
        """
    )
    refused = scratch.pliny("execute", "--only", "b", exits=1)
    assert "error: agent b needs a, which has not completed\nhint: add --only a\n" in refused.stderr
    near = scratch.pliny("execute", "--only", "twi", exits=1)
    assert "no agent or phase 'twi'; did you mean 'two'?" in near.stderr
    assert scratch.run("git", "show", "PLINY_HEAD").returncode != 0
    done = scratch.pliny("execute", "--only", "a")
    assert "paused: only a part of the plan was asked for" in done.stderr
    assert scratch.session()["status"] == "paused"
    idle = scratch.pliny("execute", "--only", "a")
    assert "not run, since done before: a\nhint: to run again: git pliny execute --only a --rerun a\n" in idle.stderr
    scratch.pliny("execute", "--only", "two")
    assert statuses(scratch) == {"a": "completed", "c": "pending", "b": "completed"}
    scratch.pliny("execute")
    assert (scratch.root / "log").read_text().split() == ["a", "b", "c"]
    assert scratch.session()["status"] == "completed"


def test_rerun_runs_an_agent_again_and_what_needs_it(scratch: Scratch) -> None:
    scratch.plan(
        """
        agents:
          a: {run: echo a >> log}
          b: {run: echo b >> log, needs: [a]}
          c: {run: echo c >> log, needs: [b]}
          d: {run: echo d >> log}
        phases: [{name: one, agents: [a, d]}, {name: two, agents: [b, c]}]
        """
    )
    scratch.pliny("execute")
    session = scratch.session()["id"]
    told = entries(scratch.pliny("execute", "--rerun", "b", "--json"))
    assert course(told, "agent_start") == ["agent_start b", "agent_start c"]
    assert of_type(told, "agent_rerun")[0]["data"] == {"agents": ["b", "c"]}
    assert scratch.session()["id"] == session
    assert attempts(scratch) == {"a": 1, "d": 1, "b": 2, "c": 2}
    scratch.pliny("execute", "--rerun", "a", "--rerun", "d")
    assert attempts(scratch) == {"a": 2, "d": 2, "b": 3, "c": 3}
    refused = scratch.pliny("execute", "--rerun", "a", "--only", "a", "--only", "c", exits=1)
    assert "agent c needs b, which has not completed" in refused.stderr
    near = scratch.pliny("execute", "--rerun", "aa", exits=1)
    assert "the plan has no agent 'aa'; did you mean 'a'?" in near.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--parallel", "--sequential"], "--parallel and --sequential exclude each other"),
        (["--iterations", "2", "--continuous"], "--iterations and --continuous exclude each other"),
        (["--iterations", "0"], "--iterations"),
        (["-j", "many"], "--jobs"),
        (["--checkpoint", "never"], "--checkpoint"),
        (["one", "two"], "two"),
        (["--resume", "a task"], "a task text starts a new session"),
        (["--session", "abc", "a task"], "a task text starts a new session"),
    ],
)
def test_a_wrong_command_line_exits_2_and_touches_nothing(scratch: Scratch, options: list[str], message: str) -> None:
    scratch.plan("agents: {a: {run: touch a.txt}}")
    assert message in scratch.pliny("execute", *options, exits=2).stderr
    assert not (scratch.root / "a.txt").exists()
    assert scratch.git("for-each-ref", "refs/pliny") == ""
