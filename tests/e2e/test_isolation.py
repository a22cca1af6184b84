"""Agents in worktrees of their own: what they start from, how their changes come together, and what is never lost."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from scratch import Scratch
from told import checkpoints, entries, statuses

LINES = "".join(f"line {number}\n" for number in range(1, 21))


@pytest.fixture
def edited(scratch: Scratch) -> Scratch:
    """A repository with a file of twenty lines, and work of the user's that is not committed."""
    scratch.write("file", LINES)
    scratch.write("gone", "x\n")
    scratch.write(".gitignore", ".env\nnode_modules/\nbuild/\n")
    scratch.commit()
    scratch.write("file", LINES.replace("line 20", "line 20 of the user"))
    scratch.write("notes", "untracked\n")
    scratch.git("add", "-N", "notes")
    return scratch


def isolated(agents: str, *, execution: str = "", phases: str = "") -> str:
    head = f"execution: {{parallel: true, jobs: 4, isolation: worktree{execution}}}\n"
    return f"{head}agents:\n{agents}\n{phases}"


def state_of_user(scratch: Scratch) -> tuple[str, ...]:
    """What a merge must leave alone: index, HEAD, branches and stash."""
    index = (scratch.root / ".git/index").read_bytes().hex()
    return index, scratch.git("rev-parse", "HEAD"), scratch.git("branch", "-a"), scratch.git("stash", "list")


def test_changes_come_together_in_the_workspace_and_nothing_else_of_the_user_moves(edited: Scratch) -> None:
    edited.plan(
        isolated(
            """
            a: {run: "sed -i 's/line 1$/line 1 a/' file; echo new > made; chmod +x README; sleep 0.2"}
            b: {run: "sed -i 's/line 10/line 10 b/' file; git rm -q gone; git commit -qam 'work of b'; ln -s file link"}
            c: {run: "git mv file moved && printf '\\\\0\\\\1' > binary"}
            d: {run: "true"}
            """
        )
    )
    before = state_of_user(edited)
    edited.pliny("execute")
    assert state_of_user(edited) == before
    assert (edited.root / "moved").read_text() == (
        LINES.replace("line 1\n", "line 1 a\n")
        .replace("line 10", "line 10 b")
        .replace("line 20", "line 20 of the user")
    )
    assert (edited.root / "made").read_text() == "new\n"
    assert os.access(edited.root / "README", os.X_OK)
    assert not (edited.root / "gone").exists()
    assert not (edited.root / "file").exists()
    assert (edited.root / "link").readlink() == Path("file")
    assert (edited.root / "binary").read_bytes() == b"\0\1"
    assert (edited.root / "notes").read_text() == "untracked\n"
    edited.pliny("audit", "verify")


def test_an_agent_starts_from_the_workspace_as_it_is_and_sees_none_of_the_others(edited: Scratch) -> None:
    edited.plan(
        isolated(
            """
            a: {run: "cat file notes; git status --short; pwd; echo a > seen; sleep 0.3"}
            b: {run: "sleep 0.1; ls; test ! -e seen"}
            after: {run: "cat seen", needs: [a]}
            """
        )
    )
    edited.pliny("execute")
    output = edited.git("show", f"{artifacts(edited)}:outputs/a/{stem(edited, 'a')}.log")
    assert "line 20 of the user" in output
    assert "untracked" in output
    assert " M file" in output
    assert "?? notes" in output
    assert "/.cache/git-pliny/" in output
    assert "/.git/" not in output  # there are coding agents that touch nothing below such a folder
    assert edited.git("show", f"{artifacts(edited)}:outputs/after/{stem(edited, 'after')}.log") == "a"


def artifacts(scratch: Scratch) -> str:
    return f"refs/pliny/artifacts/{scratch.session()['id']}"


def stem(scratch: Scratch, agent: str) -> str:
    listing = scratch.git("ls-tree", "--name-only", f"{artifacts(scratch)}:outputs/{agent}")
    return listing.split()[-1].removesuffix(".log")


