"""Isolated agents against what git itself takes for worktrees.

    python tests/bench/bench_isolation.py [--files N] [--agents N] [--turns N]

A no-op agent in a large repository, once the pool is warm: at most 2 x `git reset --hard && git clean -fdx` in such a
worktree, plus one checkpoint. Many agents in a small one: at most 3 x `git worktree add` and `remove` for each.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench_checkpoint import repository

from git_pliny.git.repository import Repository
from git_pliny.git.snapshot import capture

FEW, MORE = 2, 12


def timed(work: Callable[[], object]) -> float:
    """Seconds that something takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def run(repo: Repository, *commands: list[str], cwd: Path | None = None) -> None:
    """Commands, one after the other, at the root unless told."""
    for command in commands:
        subprocess.run(
            command,
            cwd=cwd or repo.root,
            env=dict(repo.environ),
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def execute(repo: Repository, agents: int, line: str, *, jobs: int) -> float:
    """Seconds for a new session of that many isolated agents, all alike."""
    plan = f"execution: {{parallel: true, jobs: {jobs}, isolation: worktree}}\nagents:\n"
    plan += "".join(f"  a{number}: {{run: '{line}'}}\n" for number in range(agents))
    path = repo.git_dir / "plan.yaml"
    path.write_text(plan)
    return timed(lambda: run(repo, ["git", "pliny", "execute", "--plan", str(path), f"{agents} agents"]))


def one_agent(repo: Repository, turns: int) -> float:
    """A no-op agent, start-up of a session taken off, as a multiple of what it may cost by the half of the bound."""
    place = repo.local / "bench-worktree"
    run(repo, ["git", "worktree", "add", "-q", "--detach", str(place)])
    clean = ["git", "reset", "-q", "--hard"], ["git", "clean", "-q", "-fdx"]
    ratios = []
    for _ in range(turns + 1):
        few, more = (execute(repo, agents, "true", jobs=1) for agents in (FEW, MORE))
        ours = (more - few) / (MORE - FEW)
        run(repo, *clean, cwd=place)  # so that git knows the files unchanged
        reset = timed(lambda: run(repo, *clean, cwd=place))
        checkpoint = timed(lambda: capture(repo))
        ratios.append(ours / (2 * reset + checkpoint))
    return statistics.median(ratios[1:])  # the first had no pool yet


def many_agents(repo: Repository, agents: int, line: str, turns: int) -> float:
    """Many agents, two at a time and with the whole session, against a worktree added and removed for each."""
    place = repo.local / "bench-worktree"
    add = ["git", "worktree", "add", "-q", "--detach", str(place)]
    remove = ["git", "worktree", "remove", "--force", str(place)]
    ratios = []
    for turn in range(turns):
        ours = execute(repo, agents, line.replace("TURN", str(turn)), jobs=2)
        theirs = timed(lambda: run(repo, *[add, remove] * agents))
        ratios.append(ours / theirs)
    return statistics.median(ratios)


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=50_000)
    parser.add_argument("--agents", type=int, default=100)
    parser.add_argument("--turns", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        repo = repository(Path(name), asked.files)
        found = one_agent(repo, asked.turns)
        sys.stdout.write(
            f"isolated no-op agent, {asked.files} files / (2 x reset and clean + checkpoint): {found:.2f} x (bound 1)\n"
        )
    with tempfile.TemporaryDirectory() as name:
        repo = repository(Path(name), 500)
        for what, line in (("no-op", "true"), ("one new file each", 'echo "$PLINY_AGENT" > "TURN-$PLINY_AGENT"')):
            found = many_agents(repo, asked.agents, line, asked.turns)
            sys.stdout.write(
                f"{asked.agents} isolated agents, {what} / git worktree add and remove: {found:.2f} x (bound 3)\n"
            )


if __name__ == "__main__":
    main()
