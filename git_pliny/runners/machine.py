"""What this machine can tell of its processes, and by which way: `/proc` where there is one, else `ps`."""

import os
import time
from functools import cache
from hashlib import sha256
from pathlib import Path

from git_pliny.runners.proc import ProcTable, process_of
from git_pliny.runners.ps import PsTable, read_listing
from git_pliny.runners.table import Table

_PROC = Path("/proc")


def read_table() -> Table:
    """All processes as they are now."""
    return ProcTable() if has_proc() else PsTable(read_listing())


def start_of(pid: int) -> float:
    """When a child that was started just now was started, in the measure of `Process.started`."""
    if not has_proc():
        return time.time()
    process = process_of(pid)
    return process.started if process else 0.0


@cache
def identity() -> str:
    """A short hash of what the numbers of processes are valid for: this boot of this machine, this pid namespace.

    Without it, a repository that two containers share would make one mistake the other's processes for its own.
    """
    try:
        name = f"{(_PROC / 'sys/kernel/random/boot_id').read_text()} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        name = os.uname().nodename
    return sha256(name.encode()).hexdigest()[:12]


@cache
def has_proc() -> bool:
    """Whether the system shows its processes as files."""
    return (_PROC / "self/stat").exists()