CONFLICT = """
            a: {run: "sed -i 's/line 5/line 5 a/' file"}
            b: {run: "sed -i 's/line 5/line 5 b/' file; rm gone; echo mine > mine; sleep 0.4"}
            c: {run: "sed -i 's/line 15/line 15 c/' file; sleep 0.8"}
"""


def test_a_conflict_fails_that_agent_alone_and_loses_nothing(edited: Scratch) -> None:
    edited.plan(isolated(CONFLICT))
    done = edited.pliny("execute", exits=3)
    assert statuses(edited) == {"a": "completed", "b": "failed", "c": "completed"}
    error = edited.session()["agents"]["b"]["error"]
    assert error["category"] == "validation"
    assert error["message"] == "its changes conflict with the workspace: file (content)"
    assert "git pliny checkpoint diff conflict-b" in done.stdout
    assert "git pliny execute --resolved b" in done.stdout
    assert (edited.root / "file").read_text().count("line 5 a") == 1
    assert "<<<<" not in (edited.root / "file").read_text()
    assert not (edited.root / "mine").exists()
    shown = edited.pliny("checkpoint", "diff", "conflict-b").stdout
    assert "+line 5 b" in shown
    assert "+mine" in shown
    assert "line 5 a" not in shown
    ends = [entry for entry in entries(edited.pliny("audit", "view", "--json")) if entry["type"] == "agent_end"]
    assert [entry["data"]["conflicts"] for entry in ends if entry["agent"] == "b"] == [[["file", "content"]]]


def test_after_a_conflict_the_agent_can_run_again_on_what_is_there_now(edited: Scratch) -> None:
    edited.plan(isolated(CONFLICT))
    edited.pliny("execute", exits=3)
    edited.pliny("execute", "--resume")
    assert "line 5 b a" in (edited.root / "file").read_text()
    assert (edited.root / "mine").read_text() == "mine\n"


def test_after_a_conflict_the_user_can_take_the_changes_over(edited: Scratch) -> None:
    edited.plan(isolated(CONFLICT + "            last: {run: 'cat mine', needs: [b]}\n"))
    edited.pliny("execute", exits=3)
    assert "no conflict to be resolved" in edited.pliny("execute", "--resolved", "a", exits=1).stderr
    edited.write("mine", "taken over\n")
    edited.pliny("execute", "--resolved", "b")
    assert set(statuses(edited).values()) == {"completed"}
    assert edited.session()["agents"]["b"]["attempts"] == 1
    assert "taken over" in edited.git("show", f"{artifacts(edited)}:outputs/last/{stem(edited, 'last')}.log")
    assert "mine" in edited.git("ls-tree", "--name-only", checkpoint(edited, "b"))


def checkpoint(scratch: Scratch, name: str) -> str:
    return f"refs/pliny/checkpoints/{scratch.session()['id']}/{name}"


def test_another_agent_resolves_conflicts_where_the_plan_says_so(edited: Scratch) -> None:
    edited.plan(
        isolated(
            CONFLICT
            + "            mend: {run: \"cat $PLINY_CONTEXT; echo for $PLINY_RESOLVES; sed -i '/^[<=>]/d' file\"}\n",
            execution=", on_conflict: 'agent:mend'",
        )
    )
    edited.pliny("execute")
    text = (edited.root / "file").read_text()
    assert "line 5 a\nline 5 b\n" in text
    assert (edited.root / "mine").exists()
    assert edited.session()["agents"]["b"]["attempts"] == 2
    output = edited.git("show", f"{artifacts(edited)}:outputs/b/{stem(edited, 'b')}.log")
    assert "- file: content" in output
    assert "for b" in output
    assert "+line 5 b" in edited.pliny("checkpoint", "diff", "conflict-b").stdout


