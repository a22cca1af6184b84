"""The table of processes that `ps` prints, for systems without `/proc`; written for macOS.

macOS shows the environments of one's own processes only, and not those of its protected programs (`/bin/sh`): what
they started is recognised by its process group.
"""

import calendar
import re
import subprocess
import time
from collections.abc import Collection, Iterator

from git_pliny.runners import lineage
from git_pliny.runners.table import COMMAND_LIMIT, Process

_COLUMNS = ("pid=", "ppid=", "pgid=", "stat=", "lstart=", "command=")
_LINE = re.compile(
    r"\s*(?P<pid>\d+)\s+(?P<parent>\d+)\s+(?P<group>\d+)\s+(?P<state>\S+)"
    r"\s+(?P<started>[A-Z][a-z]{2} [A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d \d{4})\s+(?P<text>.*)"
)


class PsTable:
    """`listing` is what `read_listing` gives. Start times are in seconds since the epoch, whole ones."""

    tolerance = 2.0

    def __init__(self, listing: str) -> None:
        self.processes: dict[int, Process] = {}
        self._texts: dict[int, str] = {}
        for process, text in _parse(listing):
            self.processes[process.pid] = process
            self._texts[process.pid] = text

    def lineage(self, pid: int) -> str:
        # The environment follows the arguments, which may speak of the variable too.
        _, found, rest = self._texts[pid].rpartition(f" {lineage.VARIABLE}=")
        return rest.partition(" ")[0] if found else ""

    def writes(self, pid: int, files: Collection[str]) -> bool:  # noqa: ARG002 - `ps` tells of no open files
        return False

    def command(self, pid: int) -> str:
        return self._texts[pid][:COMMAND_LIMIT]


def read_listing(program: str = "ps") -> str:
    """All processes, each with its arguments and its environment, in fixed formats whatever the user's locale."""
    command = (program, "-axwwE", *(word for column in _COLUMNS for word in ("-o", column)))
    fixed = {"PATH": "/bin:/usr/bin", "LC_ALL": "C", "TZ": "UTC"}
    done = subprocess.run(command, capture_output=True, check=False, env=fixed)
    return done.stdout.decode("utf-8", "surrogateescape")


def _parse(listing: str) -> Iterator[tuple[Process, str]]:
    for line in listing.splitlines():
        if found := _LINE.fullmatch(line):
            yield _process(found), found["text"]


def _process(found: re.Match[str]) -> Process:
    started = time.strptime(found["started"], "%a %b %d %H:%M:%S %Y")
    return Process(
        pid=int(found["pid"]),
        parent=int(found["parent"]),
        group=int(found["group"]),
        session=None,
        started=float(calendar.timegm(started)),
        alive=not found["state"].startswith("Z"),
    )
