"""What this machine can tell of its processes, and by which way: `/proc` where there is one, else `ps`."""

import os
import time
from functools import cache
from hashlib import sha256
from pathlib import Path

from git_pliny.runners.proc import ProcTable, process_of
from git_pliny.runners.ps import PsTable, read_listing
from git_pliny.runners.table import Table


def read_table() -> Table:
    """All processes as they are now."""
    return ProcTable() if _has_proc() else PsTable(read_listing())


def start_of(pid: int) -> float:
    """When a child that was started just now was started, in the measure of `Process.started`."""
    if not _has_proc():
        return time.time()
    process = process_of(pid)
    return process.started if process else 0.0


@cache
def identity() -> str:
    """A short hash of what the numbers of processes are valid for: this boot of this machine, this pid namespace.

    Without it, a repository that two containers share would make one mistake the other's processes for its own.
    """
    boot = Path("/proc/sys/kernel/random/boot_id")
    try:
        name = f"{boot.read_text().strip()}/{os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - `pid:[123]`, no path
    except OSError:
        name = os.uname().nodename
    return sha256(name.encode()).hexdigest()[:12]


@cache
def _has_proc() -> bool:
    return Path("/proc/self/stat").exists()
