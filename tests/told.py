"""What an execution told with `--json`, and what git holds of it afterwards; for tests."""

import json
import subprocess
from collections.abc import Collection
from typing import Any

from scratch import Scratch

Entry = dict[str, Any]


def entries(done: subprocess.CompletedProcess[str]) -> list[Entry]:
    """The entries on standard output; every line of it is one."""
    return [json.loads(line) for line in done.stdout.splitlines()]


def course(told: list[Entry], *types: str) -> list[str]:
    """What happened to which agent or phase, in order, as in `agent_start a`."""
    return [f"{entry['type']} {entry.get('agent') or entry.get('phase')}" for entry in told if entry["type"] in types]


def of_type(told: list[Entry], kind: str, agent: str | None = None) -> list[Entry]:
    """The entries of one type, of one agent if one is named."""
    return [entry for entry in told if entry["type"] == kind and agent in (None, entry.get("agent"))]


def statuses(scratch: Scratch) -> dict[str, str]:
    """How each agent of the current session stands."""
    return {name: agent["status"] for name, agent in scratch.session()["agents"].items()}


def attempts(scratch: Scratch) -> dict[str, int]:
    """How often each agent of the current session was tried."""
    return {name: agent["attempts"] for name, agent in scratch.session()["agents"].items()}


def artifacts(scratch: Scratch, kind: str, agent: str) -> dict[str, str]:
    """The stored texts of one kind (outputs, prompts, deliverables) of an agent, by their names below it."""
    ref, folder = f"refs/pliny/artifacts/{scratch.session()['id']}", f"{kind}/{agent}/"
    names = scratch.git("ls-tree", "-r", "-z", "--name-only", ref, folder).rstrip("\0").split("\0")
    return {name.removeprefix(folder): scratch.git("show", f"{ref}:{name}") for name in names if name}


def noted(scratch: Scratch, session: str) -> list[str]:
    """The lines of a session's audit trail as plain git shows them, in order."""
    ref = f"refs/notes/pliny/{session}"
    blobs = [line.split()[0] for line in scratch.git("notes", f"--ref={ref}", "list").splitlines()]
    return sorted({line for blob in blobs for line in scratch.git("cat-file", "blob", blob).splitlines()})


def checkpoints(scratch: Scratch, without: Collection[str] = ()) -> list[str]:
    """The names of the current session's checkpoints, oldest first."""
    return [name for name in scratch.session()["checkpoints"] if name not in without]
