"""`git pliny hooks`: commits are linked with the sessions that they come from, and shared with them."""

import json
import os
from pathlib import Path

import pytest
from scratch import Scratch

PLAN = """
agents:
  x: {run: echo x >> x.txt; echo more >> both.txt}
  y: {run: echo y >> y.txt}
phases:
  - {name: one, agents: [x]}
  - {name: two, agents: [y]}
"""


@pytest.fixture
def work(scratch: Scratch) -> Scratch:
    """A repository with the hooks, a remote, and a session that has run."""
    scratch.plan(PLAN)
    scratch.commit()
    scratch.git("clone", "-q", "--bare", ".", str(scratch.root.parent / "remote.git"))
    scratch.git("remote", "add", "origin", str(scratch.root.parent / "remote.git"))
    scratch.git("fetch", "-q", "origin")
    scratch.pliny("hooks", "install")
    scratch.pliny("execute")
    return scratch


def current(scratch: Scratch) -> str:
    return scratch.git("symbolic-ref", "PLINY_HEAD").rpartition("/")[2]


def links(scratch: Scratch, commit: str = "HEAD") -> list[str]:
    return scratch.git("log", "-1", "--format=%(trailers:key=Pliny-Session,valueonly)", commit).split()


def noted(scratch: Scratch, commit: str = "HEAD") -> list[str]:
    text = scratch.git("log", "-1", "--notes=pliny-links", "--format=%N", commit)
    return [line.removeprefix("Pliny-Session: ") for line in text.splitlines() if line]


def commit(scratch: Scratch, *paths: str, message: str = "work") -> None:
    scratch.git("add", *paths)
    scratch.git("commit", "-q", "-m", message)


def test_a_commit_of_what_a_session_made_names_it_and_others_do_not(work: Scratch) -> None:
    session = current(work)
    work.write("mine.txt", "mine\n")
    commit(work, "mine.txt")
    assert links(work) == []
    commit(work, "x.txt")
    assert links(work) == [session]
    commit(work, "y.txt", "both.txt")
    assert links(work) == [session]
    work.write("x.txt", "changed by hand\n")
    commit(work, "x.txt")
    assert links(work) == []


def test_what_was_polished_by_hand_before_the_first_commit_counts(work: Scratch) -> None:
    work.write("x.txt", "polished\n")
    commit(work, "x.txt")
    assert links(work) == [current(work)]


def test_a_file_that_a_session_deleted_counts(work: Scratch) -> None:
    commit(work, "-A")
    work.plan("agents:\n  gone: {run: rm README}\nphases:\n  - {name: tidy, agents: [gone]}\n")
    commit(work, "-A")
    work.pliny("execute")
    work.git("rm", "-q", "--cached", "README")
    work.git("commit", "-q", "-m", "tidy")
    assert links(work) == [current(work)]


def test_what_is_not_part_of_the_commit_does_not_count(work: Scratch) -> None:
    work.write("mine.txt", "mine\n")
    work.git("add", "-A")
    work.git("commit", "-q", "-m", "mine alone", "mine.txt")
    assert links(work) == []
    (work.root / "sub").mkdir()
    done = work.run("git", "commit", "-q", "-m", "x", "../x.txt", cwd=work.root / "sub")
    assert (done.returncode, links(work)) == (0, [current(work)])


def test_each_worktree_has_its_own_session(work: Scratch) -> None:
    work.git("worktree", "add", "-q", str(work.root.parent / "linked"))
    linked = Scratch(root=work.root.parent / "linked", environ=work.environ)
    linked.write("x.txt", "x\n")
    commit(linked, "x.txt")
    assert links(linked) == []
    linked.pliny("execute")
    commit(linked, "-A")
    assert links(linked) == [current(linked)]
    assert current(linked) != current(work)


