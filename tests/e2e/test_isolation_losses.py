"""What an isolated agent made is kept, whatever comes between its end and the merge."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from scratch import Scratch
from told import statuses

PLAN = """
execution: {parallel: true, isolation: worktree}
agents:
  a: {run: 'test $PLINY_ATTEMPT = 2 || { echo a >> file; echo dear > dear; touch "$OUT/ran"; while ! test -e "$OUT/go";
       do sleep 0.02; done; }'}
"""
DRIVER = 'touch "$OUT/merging"; while ! test -e "$OUT/stop"; do sleep 0.02; done; exit 1'


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where agent, merge driver and test tell each other how far they are."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not come"
        time.sleep(0.01)


def test_a_kill_before_the_merge_leaves_what_was_made_to_the_next_run(scratch: Scratch, out: Path) -> None:
    scratch.git("config", "merge.slow.driver", DRIVER)
    scratch.write(".gitattributes", "file merge=slow\n")
    scratch.write("file", "1\n2\n3\n4\n5\n")
    scratch.plan(PLAN)
    scratch.commit()
    environ = {**scratch.environ, "OUT": str(out)}
    running = subprocess.Popen(["git-pliny", "execute"], cwd=scratch.root, env=environ, stderr=subprocess.DEVNULL)
    wait_for(out / "ran")
    scratch.write("file", "0\n2\n3\n4\n5\n")
    (out / "go").touch()
    wait_for(out / "merging")
    running.send_signal(signal.SIGKILL)
    running.wait()
    (out / "stop").touch()
    scratch.pliny("execute", "--resume", env={"OUT": str(out)})
    assert statuses(scratch) == {"a": "completed"}
    assert scratch.git("show", f"refs/pliny/checkpoints/{scratch.session()['id']}/interrupted-a:dear") == "dear"
    assert (scratch.root / "file").read_text() == "0\n2\n3\n4\n5\n"


def test_what_an_agent_made_unreadable_is_taken_in_all_the_same(scratch: Scratch) -> None:
    dropped = "-dac_override,-dac_read_search"
    mortal = ("setpriv", f"--bounding-set={dropped}", f"--inh-caps={dropped}") if os.geteuid() == 0 else ()
    if mortal and (shutil.which("setpriv") is None or scratch.run(*mortal, "true").returncode != 0):
        pytest.skip("setpriv is missing, and root reads everything")
    scratch.write("folder/file", "1\n")
    scratch.plan(
        """
execution: {parallel: true, isolation: worktree}
agents:
  a: {run: "echo a > a; mkdir new; echo new > new/new; echo 2 >> folder/file; chmod 000 a new folder"}
  b: {run: "echo b > b; chmod 000 ."}
"""
    )
    scratch.commit()
    done = scratch.run(*mortal, "git-pliny", "execute")
    assert done.returncode == 0, done.stderr
    assert (scratch.root / "new/new").read_text() == "new\n"
    assert (scratch.root / "folder/file").read_text() == "1\n2\n"
    assert [(scratch.root / name).read_text() for name in ("a", "b")] == ["a\n", "b\n"]


def test_what_was_merged_outlives_the_most_thorough_gc(scratch: Scratch) -> None:
    scratch.plan(
        """
execution: {parallel: true, isolation: worktree}
agents:
  a: {run: "echo a > a"}
  b: {run: "git gc -q --prune=now; echo b > b", needs: [a]}
  c: {run: "cat a b > c", needs: [b]}
"""
    )
    scratch.pliny("execute")
    assert (scratch.root / "c").read_text() == "a\nb\n"
    assert scratch.git("fsck", "--strict", "--no-dangling") == ""
    assert scratch.git("for-each-ref", "refs/pliny-merges") == ""


def test_a_merge_that_no_checkpoint_holds_yet_is_held_and_goes_with_the_session(scratch: Scratch) -> None:
    scratch.plan(
        """
execution: {parallel: true, isolation: worktree}
agents:
  a: {run: "echo a > a"}
  b: {run: "echo half > half; exit 3", needs: [a]}
"""
    )
    scratch.pliny("execute", exits=3)
    session = scratch.session()["id"]
    scratch.git("gc", "-q", "--prune=now")
    assert scratch.git("show", f"refs/pliny-merges/{session}:a") == "a"
    assert "pliny-merges" not in scratch.pliny("doctor").stdout
    scratch.pliny("session", "delete", "--force", session)
    assert scratch.git("for-each-ref", "refs/pliny-merges") == ""