def test_who_leaves_conflict_markers_has_not_resolved_them(edited: Scratch) -> None:
    edited.plan(isolated(CONFLICT + '            mend: {run: "true"}\n', execution=", on_conflict: 'agent:mend'"))
    edited.pliny("execute", exits=3)
    assert "conflict markers are left in file" in edited.session()["agents"]["b"]["error"]["message"]
    assert "<<<<" not in (edited.root / "file").read_text()


def test_what_the_user_edits_meanwhile_is_kept_and_merged(edited: Scratch) -> None:
    edited.plan(
        isolated(
            """
            a: {run: "sed -i 's/line 1$/line 1 a/' file; touch $OUT/ready; while ! test -e $OUT/go; do sleep 0.02; done"}
            """
        )
    )
    out = edited.root.parent / "out"
    out.mkdir()
    running = subprocess.Popen(
        ["git", "pliny", "execute"],
        cwd=edited.root,
        env={**edited.environ, "OUT": str(out)},
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(out / "ready")
    edited.write("file", (edited.root / "file").read_text().replace("line 10", "line 10 edited"))
    edited.write("while", "new\n")
    (out / "go").touch()
    _, words = running.communicate(timeout=60)
    assert running.returncode == 0, words
    text = (edited.root / "file").read_text()
    assert "line 1 a\n" in text
    assert "line 10 edited\n" in text
    assert (edited.root / "while").read_text() == "new\n"
    assert "user-edits" in checkpoints(edited)
    assert "line 10 edited" in edited.git("show", f"{checkpoint(edited, 'user-edits')}:file")
    assert "line 1 a" not in edited.git("show", f"{checkpoint(edited, 'user-edits')}:file")
    assert "the workspace changed while a ran in a worktree of its own: file, while" in words


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not come"
        time.sleep(0.01)


def test_an_agent_that_leaves_its_worktree_is_noticed(edited: Scratch) -> None:
    edited.plan(
        isolated(
            """
            good: {run: "sleep 0.1; echo 1 > good"}
            bad: {run: 'echo out > "$TOP/escaped"; echo in > inside'}
            worse: {run: 'sleep 0.5; echo out > "$TOP/later"'}
            """
        )
    )
    done = edited.pliny("execute", env={"TOP": str(edited.root)})
    told = [entry for entry in entries(edited.pliny("audit", "view", "--json")) if entry["type"] == "workspace_change"]
    assert [entry["data"]["paths"] for entry in told] == [["escaped"], ["later"]]
    assert "bad" in told[0]["data"]["beside"]
    assert "worse" in told[1]["data"]["beside"]
    assert "or by an agent that left its worktree" in done.stderr
    assert (edited.root / "escaped").exists()
    assert (edited.root / "inside").exists()


def test_a_checkpoint_after_each_agent_differs_from_the_one_before_by_that_agents_changes(edited: Scratch) -> None:
    edited.plan(
        isolated(
            "".join(
                f'            a{number}: {{run: "echo {number} > made-{number}; sleep 0.1"}}\n' for number in range(6)
            ),
            execution=", checkpoint: agent",
        )
    )
    edited.pliny("execute")
    for number in range(6):
        name = checkpoint(edited, f"a{number}")
        assert edited.git("diff", "--name-only", f"{name}^1", name) == f"made-{number}"


def test_ignored_files_come_along_as_configured(edited: Scratch) -> None:
    edited.write(".env", "KEY=1\n")
    edited.write("node_modules/lib/index.js", "lib\n")
    edited.write("build/out", "not asked for\n")
    edited.plan(
        isolated(
            """
            a: {run: "cat .env node_modules/lib/index.js; test -L node_modules; test ! -e build; echo 2 > .env"}
            """,
            execution=", worktree_include: [.env, missing], worktree_link: [node_modules]",
        )
    )
    edited.pliny("execute")
    assert (edited.root / ".env").read_text() == "KEY=1\n"
    assert ".env" not in edited.git("ls-tree", "-r", "--name-only", checkpoint(edited, "main"))
    assert "node_modules" not in edited.git("ls-tree", "-r", "--name-only", checkpoint(edited, "main"))


def test_a_failed_attempts_changes_stay_out_and_are_kept(edited: Scratch) -> None:
    edited.plan(isolated('            a: {run: "echo half > half; exit 1"}\n'))
    edited.pliny("execute", exits=3)
    assert not (edited.root / "half").exists()
    assert edited.git("show", f"{checkpoint(edited, 'error-a')}:half") == "half"
    assert "+half" in edited.pliny("checkpoint", "diff", "error-a").stdout


def test_worktrees_are_used_again_and_clean(edited: Scratch) -> None:
    edited.write(".gitignore", "ignored\n")
    edited.plan(
        isolated(
            "".join(
                f"            a{number}: {{run: 'test ! -e ignored && test ! -e left; echo x > ignored; git stash list;"
                f" git checkout -q -b side-{number}'}}\n"
                for number in range(8)
            ),
            execution="",
        )
    )
    edited.pliny("execute", "--jobs", "2")
    edited.git("worktree", "prune")
    listed = edited.git("worktree", "list", "--porcelain").split("\n\n")
    assert len(listed) == 3
    assert "locked" not in "".join(listed)


def test_a_killed_run_keeps_what_stood_in_the_worktrees(edited: Scratch) -> None:
    edited.plan(
        isolated(
            """
            a: {run: "echo half > half; touch $OUT/ready; test -e $OUT/go || sleep 60; echo whole > whole"}
            """
        )
    )
    out = edited.root.parent / "out"
    out.mkdir()
    environ = {**edited.environ, "OUT": str(out)}
    running = subprocess.Popen(["git-pliny", "execute"], cwd=edited.root, env=environ, stderr=subprocess.DEVNULL)
    wait_for(out / "ready")
    running.send_signal(signal.SIGKILL)
    running.wait()
    (out / "go").touch()
    edited.pliny("execute", "--resume", env={"OUT": str(out)})
    assert (edited.root / "whole").exists()
    assert edited.git("show", f"{checkpoint(edited, 'interrupted-a')}:half") == "half"
    edited.pliny("audit", "verify")


def test_an_interrupted_attempts_changes_are_kept(edited: Scratch) -> None:
    edited.plan(isolated('            a: {run: "echo half > half; touch $OUT/ready; sleep 60"}\n'))
    out = edited.root.parent / "out"
    out.mkdir()
    environ = {**edited.environ, "OUT": str(out)}
    running = subprocess.Popen(["git-pliny", "execute"], cwd=edited.root, env=environ, stderr=subprocess.DEVNULL)
    wait_for(out / "ready")
    running.send_signal(signal.SIGINT)
    assert running.wait(60) == 130
    assert not (edited.root / "half").exists()
    assert edited.git("show", f"{checkpoint(edited, 'interrupted-a')}:half") == "half"


def test_a_new_file_never_replaces_an_ignored_one_of_the_users(edited: Scratch) -> None:
    edited.write("build/out", "precious\n")
    edited.plan(isolated("""            a: {run: "mkdir build; echo theirs > build/out; git add -f build/out"}\n"""))
    edited.pliny("execute", exits=3)
    assert (edited.root / "build/out").read_text() == "precious\n"
    assert "build/out" in edited.session()["agents"]["a"]["error"]["message"]
    assert edited.git("show", f"{checkpoint(edited, 'conflict-a')}:build/out") == "theirs"


def test_agents_in_the_workspace_and_isolated_ones_work_side_by_side(edited: Scratch) -> None:
    edited.plan(
        """
        execution: {parallel: true}
        agents:
          here: {run: "pwd; echo here > here; sleep 0.2"}
          there: {run: "pwd; echo there > there", isolation: worktree}
        """
    )
    done = edited.pliny("execute")
    assert (edited.root / "here").exists()
    assert (edited.root / "there").exists()
    assert "left its worktree" not in done.stderr


def test_a_new_ignore_rule_takes_nothing_from_the_user(edited: Scratch) -> None:
    edited.write("draft", "mine\n")
    edited.plan(isolated('            a: {run: "echo draft >> .gitignore; echo kept >> file"}\n'))
    edited.pliny("execute")
    assert (edited.root / "draft").read_text() == "mine\n"
    assert "draft" in (edited.root / ".gitignore").read_text()


def test_a_merge_that_a_kill_cut_off_is_finished_beside_what_the_user_did_since(edited: Scratch) -> None:
    edited.write(".gitattributes", "slow filter=slow\n")
    edited.commit("attributes")
    edited.git("config", "filter.slow.clean", "cat")
    edited.git("config", "filter.slow.smudge", "touch $OUT/moving; test -e $OUT/go || sleep 60; cat")
    edited.plan(isolated("""            a: {run: "sed -i 's/line 1$/line 1 a/' file; echo x > slow; echo y > zz"}\n"""))
    out = edited.root.parent / "out"
    out.mkdir()
    environ = {**edited.environ, "OUT": str(out)}
    running = subprocess.Popen(["git-pliny", "execute"], cwd=edited.root, env=environ, stderr=subprocess.DEVNULL)
    wait_for(out / "moving")
    running.kill()
    running.wait()
    subprocess.run(["pkill", "-KILL", "-f", f"{out}/go"], check=False)
    (out / "go").touch()
    edited.write("file", (edited.root / "file").read_text().replace("line 10", "line 10 since"))
    edited.pliny("execute", "--resume", env={"OUT": str(out)})
    text = (edited.root / "file").read_text()
    assert "line 1 a\n" in text
    assert "line 10 since\n" in text
    assert (edited.root / "zz").exists()
    assert (edited.root / "slow").read_text() == "x\n"
    assert edited.session()["agents"]["a"]["attempts"] == 1
    edited.pliny("audit", "verify")


def test_what_a_checkpoint_holds_is_not_set_back_by_a_rollback_to_it(edited: Scratch) -> None:
    agents = "            a: {run: 'echo a > a'}\n            b: {run: 'sleep 0.3; echo b > b', needs: [a]}\n"
    edited.plan(isolated(agents, execution=", checkpoint: agent"))
    edited.pliny("execute")
    edited.pliny("rollback", "a")
    assert statuses(edited) == {"a": "completed", "b": "rolled-back"}
    edited.pliny("execute", "--resume")
    assert edited.session()["agents"]["a"]["attempts"] == 1
    assert (edited.root / "b").exists()


def test_an_agent_that_stops_amid_a_merge_of_its_own_has_made_nothing_to_be_merged(edited: Scratch) -> None:
    script = (
        "git checkout -q -b side; echo side > file; git commit -qam side; git checkout -q --detach HEAD~1;"
        " echo other > file; git commit -qam other; git merge side; true"
    )
    edited.plan(isolated(f"            a: {{run: '{script}'}}\n"))
    edited.commit("clean")
    before = (edited.root / "file").read_text()
    edited.pliny("execute", exits=3)
    assert (edited.root / "file").read_text() == before
    assert edited.session()["agents"]["a"]["error"]["message"] == "it left file unmerged"
    assert "other" in edited.git("log", "--format=%s", checkpoint(edited, "conflict-a"))


def test_a_branch_that_moves_under_the_user_is_told(edited: Scratch) -> None:
    script = 'git update-ref refs/heads/main "$(git commit-tree -p HEAD -m moved HEAD^{tree})"; echo x > made'
    edited.plan(isolated(f"            a: {{run: '{script}'}}\n"))
    done = edited.pliny("execute")
    assert "refs/heads/main moved while a ran apart" in done.stderr
    assert "moved" in edited.git("log", "-1", "--format=%s")
