"""Isolated agents on a full disk, and of several sessions at once in one workspace."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from scratch import Scratch

SESSIONS = 4
LINES = "".join(f"line {number}\n" for number in range(1, 51))

AT_ONCE = """
execution: {parallel: true, checkpoint: agent, jobs: 2, isolation: worktree}
agents:
  one: {run: 'sed -i "s/^line ${N}0$/line ${N}0 of $N/" file; echo "$N" > "one-$N"'}
  two: {run: 'sed -i "s/^line ${N}5$/line ${N}5 of $N/" file; echo "$N" > "two-$N"'}
  three: {run: 'cat "one-$N" "two-$N" > "three-$N"', needs: [one, two]}
"""


def test_sessions_at_once_merge_into_one_workspace(scratch: Scratch) -> None:
    scratch.write("file", LINES)
    scratch.plan(AT_ONCE)
    scratch.commit()
    running = [
        subprocess.Popen(
            ["git-pliny", "execute", f"session {number}"],
            cwd=scratch.root,
            env={**scratch.environ, "N": str(number)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(1, SESSIONS + 1)
    ]
    tidy = subprocess.Popen(
        ["sh", "-c", "while git gc -q && git pack-refs --all && git worktree prune; do :; done"],
        cwd=scratch.root,
        env=scratch.environ,
        stderr=subprocess.DEVNULL,
    )
    words = [process.communicate(timeout=300)[1] for process in running]
    tidy.kill()
    tidy.wait()
    assert [process.returncode for process in running] == [0] * SESSIONS, "\n".join(words)
    text = (scratch.root / "file").read_text()
    for number in range(1, SESSIONS + 1):
        assert f"line {number}0 of {number}\n" in text
        assert f"line {number}5 of {number}\n" in text
        assert (scratch.root / f"three-{number}").read_text() == f"{number}\n" * 2
    for line in scratch.git("for-each-ref", "--format=%(refname)", "refs/pliny/sessions").split():
        scratch.pliny("audit", "verify", line.rpartition("/")[2])
    assert scratch.git("fsck", "--no-dangling", "--no-progress") == ""


@pytest.fixture
def small_disk(tmp_path: Path, environment: dict[str, str]) -> Iterator[Scratch]:
    """A repository on a file system of eight megabytes, with two of them in use."""
    root = tmp_path / "small"
    root.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(root)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can't be mounted here: that takes root")
    try:
        scratch = Scratch(root=root, environ=environment)
        scratch.git("init", "-q")
        scratch.write("file", LINES)
        scratch.write(".gitignore", "big\n")
        scratch.plan(
            "execution: {parallel: true, isolation: worktree}\n"
            "agents:\n"
            "  a: {run: \"sed -i 's/^line 1$/line 1 a/' file && head -c 1500000 /dev/urandom > a\"}\n"
            "  b: {run: \"sed -i 's/^line 9$/line 9 b/' file && head -c 100000 /dev/urandom > b\"}\n"
            "  c: {run: \"sleep 0.2; sed -i 's/^line 30$/line 30 c/' file && head -c 1500000 /dev/urandom > c\"}\n"
        )
        scratch.commit("plan")
        yield scratch
    finally:
        subprocess.run(["umount", "-l", str(root)], check=True)


@pytest.mark.parametrize("megabytes", [3, 4, 5, 6, 7])
def test_a_full_disk_at_any_step_loses_nothing(small_disk: Scratch, megabytes: int) -> None:
    with (small_disk.root / "big").open("wb") as file:
        file.write(b"\0" * megabytes * 1_000_000)
    done = small_disk.run("git-pliny", "execute")
    assert done.returncode in (0, 1, 3), done.stderr
    assert "Traceback" not in done.stderr
    (small_disk.root / "big").unlink()
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk.root)], check=True)
    small_disk.write("edited", "by the user\n")
    for _ in range(2):
        if small_disk.run("git", "show", "PLINY_HEAD").returncode or small_disk.session()["status"] != "completed":
            small_disk.pliny("execute")
    text = (small_disk.root / "file").read_text()
    assert "line 1 a\n" in text
    assert "line 9 b\n" in text
    assert "line 30 c\n" in text
    assert (small_disk.root / "a").stat().st_size == (small_disk.root / "c").stat().st_size == 1_500_000
    assert (small_disk.root / "edited").read_text() == "by the user\n"
    small_disk.pliny("audit", "verify")
    assert small_disk.git("fsck", "--no-dangling", "--no-progress") == ""
