"""One trial: one coding agent meets one fault, through `git pliny execute` in a repository of its own."""

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import coding_agents
from model_faults import Faulty, refusing
from model_server import INPUT, OUTPUT
from scratch import Scratch, sealed

RETRIES = 1
LIMITS_S = {"hang": 30.0}
USUAL_S = 150.0
_SLACK_S = 30.0
_FOLDER = re.compile(rb"(?<![\w.-])/[\w@./+-]*?/(node_modules|site-packages|bin)(?=/)")
_ENDING_S = 15.0
"""What a group may take from TERM to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong, and what an agent that meets it counts as: one of the categories, permanent or not."""

    categories: tuple[str, ...] = ()
    is_permanent: bool = False
    recovers: bool = False


FAULTS = {
    "none": Fault(),
    "401": Fault(categories=("config",), is_permanent=True),
    "429-first": Fault(categories=("ai",), recovers=True),
    "429": Fault(categories=("ai",)),
    "500": Fault(categories=("network",)),
    "refused": Fault(categories=("network",)),
    "cut": Fault(categories=("network",)),
    "garbage": Fault(categories=("network", "ai", "validation", "tool")),
    "hang": Fault(categories=("network", "tool")),
    "quota": Fault(categories=("ai",), is_permanent=True),
    "context": Fault(categories=("ai",), is_permanent=True),
    "unknown": Fault(categories=("ai", "config"), is_permanent=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a trial."""

    preset: str
    fault: str
    seconds: float
    requests: int
    told: str
    problems: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.preset} {self.fault}"


def tried(preset: str, fault: str, server: Faulty, folder: Path, record: Path | None) -> Result:
    """Run the trial in `folder`, which is new; `record` is where the output of its first attempt goes."""
    scratch = _scratch(folder)
    with _address(fault, preset, server) as address:
        scratch.plan(json.dumps(_plan(preset, fault, address)))
        scratch.commit()
        began = time.monotonic()
        done = scratch.run("git", "pliny", "execute")
        seconds = time.monotonic() - began
    problems = ["a traceback"] if "Traceback" in done.stderr else []
    told = "no session"
    if done.returncode in {0, 3}:
        session = scratch.session()
        agent = session["agents"]["make"]
        told = _told(agent)
        problems += _problems(preset, fault, agent, scratch)
        problems += _too_long(fault, agent["attempts"], seconds)
        if record is not None:
            _record(preset, fault, scratch, record)
    else:
        problems.append(done.stderr[-400:])
    requests = server.requests[preset + fault]
    return Result(preset=preset, fault=fault, seconds=seconds, requests=requests, told=told, problems=problems)


def _scratch(folder: Path) -> Scratch:
    home = folder / "home"
    environ = sealed(home)
    bin_folder = str(Path(sys.executable).parent)
    environ["PATH"] = os.pathsep.join((coding_agents.places(), bin_folder, environ["PATH"]))
    coding_agents.settle(home)
    root = folder / "repo"
    root.mkdir()
    scratch = Scratch(root=root, environ=environ)
    scratch.git("init", "-q")
    scratch.write("README", "scratch\n")
    return scratch


@contextmanager
def _address(fault: str, preset: str, server: Faulty) -> Iterator[str]:
    with refusing() if fault == "refused" else nullcontext(server.failing(fault, preset + fault)) as address:
        yield address


def _plan(preset: str, fault: str, address: str) -> dict[str, Any]:
    quick = {"max_retries": RETRIES, "backoff": "fixed", "initial_delay": 100}
    made = {
        **coding_agents.entry(preset, address),
        "prompt": "[[attempt: {{ attempt }}]] " + coding_agents.prompt(preset),
        "timeout": f"{LIMITS_S.get(fault, USUAL_S):.0f}s",
    }
    categories = ("network", "ai", "tool", "config", "validation", "system")
    return {"agents": {"make": made}, "error_handling": {"retry_strategies": dict.fromkeys(categories, quick)}}


def _told(agent: dict[str, Any]) -> str:
    error = agent["error"]
    what = (
        "completed"
        if error is None
        else f"{error['category']}{'' if error['recoverable'] else ' (permanent)'}: {error['reason']}"
    )
    return f"{agent['attempts']} attempts, {what}"


def _problems(preset: str, fault: str, agent: dict[str, Any], scratch: Scratch) -> Iterator[str]:
    expected = FAULTS[fault]
    if not expected.categories or expected.recovers:
        yield from _no_success(preset, agent, scratch)
    else:
        yield from _wrong_failure(fault, agent)
    attempts = 1 if not expected.categories or expected.is_permanent else 1 + RETRIES
    if fault != "garbage" and agent["attempts"] != attempts:
        yield f"{agent['attempts']} attempts instead of {attempts}"
    if expected.recovers:
        said = [entry["data"]["category"] for entry in _entries(scratch) if entry["type"] == "error"]
        if said != list(expected.categories):
            yield f"on record: {said}"


def _too_long(fault: str, attempts: int, seconds: float) -> Iterator[str]:
    limit = LIMITS_S.get(fault, USUAL_S)
    if seconds > (limit + _ENDING_S) * attempts + _SLACK_S:
        yield f"it took {seconds:.0f} s, with a limit of {limit:.0f} s"


def _no_success(preset: str, agent: dict[str, Any], scratch: Scratch) -> Iterator[str]:
    if agent["status"] != "completed":
        yield f"{agent['status']}: {agent['error']}"
        return
    made = scratch.root / "made.txt"
    if preset != "llm" and (not made.is_file() or made.read_text() != "made\n"):
        yield "it has not made the file"
    tokens = agent["tokens"] or {"input": 0, "output": 0}
    calls = tokens["output"] // OUTPUT
    if calls < 1 or tokens != {"input": calls * INPUT, "output": calls * OUTPUT}:
        yield f"tokens: {agent['tokens']}"


def _wrong_failure(fault: str, agent: dict[str, Any]) -> Iterator[str]:
    expected, error = FAULTS[fault], agent["error"]
    if agent["status"] != "failed" or error is None:
        yield f"it is {agent['status']}"
    elif error["category"] not in expected.categories:
        yield f"category {error['category']} ({error['reason']}; {error['message']})"
    elif fault != "garbage" and error["recoverable"] == expected.is_permanent:
        yield f"recoverable is {error['recoverable']} ({error['reason']}; {error['message']})"


def _entries(scratch: Scratch) -> list[dict[str, Any]]:
    lines = scratch.pliny("audit", "view", "--json").stdout.splitlines()
    found: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return found


def _record(preset: str, fault: str, scratch: Scratch, folder: Path) -> None:
    """Keep what the first attempt printed, without the names of this machine."""
    form = coding_agents.PROGRAMS[preset]
    for path in sorted((scratch.root / ".git" / "pliny" / "output").rglob("*")):
        ending = {".log": ".txt", ".json": ".trajectory.json"}.get(path.suffix)
        wanted = path.name.endswith((".log", ".trajectory.json"))
        if path.is_file() and wanted and ending and _is_first(path):
            text = path.read_bytes().replace(os.fsencode(scratch.root.parent), b"/work")
            text = _FOLDER.sub(rb"/opt/agents/\1", re.sub(rb"127\.0\.0\.1:\d+", b"127.0.0.1:8080", text))
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{form}-{fault.removeprefix('none') or 'ok'}{ending}").write_bytes(text)


def _is_first(path: Path) -> bool:
    return "@1" in path.name or path.name.startswith("1-")