@pytest.mark.parametrize("name", ["a b.txt", "ä\tö.txt", 'quo"te.txt'])
def test_any_name_of_a_file_does(work: Scratch, name: str) -> None:
    commit(work, "-A")
    work.write("agent.sh", f"cat > '{name}' </dev/null; echo new > '{name}'\n")
    work.plan("agents:\n  a: {run: sh agent.sh}\nphases:\n  - {name: p, agents: [a]}\n")
    commit(work, "-A")
    work.pliny("execute")
    commit(work, name)
    assert links(work) == [current(work)]


def test_the_first_commit_of_a_repository_counts(scratch: Scratch) -> None:
    scratch.git("checkout", "-q", "--orphan", "new")
    scratch.plan(PLAN)
    scratch.git("add", "-A")
    scratch.pliny("hooks", "install")
    scratch.pliny("execute")
    commit(scratch, "-A")
    assert links(scratch) == [current(scratch)]


def test_a_commit_that_an_agent_makes_names_the_session(work: Scratch) -> None:
    commit(work, "-A")
    work.plan(
        "agents:\n  a: {run: 'echo a > a.txt; git add a.txt; git commit -qm a', isolation: worktree}\n"
        "  b: {run: 'git commit -qm b --allow-empty'}\nphases:\n  - {name: p, agents: [b]}\n  - {name: q, agents: [a]}\n"
    )
    commit(work, "-A")
    work.pliny("execute")
    session = current(work)
    assert links(work) == [session]
    by_a = work.git("log", "--all", "--format=%H", "--grep=^a$").splitlines()
    assert by_a
    assert links(work, by_a[0]) == [session]


def test_an_empty_message_still_aborts_and_one_that_is_written_does_not(work: Scratch) -> None:
    work.git("add", "-A")
    for options in ([], ["-s"], ["-v"]):
        done = work.run("git", "commit", *options, env={"GIT_EDITOR": "true"})
        assert (done.returncode, "empty commit message" in done.stderr) == (1, True), done.stderr
    done = work.run("git", "commit", "-q", "-v", env={"GIT_EDITOR": "sed -i.bak '1i\\\nhello\n'"})
    assert done.returncode == 0, done.stderr
    assert work.git("log", "-1", "--format=%s") == "hello"
    assert links(work) == [current(work)]


def test_an_amend_keeps_the_trailer_once_and_a_lost_one_as_a_note(work: Scratch) -> None:
    session = current(work)
    commit(work, "x.txt")
    work.git("commit", "-q", "--amend", "--no-edit")
    assert (links(work), noted(work)) == ([session], [])
    work.git("commit", "-q", "--amend", "-m", "other words")
    assert (links(work), noted(work)) == ([], [session])
    work.git("commit", "-q", "--amend", "-m", "again")
    assert noted(work) == [session]


def test_a_rebase_keeps_the_links(work: Scratch) -> None:
    session = current(work)
    base = work.git("rev-parse", "HEAD")
    work.write("mine.txt", "mine\n")
    commit(work, "mine.txt")
    commit(work, "x.txt")
    commit(work, "y.txt")
    work.git("rebase", "-q", "--onto", f"{base}^", base)
    assert [links(work, each) for each in ("HEAD", "HEAD~", "HEAD~2")] == [[session], [session], []]
    todo = "sed -i.bak '2,3s/^pick/fixup/'"
    done = work.run("git", "rebase", "-q", "-i", "HEAD~3", env={"GIT_SEQUENCE_EDITOR": todo})
    assert done.returncode == 0, done.stderr
    assert (links(work), noted(work)) == ([], [session])


def test_commits_that_are_squashed_hand_on_their_links(work: Scratch) -> None:
    first = current(work)
    commit(work, "x.txt", message="by the first")
    work.pliny("execute", "again")
    second = current(work)
    assert first != second
    commit(work, "-A", message="by the second")
    done = work.run(
        "git",
        "rebase",
        "-i",
        "HEAD~2",
        env={"GIT_SEQUENCE_EDITOR": "sed -i.bak '2s/^pick/squash/'", "GIT_EDITOR": "true"},
    )
    assert done.returncode == 0, done.stderr
    assert sorted(links(work)) == sorted([first, second])
    work.git("branch", "side")
    work.git("reset", "-q", "--hard", "HEAD~1")
    work.git("merge", "-q", "--squash", "side")
    work.run("git", "commit", "-q", env={"GIT_EDITOR": "true"})
    assert sorted(links(work)) == sorted([first, second])


