"""How long `git pliny push` and `fetch` take, as multiples of one plain `git push` and `git fetch` of the same refs.

    python tests/bench/bench_sharing.py

1,000 sessions with ten checkpoints each go to a bare remote on this machine, and come into a fresh clone. Each pair runs
in turns, on copies of the same repositories, and the medians count. The bound is 1.5, and four times as many sessions
must not take more than four times as long, with a fifth for chance.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable
from pathlib import Path

from git_pliny.git.objects import TreeEntry
from git_pliny.git.refs import RefUpdate, update_refs
from git_pliny.git.repository import Repository, discover
from git_pliny.git.writer import ObjectWriter, write_notes
from git_pliny.model.events import Chain, Event, EventType, Line
from git_pliny.model.fold import fold
from git_pliny.model.session import encode_session

BOUND = 1.5
GROWTH = 1.2
TURNS = 3
CHECKPOINTS = 10
IDENT = "bench <bench@localhost> 1700000000 +0000"
START = 1_700_000_000_000_000


def fill(repository: Repository, sessions: range) -> None:
    """Give the repository these sessions, as ten phases of one agent leave them."""
    for start in range(sessions.start, sessions.stop, 50):
        writer, updates = ObjectWriter(repository), list[RefUpdate]()
        for number in range(start, min(start + 50, sessions.stop)):
            updates += _session(writer, str(uuid.UUID(int=number)), number)
        writer.write()
        update_refs(repository, updates)


def _session(writer: ObjectWriter, session: str, number: int) -> Iterable[RefUpdate]:
    chain = Chain(session=session, run="0123abcd", after=START + number * 10**9)
    lines: list[Line] = []
    notes: dict[str, str] = {}

    def link(event: Event) -> None:
        lines.append(chain.link(event, 0))

    link(Event(type=EventType.SESSION_START, data={"session": session, "name": f"Session {number}"}))
    outputs, parent, kept = {}, None, 0
    for place in range(CHECKPOINTS):
        file = writer.blob(f"{number} {place}\n".encode())
        tree = writer.tree({b"file": TreeEntry(0o100644, file)})
        commit = writer.commit(tree=tree, parents=[parent] if parent else [], author=IDENT, message="a checkpoint\n")
        tag = writer.tag(target=commit, name=f"pliny/{session}/p{place}", tagger=IDENT, message="a checkpoint\n")
        yield RefUpdate(f"refs/pliny/checkpoints/{session}/p{place}", tag, None)
        agent, phase = f"agent-{place}", f"p{place}"
        link(Event(type=EventType.AGENT_START, phase=phase, agent=agent, attempt=1))
        end = {"status": "completed", "duration_s": 1.5, "exit_code": 0}
        link(Event(type=EventType.AGENT_END, phase=phase, agent=agent, attempt=1, data=end))
        link(Event(type=EventType.CHECKPOINT, phase=phase, data={"name": phase, "commit": commit, "kind": "phase"}))
        outputs[f"{agent}.log".encode()] = TreeEntry(0o100644, file)
        notes[commit] = writer.blob(b"".join(line.raw + b"\n" for line in lines[kept:]))
        kept, parent = len(lines), commit
    blob = writer.blob(encode_session(fold(session, lines).session()))
    yield RefUpdate(f"refs/pliny/sessions/{session}", blob, None)
    tip = writer.commit(tree=write_notes(writer, notes), parents=[], author=IDENT, message="notes\n")
    yield RefUpdate(f"refs/notes/pliny/{session}", tip, None)
    kept_tree = writer.tree({b"outputs": TreeEntry(0o040000, writer.tree(outputs))})
    kept_tip = writer.commit(tree=kept_tree, parents=[], author=IDENT, message="artifacts\n")
    yield RefUpdate(f"refs/pliny/artifacts/{session}", kept_tip, None)


class Bench:
    """One repository with sessions; each turn works on copies."""

    def __init__(self, folder: Path, program: list[str]) -> None:
        self._folder = folder
        self._program = program
        self.source = folder / "source"
        git("init", "-q", str(self.source))

    def pairs(self, turns: int) -> dict[str, tuple[float, float]]:
        """The median seconds of ours and of plain git, for each command."""
        found: dict[str, tuple[list[float], list[float]]] = {"push": ([], []), "fetch": ([], [])}
        specs = ["refs/pliny/*:refs/pliny/*", "refs/notes/pliny/*:refs/notes/pliny/*"]
        for turn in range(turns):
            for place, ours in enumerate((True, False) if turn % 2 else (False, True)):
                remote, source, clone = (self._folder / f"{name}-{turn}-{place}" for name in ("remote", "from", "to"))
                git("init", "-q", "--bare", str(remote))
                shutil.copytree(self.source, source, symlinks=True)
                git("init", "-q", str(clone))
                for each in (source, clone):
                    git("-C", str(each), "remote", "add", "origin", str(remote))
                push = [*self._program, "push"] if ours else ["git", "push", "-q", "origin", *specs]
                fetch = [*self._program, "fetch"] if ours else ["git", "fetch", "-q", "--no-tags", "origin", *specs]
                found["push"][not ours].append(timed(push, source))
                found["fetch"][not ours].append(timed(fetch, clone))
                for each in (remote, source, clone):
                    shutil.rmtree(each)
        return {name: (statistics.median(mine), statistics.median(plain)) for name, (mine, plain) in found.items()}


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True)


def timed(command: list[str], cwd: Path) -> float:
    """Seconds of one whole process."""
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    options = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "maintenance.auto", "GIT_CONFIG_VALUE_0": "false"}
    begun = time.perf_counter()
    subprocess.run(command, cwd=cwd, env={**environ, **options}, check=True, capture_output=True)
    return time.perf_counter() - begun


def main() -> int:
    """Print the ratios; 1 where one is over its bound."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--program", default=str(Path(sys.executable).parent / "git-pliny"))
    options = parser.parse_args()
    over = False
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), [sys.executable, options.program])
        repository = discover(bench.source, os.environ)
        few = options.sessions // 4
        fill(repository, range(few))
        small = bench.pairs(options.turns)
        fill(repository, range(few, options.sessions))
        large = bench.pairs(options.turns)
    for name, (mine, plain) in large.items():
        ratio, growth = mine / plain, mine / small[name][0] / 4
        over = over or ratio > BOUND or growth > GROWTH
        print(f"{name} of {options.sessions} sessions: {ratio:.2f} x plain git (bound {BOUND}), growth {growth:.2f}")
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
