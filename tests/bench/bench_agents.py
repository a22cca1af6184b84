"""No-op shell agents, two at a time, against `make -j2` with as many targets that touch a file; and their growth.

Run it: python tests/bench/bench_agents.py [--agents N] [--pairs N]
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PLAN = "execution: {parallel: true, jobs: 2}\nagents:\n"


def repository(folder: Path, agents: int) -> Path:
    """A repository with a plan of no-op agents."""
    folder.mkdir()
    plan = PLAN + "".join(f"  a{number}: {{run: ':'}}\n" for number in range(agents))
    (folder / "pliny.yaml").write_text(plan)
    environ = {**os.environ, "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com"}
    environ |= {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com"}
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "plan"]):
        subprocess.run(["git", *command], cwd=folder, env=environ, check=True)
    return folder


def makefile(folder: Path, targets: int) -> Path:
    """A folder with a Makefile of targets that touch a file."""
    folder.mkdir()
    names = " ".join(f"t{number}" for number in range(targets))
    rules = "".join(f"t{number}:\n\t@touch t{number}\n" for number in range(targets))
    (folder / "Makefile").write_text(f"all: {names}\n{rules}")
    return folder


def timed(command: list[str], cwd: Path) -> float:
    """Seconds that a command takes; its output goes to a file, as a build's log does."""
    begin = time.perf_counter()
    with tempfile.TemporaryFile() as log:
        subprocess.run(command, cwd=cwd, stdout=log, stderr=log, check=True)
    return time.perf_counter() - begin


def execute(folder: Path, place: Path, agents: int) -> float:
    """Seconds for a whole `git pliny execute` in a new repository."""
    return timed(["git", "pliny", "execute"], repository(folder / place, agents))


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--growth", type=int, default=0, metavar="N", help="measure growth to N agents, and memory")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ratios = []
        for pair in range(asked.pairs):
            ours = execute(folder, Path(f"r{pair}"), asked.agents)
            theirs = timed(["make", "-s", "-j2", "all"], makefile(folder / f"m{pair}", asked.agents))
            ratios.append(ours / theirs)
        sys.stdout.write(
            f"{asked.agents} no-op agents / make -j2: {statistics.median(ratios):.2f} x"
            f" ({min(ratios):.2f} to {max(ratios):.2f}, {asked.pairs} pairs; bound 1.2)\n"
        )
        if asked.growth:
            few = execute(folder, Path("few"), asked.agents)
            many = execute(folder, Path("many"), asked.growth)
            grown = (many / few) / (asked.growth / asked.agents)
            memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (
                1024 if sys.platform == "linux" else 1 << 20
            )
            sys.stdout.write(
                f"growth to {asked.growth} agents: {grown:.2f} x linear; largest process {memory:.0f} MB (bound 150)\n"
            )


if __name__ == "__main__":
    main()
