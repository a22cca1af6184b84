"""How long `git pliny session list` takes with 1,000 sessions, whole process, as a multiple of `python -c pass`.

    python tests/bench/bench_session_list.py

The same interpreter runs both, in turns; the fastest of many turns counts. The bound is 8. An editable install slows down
every start of the interpreter, so that the ratio comes out too small: measure an ordinary one.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

from git_pliny.git.objects import TreeEntry
from git_pliny.git.refs import RefUpdate, set_symbolic, update_refs
from git_pliny.git.repository import Repository, discover
from git_pliny.git.writer import ObjectWriter
from git_pliny.model.events import render_time
from git_pliny.model.session import (
    AgentRecord,
    AgentStatus,
    AuditHead,
    Metrics,
    Session,
    SessionStatus,
    Tokens,
    encode_session,
)

BOUND = 8.0
TURNS = 25
AGENTS = 8
IDENT = "bench <bench@localhost> 1700000000 +0000"
START = 1_700_000_000_000_000


def a_session(number: int, commit: str) -> Session:
    """One of the usual size: eight agents, three checkpoints, two runs."""
    created, ended = render_time(START + number * 10**9), render_time(START + number * 10**9 + 10**8)
    record = AgentRecord(
        phase="research",
        status=AgentStatus.COMPLETED,
        attempts=1,
        started_at=created,
        ended_at=ended,
        duration_s=12.5,
        exit_code=0,
        tokens=Tokens(input=1000, output=200),
        cost_usd=0.01,
    )
    agents = {f"agent-{place}": record for place in range(AGENTS)}
    return Session(
        id=str(uuid.UUID(int=number)),
        name=f"Tidy the parser, part {number}",
        status=SessionStatus.COMPLETED if number % 10 else SessionStatus.IN_PROGRESS,
        framework=None,
        created_at=created,
        last_activity=ended,
        current_phase="research",
        completed_agents=list(agents),
        failed_agents=[],
        checkpoints={"start": commit, "research": commit, "fix": commit},
        agents=agents,
        metrics=Metrics(duration_s=100.0, attempts=AGENTS, tokens=Tokens(input=8000, output=1600), cost_usd=0.08),
        plan=commit,
        base=commit,
        audit=AuditHead(entries=40, heads={"0123abcd": "30:" + "0" * 64, "4567abcd": "10:" + "f" * 64}),
    )


def fill(repository: Repository, count: int) -> None:
    """Give the repository that many sessions, each with the refs that one has."""
    writer = ObjectWriter(repository)
    tree = writer.tree({b"file": TreeEntry(0o100644, writer.blob(b"content\n"))})
    commit = writer.commit(tree=tree, parents=[], author=IDENT, message="a checkpoint\n")
    updates = []
    for number in range(count):
        session = a_session(number, commit)
        blob = writer.blob(encode_session(session))
        updates.append(RefUpdate(f"refs/pliny/sessions/{session.id}", blob, None))
        others = (f"notes/pliny/{session.id}", f"pliny/artifacts/{session.id}")
        points = (f"pliny/checkpoints/{session.id}/{name}" for name in session.checkpoints)
        updates += [RefUpdate(f"refs/{name}", commit, None) for name in (*others, *points)]
    writer.write()
    update_refs(repository, updates)
    set_symbolic(repository, "PLINY_HEAD", updates[0].name)


def fastest(commands: dict[str, list[str]], cwd: Path, turns: int) -> dict[str, float]:
    """The seconds of each command's fastest turn."""
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(cwd.parent / "bytecode")}
    best = dict.fromkeys(commands, float("inf"))
    for _ in range(turns):
        for name, command in commands.items():
            begun = time.perf_counter()
            subprocess.run(command, cwd=cwd, env=environ, check=True, stdout=subprocess.DEVNULL)
            best[name] = min(best[name], time.perf_counter() - begun)
    return best


def main() -> int:
    """Print the ratios; 1 where one is over the bound."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--program", default=str(Path(sys.executable).parent / "git-pliny"))
    options = parser.parse_args()
    over = False
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "repository")
        subprocess.run(["git", "init", "-q", str(root)], check=True)
        fill(discover(root, os.environ), options.sessions)
        for layout in ("loose", "packed"):
            if layout == "packed":
                subprocess.run(["git", "-C", str(root), "gc", "-q"], check=True)
            list_them = [sys.executable, options.program, "session", "list"]
            best = fastest({"list": list_them, "pass": [sys.executable, "-c", "pass"]}, root, options.turns)
            ratio = best["list"] / best["pass"]
            over = over or ratio > BOUND
            text = f"{best['list'] * 1000:.1f} ms / {best['pass'] * 1000:.1f} ms"
            print(f"session list, {options.sessions} sessions, {layout} refs: {ratio:.2f} x python -c pass ({text})")
    print(f"bound: {BOUND:.0f}: {'exceeded' if over else 'kept'}")
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
