"""What is in the trees that snapshots record."""

import os
import shutil
from pathlib import Path

from snapshot_repos import Work


def paths(work: Work, tree: str) -> dict[str, str]:
    """Each path of a tree and what it holds."""
    listing = work.git("ls-tree", "-r", "-z", tree).split(b"\0")[:-1]
    entries = (line.partition(b"\t") for line in listing)
    return {os.fsdecode(path): what.decode() for what, _, path in entries}


def content(work: Work, tree: str, path: str) -> str:
    return work.git("cat-file", "blob", f"{tree}:{path}").decode()


def tree_by_git(work: Work, index: Path) -> str:
    """What `git add -A` makes of the workspace, in an index of its own."""
    if work.repository.git_dir.joinpath("index").exists():
        shutil.copy2(work.repository.git_dir / "index", index)
    other = Work(root=work.root, environ={**work.environ, "GIT_INDEX_FILE": str(index)})
    other.git("-c", "core.safecrlf=false", "-c", "core.splitIndex=false", "add", "-A", "--sparse")
    return other.git("write-tree").decode().strip()
