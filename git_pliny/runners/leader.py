"""The record of an attempt's first process, kept in the attempt's folder for the case that its coordinator dies."""

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from git_pliny.runners import machine
from git_pliny.runners.table import Process, Table

_NAME = "leader"


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
    """Keep who leads the attempt. Where it can't be written, the lineage still tells: that is no error.

    It is the text of a symbolic link, as Mercurial's locks are: whole or not there, and one call to the system.
    """
    text = f"{pid}:{machine.start_of(pid)}:{os.getsid(0)}:{machine.identity()}"
    link = folder / _NAME
    with suppress(OSError):
        link.unlink(missing_ok=True)
        link.symlink_to(text)


def recorded(folder: Path) -> Leader | None:
    """Who led the attempt of that folder; None where that was not recorded."""
    try:
        pid, started, session, identity = str((folder / _NAME).readlink()).split(":")
        return Leader(pid=int(pid), started=float(started), session=int(session), machine=identity)
    except (OSError, ValueError):
        return None
