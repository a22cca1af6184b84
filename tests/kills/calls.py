"""Which system calls are killed at, and how one certain call of one certain process is named and told to strace."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CALLS = tuple(
    """
    write pwrite64 writev pwritev pwritev2 sendfile copy_file_range splice fallocate truncate ftruncate
    fsync fdatasync sync_file_range syncfs sync msync
    rename renameat renameat2 link linkat symlink symlinkat unlink unlinkat mkdir mkdirat rmdir
    clone clone3 fork vfork execve execveat
    """.split()  # noqa: SIM905 - forty quoted words read worse
)
"""What writes, syncs, renames, links, unlinks or spawns."""

TRACED = ",".join(f"?{call}" for call in CALLS)
"""The same for strace; a question mark passes over what this processor's Linux does not have."""

_CALL = re.compile(r"^([a-z0-9_]+)\(", re.MULTILINE)


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """Just before the `number`-th system call `call` of `process`, while `stage` is under way.

    A process is named by the agent that it works for (or main), its program, its command, and how many of that name
    there were before; a worker thread by its own name.
    """

    stage: str
    process: str
    call: str
    number: int

    def __str__(self) -> str:
        return f"{self.stage} {self.process} {self.call} {self.number}"

    @property
    def inject(self) -> str:
        return f"inject={self.call}:signal=KILL:when={self.number}"


def points(traces: Path) -> Iterator[Point]:
    """Every point of a run whose traces lie in `traces/<stage>/<process>`."""
    for log in sorted(traces.glob("*/*")):
        for call, count in Counter(_CALL.findall(log.read_text(errors="replace"))).items():
            for number in range(1, count + 1):
                yield Point(log.parent.name, log.name, call, number)


def was_killed(log: Path) -> bool:
    """Whether strace saw the process end by our signal."""
    return log.exists() and "+++ killed by SIGKILL +++" in log.read_text(errors="replace")
