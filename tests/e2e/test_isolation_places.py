"""Agents in worktrees of their own in every kind of repository."""

from collections.abc import Callable
from pathlib import Path

import pytest
from places import PLACES, Make
from scratch import Scratch
from told import checkpoints

PLAN = """
execution: {parallel: true, isolation: worktree}
agents:
  a: {run: "pwd; git status --short; echo a > a.txt; echo a >> kept.txt; git add -A; git commit -qm 'work of a'"}
  b: {run: "mkdir -p sub/deep; echo b > sub/deep/b.txt"}
  after: {run: "cat a.txt sub/deep/b.txt kept.txt > all.txt", needs: [a, b]}
"""


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_isolated_agents_come_together_and_can_be_rolled_back(
    make_scratch: Make, place: Callable[..., tuple[Scratch, Path]]
) -> None:
    scratch, cwd = place(make_scratch)
    scratch.write("kept.txt", "kept\n")
    scratch.plan(PLAN)
    before = scratch.git("status", "--porcelain=v2", "--branch")
    head = scratch.run("git", "rev-parse", "HEAD").stdout
    scratch.pliny("execute", cwd=cwd)
    assert (scratch.root / "all.txt").read_text() == "a\nb\nkept\na\n"
    assert scratch.run("git", "rev-parse", "HEAD").stdout == head
    assert checkpoints(scratch) == ["start", "main"]
    scratch.pliny("rollback", "start", cwd=cwd)
    assert scratch.git("status", "--porcelain=v2", "--branch") == before
    assert scratch.git("fsck", "--strict", "--no-dangling") in ("", "notice: HEAD points to an unborn branch (main)")
    assert "pliny" not in scratch.git("worktree", "prune", "--verbose", "--dry-run", "--expire", "now")
    scratch.pliny("doctor", exits=0)
    scratch.pliny("audit", "verify")


def test_a_sparse_checkout_shows_of_the_rest_what_an_agent_changed(make_scratch: Make) -> None:
    scratch = make_scratch()
    for folder in ("inside", "outside"):
        scratch.write(f"{folder}/file", "text\n")
        scratch.write(f"{folder}/other", "text\n")
    scratch.commit()
    scratch.git("sparse-checkout", "set", "inside")
    scratch.plan(PLAN.replace("echo a > a.txt", "echo a > a.txt; cat outside/file; echo more >> outside/file"))
    scratch.pliny("execute")
    assert (scratch.root / "all.txt").exists()
    assert (scratch.root / "outside/file").read_text() == "text\nmore\n"
    assert not (scratch.root / "outside/other").exists()
    ref = f"refs/pliny/checkpoints/{scratch.session()['id']}/main"
    assert scratch.git("show", f"{ref}:outside/file") == "text\nmore"


def test_filters_that_change_what_is_stored_apply_in_worktrees_too(make_scratch: Make) -> None:
    scratch = make_scratch()
    scratch.git("config", "filter.rot.clean", "tr a-z n-za-m")
    scratch.git("config", "filter.rot.smudge", "tr a-z n-za-m")
    scratch.write(".gitattributes", "*.rot filter=rot\n*.bat text eol=crlf\n")
    scratch.write("word.rot", "hello\n")
    scratch.write("run.bat", "one\r\n")
    scratch.commit()
    scratch.plan(
        """
execution: {parallel: true, isolation: worktree}
agents:
  a: {run: "grep -q hello word.rot && echo world >> word.rot"}
  b: {run: "printf 'two\\\\r\\\\n' >> run.bat; echo new > new.rot"}
"""
    )
    scratch.pliny("execute")
    assert (scratch.root / "word.rot").read_text() == "hello\nworld\n"
    assert (scratch.root / "new.rot").read_text() == "new\n"
    assert (scratch.root / "run.bat").read_bytes() == b"one\r\ntwo\r\n"
    ref = f"refs/pliny/checkpoints/{scratch.session()['id']}/main"
    assert scratch.git("show", f"{ref}:word.rot") == "uryyb\njbeyq"
    assert scratch.git("diff", "--stat", "--", "run.bat").endswith("1 insertion(+)")
