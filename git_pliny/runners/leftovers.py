"""The processes that earlier attempts of an agent left behind: found, and ended as far as their group reaches.

They are recognised by their lineage, by the recorded process group and, where the system shows it, by having the
attempt's output open. A process that gave up all three is not found, nor is one that is born while we look.
"""

import math
import os
import signal
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

import msgspec

from git_pliny.runners import lineage
from git_pliny.runners.base import OUTPUT, beside
from git_pliny.runners.leader import Leader, recorded
from git_pliny.runners.machine import read_table
from git_pliny.runners.process import POLITE, signal_group
from git_pliny.runners.table import Process, Table

_SHORTEST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.5


class Leftover(msgspec.Struct, frozen=True, kw_only=True):
    """A living process of an earlier attempt."""

    pid: int
    pgid: int
    command: str
    escaped: bool
    """It got away into another process group than the attempt's, so it is waited for, and not ended."""


def find(*, session: str, agent: str, folders: Collection[Path]) -> list[Leftover]:
    """What lives of any attempt of that agent, in whatever run; `folders` are those of all its attempts here.

    Neither we nor our ancestors are ever among them.
    """
    table = read_table()
    earlier = _Earlier(session, agent, folders, table)
    ourselves = set(_with_ancestors(os.getpid(), table))
    our_groups = {table.processes[pid].group for pid in ourselves if pid in table.processes}
    return [
        Leftover(
            pid=process.pid,
            pgid=process.group,
            command=table.command(process.pid),
            escaped=process.group in our_groups or not earlier.leads(process),
        )
        for process in table.processes.values()
        if process.alive and process.pid not in ourselves and earlier.includes(process)
    ]


def end_leftovers(
    find_now: Callable[[], list[Leftover]],
    *,
    grace_s: float = 10.0,
    escape_s: float = 30.0,
    sleep: Callable[[float], object] = time.sleep,
) -> list[Leftover]:
    """End the groups of the attempts: TERM, and KILL after `grace_s`; wait `escape_s` for what got away.

    Gives what lives even then.
    """
    found = find_now()
    _signal_groups(found, POLITE)
    found = _wait(find_now, found, lambda living: all(leftover.escaped for leftover in living), grace_s, sleep)
    _signal_groups(found, (signal.SIGKILL,))
    return _wait(find_now, found, lambda living: not living, escape_s, sleep)


class _Earlier:
    """The earlier attempts of an agent, and which processes of the table are theirs."""

    def __init__(self, session: str, agent: str, folders: Collection[Path], table: Table) -> None:
        self._session = session
        self._agent = agent
        self._table = table
        self._outputs = frozenset(os.path.realpath(beside(folder, OUTPUT)) for folder in folders)
        known = [recorded(folder) for folder in folders]
        self._all_recorded = bool(known) and None not in known
        self._leaders = [leader for leader in known if leader and leader.is_of_this_machine]
        self._oldest = _oldest(self._leaders) - table.tolerance if self._all_recorded else -math.inf

    def includes(self, process: Process) -> bool:
        if process.started < self._oldest:
            return False
        return (
            self._is_led(process)
            or lineage.contains(self._table.lineage(process.pid), session=self._session, agent=self._agent)
            or self._table.writes(process.pid, self._outputs)
        )

    def leads(self, process: Process) -> bool:
        """Whether its group is an attempt's own.

        Where a coordinator was killed before it could record who leads, that is a group whose processes are nobody
        else's descendants and that is no session of its own (setsid).
        """
        if self._is_led(process):
            return True
        if self._all_recorded or process.session == process.group:
            return False
        return lineage.ends_with(self._table.lineage(process.pid), session=self._session, agent=self._agent)

    def _is_led(self, process: Process) -> bool:
        return any(leader.owns(process, self._table) for leader in self._leaders)


def _oldest(leaders: Iterable[Leader]) -> float:
    return min((leader.started for leader in leaders), default=math.inf)


def _with_ancestors(pid: int, table: Table) -> Iterator[int]:
    while pid:
        yield pid
        process = table.processes.get(pid)
        pid = process.parent if process else 0


def _signal_groups(leftovers: Iterable[Leftover], signals: Collection[signal.Signals]) -> None:
    for group in {leftover.pgid for leftover in leftovers if not leftover.escaped}:
        signal_group(group, *signals)


def _wait(
    find_now: Callable[[], list[Leftover]],
    found: list[Leftover],
    is_enough: Callable[[list[Leftover]], bool],
    seconds: float,
    sleep: Callable[[float], object],
) -> list[Leftover]:
    """Look again until it is enough, or until `seconds` were slept."""
    slept, pause = 0.0, _SHORTEST_PAUSE_S
    while not is_enough(found) and slept < seconds:
        sleep(pause)
        slept, pause = slept + pause, min(pause * 2, _LONGEST_PAUSE_S)
        found = find_now()
    return found
