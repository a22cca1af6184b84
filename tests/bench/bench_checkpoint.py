"""A checkpoint of a large repository, start-up of the interpreter taken off, as a multiple of `git stash create`.

    python tests/bench/bench_checkpoint.py [--files N] [--turns N]

Both in turns in one run; nothing changed, then one file changed. The bound is in DESIGN section 11: 1.3.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from git_pliny.git.repository import Repository, discover
from git_pliny.git.snapshot import capture

FOLDER = 500


def repository(root: Path, files: int) -> Repository:
    """A repository of small files in folders, all committed."""
    for number in range(files):
        path = root / f"d{number // FOLDER}" / f"f{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{number}\n")
    ident = {f"GIT_{who}_{what}": "bench" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environ = {**os.environ, **ident}
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "files"], ["status"]):
        subprocess.run(["git", *command], cwd=root, env=environ, check=True, stdout=subprocess.DEVNULL)
    return discover(root, environ)


def seconds(work: list[str] | None, repo: Repository) -> float:
    """How long a git command, or without one a capture, takes."""
    begin = time.perf_counter()
    if work is None:
        capture(repo)
    else:
        subprocess.run(work, cwd=repo.root, env=dict(repo.environ), check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def ratio(repo: Repository, turns: int) -> tuple[float, float]:
    """Ours to git's: of the fastest turns, and of the medians."""
    ours, theirs = [], []
    for _ in range(turns):
        ours.append(seconds(None, repo))
        theirs.append(seconds(["git", "stash", "create"], repo))
    return min(ours) / min(theirs), statistics.median(ours) / statistics.median(theirs)


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=50_000)
    parser.add_argument("--turns", type=int, default=7)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        repo = repository(Path(name), asked.files)
        for what in ("nothing changed", "one file changed"):
            fastest, median = ratio(repo, asked.turns)
            sys.stdout.write(
                f"checkpoint of {asked.files} files, {what} / git stash create:"
                f" {fastest:.2f} x (medians {median:.2f}; bound 1.3)\n"
            )
            (repo.root / "d0" / "f0").write_text("changed\n")


if __name__ == "__main__":
    main()
