"""Worktrees of the pool for tests: taken, used as agents do, compared with what git itself checks out."""

import os
import subprocess
import sys
from pathlib import Path

from snapshot_repos import Work, _describe, _walk

from git_pliny.git.snapshot import capture
from git_pliny.git.worktrees import Base, Worktree


def base_of(work: Work) -> Base:
    """The user's workspace as it is now."""
    snapshot = capture(work.repository)
    return Base(tree=snapshot.tree, head=snapshot.head.oid)


def inside(work: Work, worktree: Worktree) -> Work:
    return work.other(worktree.repository.root)


def shell(work: Work, script: str) -> None:
    """What an agent does: it runs in its worktree and knows nothing else."""
    done = subprocess.run(["sh", "-ec", script], cwd=work.root, env=work.environ, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def disk(root: Path) -> dict[str, tuple[str, bytes]]:
    """Everything on disk, folders with their modes included; submodules as the empty folders that they are."""
    found = {path: _describe(root / path) for path in _walk(root)}
    for folder, folders, _ in os.walk(root):
        for name in folders:
            path = Path(folder, name)
            if not path.is_symlink():
                found[f"{path.relative_to(root)}/"] = oct(path.stat().st_mode), b""
    return found


def admin(worktree: Worktree) -> dict[str, bytes]:
    """What git keeps of the worktree, but for the index."""
    folder = worktree.repository.git_dir
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*")}
    return {name: path.read_bytes() if path.is_file() else b"/" for name, path in files.items() if name != "index"}


def by_git(work: Work, base: Base, to: Path) -> Work:
    """The same tree as git itself checks it out."""
    made = work.git("commit-tree", "-m", "base", base.tree).decode().strip()
    work.git("-c", "core.sparseCheckout=false", "worktree", "add", "-q", "--detach", str(to), made)
    return work.other(to)


def index_of(work: Work, worktree: Worktree) -> tuple[bytes, bytes]:
    agent = inside(work, worktree)
    return agent.git("ls-files", "--stage", "-v", "-z"), agent.git("status", "--porcelain", "-z", "--ignored")


HOLDER = """
import os, sys, time
from pathlib import Path
from git_pliny.git.repository import discover
from git_pliny.git.worktrees import Base, Pool
work = discover(Path.cwd(), dict(os.environ))
worktree = Pool(work).take(Base(tree=sys.argv[1], head=sys.argv[2]), owner=sys.argv[3])
"""


def apart(
    work: Work, base: Base, code: str = "", *, environ: dict[str, str] | None = None, owner: str = ""
) -> subprocess.Popen[str]:
    """Take a worktree in a process of its own, then run `code`."""
    command = [sys.executable, "-c", HOLDER + code, base.tree, str(base.head), owner]
    package = str(Path(__file__).parents[2])
    return subprocess.Popen(
        command,
        cwd=work.root,
        env={**(environ or work.environ), "PYTHONPATH": package},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
