"""The table of processes that Linux keeps in `/proc`; proc_pid_stat(5) and proc_pid_fdinfo(5) say what stands where."""

import os
import shlex
from collections.abc import Collection
from functools import partial

from git_pliny.runners import lineage
from git_pliny.runners.table import COMMAND_LIMIT, Process

_MARK = f"\0{lineage.VARIABLE}=".encode()
_DEAD = (b"Z", b"X", b"x")
_WRITING = os.O_WRONLY | os.O_RDWR
_CHUNK = 65_536


class ProcTable:
    """Start times are in clock ticks since boot."""

    tolerance = 0.0

    def __init__(self) -> None:
        with os.scandir("/proc") as entries:
            found = [process_of(int(entry.name)) for entry in entries if entry.name.isdecimal()]
        self.processes = {process.pid: process for process in found if process}

    def lineage(self, pid: int) -> str:
        return os.fsdecode((b"\0" + _read(f"/proc/{pid}/environ")).partition(_MARK)[2].partition(b"\0")[0])

    def writes(self, pid: int, files: Collection[str]) -> bool:
        try:
            with os.scandir(f"/proc/{pid}/fd") as entries:
                return any(_target(entry) in files and _is_writing(pid, entry.name) for entry in entries)
        except OSError:
            return False

    def command(self, pid: int) -> str:
        arguments = os.fsdecode(_read(f"/proc/{pid}/cmdline")).split("\0")[:-1]
        return shlex.join(arguments)[:COMMAND_LIMIT] or f"[{os.fsdecode(_read(f'/proc/{pid}/comm')).strip()}]"


def process_of(pid: int) -> Process | None:
    """That process as it is now; None where there is none."""
    # The name stands in parentheses and may hold parentheses and blanks itself: the last one closes it.
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    if not fields:
        return None
    return Process(
        pid=pid,
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        started=float(fields[19]),
        alive=fields[0] not in _DEAD,
    )


def _target(descriptor: os.DirEntry[str]) -> str:
    try:
        return os.readlink(descriptor)  # noqa: PTH115 - not only paths stand there: `socket:[12]`
    except OSError:  # closed since it was listed
        return ""


def _is_writing(pid: int, fd: str) -> bool:
    """Who only reads the output (`tail -f`) is no part of the attempt."""
    for line in _read(f"/proc/{pid}/fdinfo/{fd}").splitlines():
        if line.startswith(b"flags:"):
            return bool(int(line.split()[1], 8) & _WRITING)
    return False


def _read(path: str) -> bytes:
    """The whole file; empty where the process is gone or somebody else's."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # in half the time of a file object, for hundreds
    except OSError:
        return b""
    try:
        return b"".join(iter(partial(os.read, descriptor, _CHUNK), b""))
    except OSError:
        return b""
    finally:
        os.close(descriptor)
