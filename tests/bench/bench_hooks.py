"""How much longer a commit takes with the hooks, in milliseconds, in a repository of 20,000 files with a session.

    python tests/bench/bench_hooks.py

Commits with and without the hooks, in turns; the median of the differences counts. The bound is 150 ms.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BOUND_MS = 150.0
TURNS = 15
FILES = 20_000
PLAN = "agents:\n  a: {run: 'echo a >> a.txt'}\nphases:\n  - {name: p, agents: [a]}\n"


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)


def prepare(root: Path) -> None:
    """A repository with the files, in which a session has changed one that is staged."""
    for number in range(FILES):
        file = root / f"{number % 200}" / f"{number}.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{number}\n")
    (root / "pliny.yaml").write_text(PLAN)
    for command in (
        ["init", "-q"],
        ["add", "-A"],
        ["commit", "-q", "-m", "start"],
        ["pliny", "execute"],
        ["add", "-A"],
    ):
        git(root, *command)


def timed(root: Path) -> float:
    """Milliseconds of one commit, which is taken back."""
    began = time.perf_counter()
    git(root, "commit", "-q", "-m", "work")
    took = (time.perf_counter() - began) * 1000
    git(root, "reset", "-q", "--soft", "HEAD~1")
    return took


def main() -> int:
    """Measure and tell; exit status 1 beyond the bound."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--turns", type=int, default=TURNS)
    turns = options.parse_args().turns
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for role in ("AUTHOR", "COMMITTER"):
        os.environ |= {f"GIT_{role}_NAME": "bench", f"GIT_{role}_EMAIL": "bench@localhost"}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        prepare(root)
        more = []
        for _ in range(turns):
            without = timed(root)
            git(root, "pliny", "hooks", "install")
            more.append(timed(root) - without)
            git(root, "pliny", "hooks", "uninstall")
    added = statistics.median(more)
    print(f"hooks: a commit takes {added:.0f} ms more (bound {BOUND_MS:.0f} ms)")
    return 0 if added <= BOUND_MS else 1


if __name__ == "__main__":
    sys.exit(main())
