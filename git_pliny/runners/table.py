"""The table of a machine's processes, as far as the operating system shows them to us: a picture of one moment."""

from collections.abc import Collection, Mapping
from typing import Protocol

import msgspec


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """One process. `started` compares only with processes of the same machine, in the same kind of table."""

    pid: int
    parent: int
    group: int
    session: int | None
    """The session in the sense of setsid(2), where the system tells it."""
    started: float
    alive: bool
    """False for a zombie: it runs nothing any more, and only waits for its parent to ask."""


class Table(Protocol):
    """Of a process that we may not look into there is no lineage, and no open file."""

    @property
    def tolerance(self) -> float:
        """How far two values of `started` may be apart that mean the same moment."""
        ...

    @property
    def processes(self) -> Mapping[int, Process]:
        """All of them by their pids, those of others and zombies too."""
        ...

    def lineage(self, pid: int) -> str:
        """The value of `PLINY_LINEAGE` in its environment; empty where there is none."""
        ...

    def writes(self, pid: int, files: Collection[str]) -> bool:
        """Whether it has one of `files` (real paths) open for writing."""
        ...

    def command(self, pid: int) -> str:
        """Its command line, for people, cut to a readable length."""
        ...


COMMAND_LIMIT = 200
