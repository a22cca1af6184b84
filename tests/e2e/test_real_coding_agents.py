"""The real programs of coding agents, where they are installed, against a model's server on this machine.

Each makes a file by a tool call, meets a rate limit that passes, and a wrong key. To run them, have the programs in the
PATH, or in a folder that `PLINY_TEST_AGENTS` names; `tests/matrix/run` tries more programs and more faults.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import coding_agents
import pytest
from model_faults import Faulty, serving_faults
from model_server import INPUT, OUTPUT
from scratch import Scratch

PROGRAMS = ("claude", "codex", "gemini", "opencode")
PLACES = coding_agents.places()
HERE = [program for program in PROGRAMS if coding_agents.is_installed(program)]


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(program not in HERE, reason=f"{program} is not installed here")


installed = pytest.mark.parametrize("program", [pytest.param(name, marks=needs(name)) for name in PROGRAMS])


@pytest.fixture
def server() -> Iterator[Faulty]:
    with serving_faults() as running:
        yield running


def planned(scratch: Scratch, agents: dict[str, dict[str, Any]], **further: Any) -> None:
    """A plan, whose programs know the server and nothing of the user's."""
    scratch.environ["PATH"] = f"{PLACES}{os.pathsep}{scratch.environ['PATH']}"
    coding_agents.settle(Path(scratch.environ["HOME"]))
    scratch.plan(json.dumps({"agents": agents, **further}))


def agent(program: str, address: str, command: str = coding_agents.MAKES) -> dict[str, Any]:
    prompt = f"[[attempt: {{{{ attempt }}}}]] {coding_agents.prompt(program, command)}"
    return {**coding_agents.entry(program, address), "prompt": prompt, "timeout": "2m"}


@installed
def test_a_real_agent_makes_a_file_and_its_tokens_are_right(scratch: Scratch, server: Faulty, program: str) -> None:
    planned(scratch, {"make": agent(program, server.address)})
    scratch.pliny("execute")
    assert (scratch.root / "made.txt").read_text() == "made\n"
    tokens = scratch.session()["agents"]["make"]["tokens"]
    calls = tokens["output"] // OUTPUT
    assert calls >= 2
    assert tokens == {"input": calls * INPUT, "output": calls * OUTPUT}


@installed
def test_a_real_agent_with_a_wrong_key_has_a_config_failure(scratch: Scratch, server: Faulty, program: str) -> None:
    planned(scratch, {"make": agent(program, server.failing("401", program))})
    scratch.pliny("execute", exits=3)
    made = scratch.session()["agents"]["make"]
    assert (made["status"], made["attempts"], made["error"]["category"]) == ("failed", 1, "config")


@pytest.mark.parametrize("program", [pytest.param(name, marks=needs(name)) for name in ("claude", "codex", "opencode")])
def test_a_rate_limit_that_passes_is_tried_again_on_record(scratch: Scratch, server: Faulty, program: str) -> None:
    quick = {"retry_strategies": {"ai": {"max_retries": 1, "backoff": "fixed", "initial_delay": 100}}}
    planned(scratch, {"make": agent(program, server.failing("429-first", program))}, error_handling=quick)
    scratch.pliny("execute")
    session = scratch.session()
    assert (session["agents"]["make"]["status"], session["agents"]["make"]["attempts"]) == ("completed", 2)
    assert (scratch.root / "made.txt").read_text() == "made\n"
    lines = scratch.pliny("audit", "view", session["id"], "--json").stdout.splitlines()
    entries = [json.loads(line) for line in lines]
    assert [entry["data"]["category"] for entry in entries if entry["type"] == "error"] == ["ai"]


@pytest.mark.skipif(len(HERE) < 2, reason="fewer than two coding agents are installed here")
def test_real_agents_work_at_the_same_time_and_a_conflict_loses_nothing(scratch: Scratch, server: Faulty) -> None:
    agents = {name: agent(name, server.address, f"echo {name} > {name}.txt") for name in HERE[1:]}
    first, second = HERE[:2]
    agents[first] = agent(first, server.address, f"echo {first} | tee {second}.txt {first}.txt")
    planned(scratch, agents, phases=[{"name": "all", "parallel": True, "agents": HERE}])
    scratch.pliny("execute", "-j", str(len(HERE)), exits=3)
    session = scratch.session()
    lost = session["failed_agents"]
    assert lost in ([first], [second])
    kept = [name for name in HERE if name not in lost]
    assert sorted(session["completed_agents"]) == sorted(kept)
    for name in kept:
        assert (scratch.root / f"{name}.txt").exists()
    version = next(name for name in session["checkpoints"] if lost[0] in name and not name.startswith("error-"))
    tree = scratch.git("ls-tree", "--name-only", session["checkpoints"][version])
    assert f"{lost[0]}.txt" in tree.splitlines()
    scratch.git("fsck", "--strict")


@pytest.mark.parametrize("program", [pytest.param(name, marks=needs(name)) for name in ("claude", "codex")])
def test_a_kill_leaves_no_real_agent_behind_and_its_work_is_kept(
    scratch: Scratch, server: Faulty, program: str
) -> None:
    script = "#!/bin/sh\necho begun > begun.txt\nuntil test -e resumed; do sleep 0.1; done\n"
    scratch.write("wait.sh", script, executable=True)
    planned(scratch, {"make": agent(program, server.address, "./wait.sh")})
    running = subprocess.Popen(
        ["git", "pliny", "execute"], cwd=scratch.root, env=scratch.environ, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    appears(scratch.root / "begun.txt")
    os.killpg(running.pid, signal.SIGKILL)  # git's own process, and ours below it
    running.wait()
    left = descendants(scratch)
    assert left
    scratch.write("resumed", "")
    scratch.pliny("session", "resume")
    session = scratch.session()
    assert (session["status"], session["agents"]["make"]["status"]) == ("completed", "completed")
    kept = next(commit for name, commit in session["checkpoints"].items() if name.startswith("interrupted"))
    assert "begun.txt" in scratch.git("ls-tree", "--name-only", kept).splitlines()
    assert not left & descendants(scratch)


def appears(path: Path) -> None:
    until = time.monotonic() + 90
    while not path.exists():
        assert time.monotonic() < until, f"{path.name} was never made"
        time.sleep(0.05)


def descendants(scratch: Scratch) -> set[int]:
    """The processes that were started for an agent of this repository, by what stands in their environment."""
    home = f"HOME={scratch.environ['HOME']}".encode()
    found = set()
    for place in Path("/proc").glob("[0-9]*/environ"):
        try:
            variables = place.read_bytes().split(b"\0")
        except OSError:
            continue
        if home in variables and any(each.startswith(b"PLINY_AGENT=") for each in variables):
            found.add(int(place.parent.name))
    return found