def test_a_merge_and_a_cherry_pick_are_left_as_they_are(work: Scratch) -> None:
    work.git("branch", "side")
    work.git("checkout", "-q", "side")
    work.write("mine.txt", "mine\n")
    commit(work, "mine.txt")
    work.git("checkout", "-q", "main")
    work.git("commit", "-q", "--allow-empty", "-m", "meanwhile")
    work.git("merge", "-q", "--no-edit", "side")
    assert links(work) == []
    work.git("reset", "-q", "--hard", "HEAD~1")
    work.git("cherry-pick", "side")
    assert links(work) == []


def test_a_push_of_commits_shares_their_sessions_and_no_others(work: Scratch) -> None:
    session = current(work)
    other = work.pliny("session", "start", "other").stdout.strip()
    work.git("symbolic-ref", "PLINY_HEAD", f"refs/pliny/sessions/{session}")
    commit(work, "x.txt")
    done = work.run("git", "push", "-q", "--dry-run", "origin", "main")
    assert done.returncode == 0
    assert "pliny" not in work.git("ls-remote", "origin")
    done = work.run("git", "push", "-q", "origin", "main")
    assert (done.returncode, f"sent session {session[:8]}" in done.stderr) == (0, True), done.stderr
    there = work.git("ls-remote", "origin")
    assert f"refs/pliny/sessions/{session}" in there
    assert other not in there
    work.git("commit", "-q", "--allow-empty", "-m", "plain")
    assert "session" not in work.run("git", "push", "-q", "origin", "main").stderr


def test_a_link_that_is_a_note_is_shared_too(work: Scratch) -> None:
    session = current(work)
    commit(work, "x.txt")
    work.git("commit", "-q", "--amend", "-m", "other words")
    work.git("push", "-q", "origin", "HEAD:refs/heads/new")
    assert f"refs/pliny/sessions/{session}" in work.git("ls-remote", "origin")


def test_a_session_that_can_not_be_shared_is_a_warning_unless_it_is_required(work: Scratch) -> None:
    commit(work, "x.txt")
    refuse = work.root.parent / "remote.git" / "hooks" / "update"
    refuse.write_text('#!/bin/sh\ncase "$1" in refs/pliny/*) exit 1;; esac\n')
    refuse.chmod(0o755)
    required = {"PLINY_CONFIG_SHARING__REQUIRE_ON_PUSH": "true"}
    assert work.run("git", "push", "-q", "origin", "main", env=required).returncode == 1
    assert work.git("rev-parse", "origin/main") != work.git("rev-parse", "main")
    done = work.run("git", "push", "-q", "origin", "main")
    assert done.returncode == 0
    assert "warning: the sessions of these commits were not shared: git pliny push origin" in done.stderr
    assert work.git("rev-parse", "origin/main") == work.git("rev-parse", "main")


