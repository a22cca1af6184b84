"""Checkpoints of what isolated agents make: they are theirs, and not the workspace's."""

import json

import pytest
from scratch import Scratch
from told import checkpoints

HEAD = "execution: {parallel: true, jobs: 4, isolation: worktree, checkpoint: agent}\n"


@pytest.fixture
def two(scratch: Scratch) -> Scratch:
    """A plan with an agent that takes a checkpoint by hand, and one that ends meanwhile."""
    scratch.plan(
        HEAD
        + """
agents:
  slow: {run: "echo 1 > slow; git pliny checkpoint create half; while ! test -e $OUT/go; do sleep 0.02; done"}
  fast: {run: "while ! git rev-parse -q --verify refs/pliny/checkpoints/$PLINY_SESSION/half; do sleep 0.02; done;
         echo 1 > fast"}
  after: {run: "touch $OUT/go", needs: [fast]}
"""
    )
    out = scratch.root.parent / "out"
    out.mkdir()
    scratch.pliny("execute", env={"OUT": str(out)})
    return scratch


def changed(scratch: Scratch, name: str) -> str:
    ref = f"refs/pliny/checkpoints/{scratch.session()['id']}/{name}"
    return scratch.git("diff", "--name-only", f"{ref}^1", ref)


def test_a_checkpoint_that_an_isolated_agent_takes_is_none_of_the_workspace(two: Scratch) -> None:
    assert changed(two, "half") == "slow"
    assert changed(two, "fast") == "fast"
    assert changed(two, "slow") == "slow"


def test_no_rollback_goes_to_what_the_workspace_never_was(two: Scratch) -> None:
    refused = two.pliny("rollback", "half", "--keep-head", exits=4).stderr
    assert "holds what an agent made in a worktree of its own" in refused
    assert f"git restore --source=refs/pliny/checkpoints/{two.session()['id']}/half -- PATHS" in refused
    assert (two.root / "fast").exists()


def test_a_session_inside_an_isolated_agent_takes_checkpoints_of_its_own_workspace(scratch: Scratch) -> None:
    scratch.write("inner.yaml", "agents: {z: {run: 'echo z > z; git pliny checkpoint create mine'}}\n")
    scratch.plan(HEAD + 'agents: {a: {run: "git pliny execute --plan inner.yaml"}}\n')
    scratch.pliny("execute")
    (ref,) = scratch.git("for-each-ref", "--format=%(refname)", "refs/pliny/checkpoints/*/mine").splitlines()
    listed = scratch.pliny("checkpoint", "list", "--json", "--session", ref.split("/")[3]).stdout
    assert {each["name"]: each["aside"] for each in json.loads(listed)}["mine"] is False


def test_before_a_phase_means_a_checkpoint_of_the_workspace(scratch: Scratch) -> None:
    scratch.plan(
        """
execution: {isolation: worktree}
agents:
  a: {run: "echo $PLINY_ATTEMPT > tried; test $PLINY_ATTEMPT = 2 || exit 75", retry_on_exit: [75]}
  b: {run: "echo b > b"}
phases:
  - {name: one, agents: [a]}
  - {name: two, agents: [b]}
error_handling: {retry_strategies: {tool: {initial_delay: 1}}}
"""
    )
    scratch.pliny("execute")
    assert checkpoints(scratch) == ["start", "error-a", "one", "two"]
    scratch.pliny("checkpoint", "delete", "one")
    scratch.pliny("rollback", "before-two")
    assert not (scratch.root / "tried").exists()
