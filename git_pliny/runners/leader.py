"""The record of each attempt's first process, kept beside the attempts' folders for when their coordinator dies."""

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from git_pliny.runners import machine
from git_pliny.runners.table import Process, Table

_NAME = "leaders"
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


class Leader(msgspec.Struct, frozen=True, kw_only=True):
    """The leader of the attempt's process group; the group's number is its pid."""

    pid: int
    started: float
    session: int
    """The session in the sense of setsid(2), which the whole group is in."""
    machine: str

    @property
    def is_of_this_machine(self) -> bool:
        """Whether its number means anything here and now."""
        return self.machine == machine.identity()

    def owns(self, process: Process, table: Table) -> bool:
        """Whether a process is in the attempt's group. A group that got the same number later is not ours.

        No new process is given the number of a living group. So where a process has it that started at another time
        than the leader, the leader's group had ended before that.
        """
        if process.group != self.pid or not self.is_of_this_machine:
            return False
        first = table.processes.get(self.pid)
        if first and abs(first.started - self.started) > table.tolerance:
            return False
        return process.session in (None, self.session) and process.started >= self.started - table.tolerance


def record(folder: Path, pid: int) -> None:
    """Keep who leads the attempt of that folder. Where it can't be written, the lineage still tells: that is no error.

    All attempts share the file beside their folders: a line costs a tenth of a file of its own.
    """
    line = f"{folder.name} {pid}:{machine.start_of(pid)}:{os.getsid(0)}:{machine.identity()}\n"
    with suppress(OSError):
        descriptor = os.open(folder.with_name(_NAME), _APPEND, 0o666)
        try:
            os.write(descriptor, os.fsencode(line))  # one call: whole or not there, whoever else writes or dies
        finally:
            os.close(descriptor)


def recorded(folder: Path) -> Leader | None:
    """Who led the attempt of that folder; None where that was not recorded, or cut short by a full disk."""
    try:
        *lines, _ = os.fsdecode(folder.with_name(_NAME).read_bytes()).split("\n")
        mark = f"{folder.name} "
        last = [line for line in lines if line.startswith(mark)][-1:]
        pid, started, session, identity = "".join(last).removeprefix(mark).split(":")
        return Leader(pid=int(pid), started=float(started), session=int(session), machine=identity)
    except (OSError, ValueError):
        return None