def test_a_hook_that_was_there_runs_first_with_arguments_and_input_and_decides(scratch: Scratch) -> None:
    scratch.plan(PLAN)
    scratch.commit()
    scratch.git("clone", "-q", "--bare", ".", str(scratch.root.parent / "remote.git"))
    scratch.git("remote", "add", "origin", str(scratch.root.parent / "remote.git"))
    for name in ("prepare-commit-msg", "commit-msg", "post-rewrite", "pre-push"):
        log = scratch.root / ".git" / f"log-{name}"
        text = f'#!/bin/sh\n{{ printf "%s|" "$@"; [ -t 0 ] || cat; }} >> "{log}"\nexit "${{STATUS-0}}"\n'
        scratch.write(f".git/hooks/{name}", text, executable=True)

    def told() -> dict[str, str]:
        scratch.git("commit", "-q", "--allow-empty", "-m", "one")
        scratch.git("commit", "-q", "--amend", "--allow-empty", "-m", "two", "--date", "2026-01-01T00:00:00Z")
        scratch.git("push", "-q", "origin", "HEAD:refs/heads/side")
        scratch.git("push", "-q", "origin", ":refs/heads/side")
        found = {path.name: path.read_text() for path in (scratch.root / ".git").glob("log-*")}
        for path in (scratch.root / ".git").glob("log-*"):
            path.unlink()
        return found

    pinned = {"GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z", "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z"}
    scratch.environ.update(pinned)
    base = scratch.git("rev-parse", "HEAD")
    before = told()
    scratch.git("reset", "-q", "--hard", base)
    scratch.pliny("hooks", "install")
    assert told() == before
    assert len(before) == 4
    assert scratch.run("git", "commit", "-q", "--allow-empty", "-m", "x", env={"STATUS": "7"}).returncode == 1
    assert scratch.run("git", "push", "-q", "origin", "HEAD:refs/heads/side", env={"STATUS": "7"}).returncode == 1


def test_without_pliny_nothing_happens_and_nothing_is_said(work: Scratch, tmp_path: Path) -> None:
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for folder in reversed(work.environ["PATH"].split(os.pathsep)):
        for program in Path(folder).glob("*") if Path(folder).is_dir() else ():
            if program.name not in ("pliny", "git-pliny"):
                (bin_folder / program.name).unlink(missing_ok=True)
                (bin_folder / program.name).symlink_to(program)
    gone = {"PATH": str(bin_folder)}
    work.git("add", "x.txt")
    for command in (
        ["commit", "-q", "-m", "a"],
        ["commit", "-q", "--amend", "-m", "b"],
        ["push", "-q", "origin", "main"],
    ):
        done = work.run("git", *command, env=gone)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), command
    assert links(work) == noted(work) == []
    assert "pliny" not in work.git("ls-remote", "origin")


def test_a_hook_of_somebody_else_can_run_ours(scratch: Scratch) -> None:
    scratch.plan(PLAN)
    scratch.commit()
    scratch.git("config", "core.hooksPath", ".husky/_")
    failed = scratch.pliny("hooks", "install", exits=1)
    line = next(line.strip() for line in failed.stderr.splitlines() if "hooks run prepare-commit-msg" in line)
    scratch.write(".husky/_/prepare-commit-msg", f"#!/bin/sh\n{line}\n", executable=True)
    scratch.pliny("execute")
    commit(scratch, "x.txt")
    assert links(scratch) == [current(scratch)]
    assert "there is no hook 'nope'" in scratch.pliny("hooks", "run", "nope", exits=1).stderr


def test_how_they_stand_is_told_and_undone(work: Scratch) -> None:
    shown = work.pliny("hooks", "status").stdout.splitlines()
    assert [line.split()[:2] for line in shown[1:]] == [
        [name, "installed"] for name in ("prepare-commit-msg", "commit-msg", "post-rewrite", "pre-push")
    ]
    assert work.pliny("hooks", "uninstall").stderr == "the hooks are taken away\n"
    told = json.loads(work.pliny("hooks", "status", "--json").stdout)
    assert {hook["state"] for hook in told} == {"absent"}
    (work.root / "pliny.yaml").unlink()
    assert "prepare-commit-msg: .git/hooks/prepare-commit-msg" in work.pliny("init", "--hooks").stderr
    changed = work.root / ".git/hooks/pre-push"
    changed.write_text(changed.read_text() + "\n")
    assert "warning: .git/hooks/pre-push was changed" in work.pliny("hooks", "install", exits=1).stderr
    assert "is left alone" in work.pliny("hooks", "uninstall", exits=1).stderr
    assert json.loads(work.pliny("hooks", "uninstall", "--json", exits=1).stdout)[3]["state"] == "changed"
