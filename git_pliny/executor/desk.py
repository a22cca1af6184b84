"""The coordinator's desk: what it works with, and the one way in which entries get written and told."""

from typing import Any

import msgspec

from git_pliny.executor.holds import Holds
from git_pliny.executor.options import Order
from git_pliny.executor.progress import Reporter
from git_pliny.executor.workers import Workers
from git_pliny.git.snapshot import Snapshot
from git_pliny.model.events import Event, EventType
from git_pliny.model.fold import CheckpointState
from git_pliny.store.checkpoints import Occasion, not_held
from git_pliny.store.run import Run, Taken


class Desk(msgspec.Struct, kw_only=True):
    """Entries are gathered and written together, then told to the reporter: what it shows is durable."""

    order: Order
    run: Run
    reporter: Reporter
    workers: Workers
    holds: Holds = msgspec.field(default_factory=Holds)
    """Of this execution: they outlast its phases."""
    waiting: list[Event] = []
    _warned: set[str] = set()

    def note(
        self,
        kind: EventType,
        *,
        agent: str | None = None,
        phase: str | None = None,
        attempt: int | None = None,
        data: dict[str, Any] | None = None,
    ) -> None:
        """Have an entry written with the next ones."""
        self.waiting.append(Event(type=kind, phase=phase, agent=agent, attempt=attempt, data=data or {}))

    def commit(self) -> None:
        """Make what waits durable, then tell the user."""
        if self.waiting:
            events, self.waiting = self.waiting, []
            self.run.append(*events)
            self.workers.tend()
            self._tell()
            self.workers.tend()

    def checkpoint(self, occasion: Occasion, *, taken: Taken | None = None, flush: bool = True) -> CheckpointState:
        """Snapshot the workspace, unless that was done just now; everything that waits is written first."""
        self.commit()
        self.workers.settle()
        made, snapshot, _ = self.run.checkpoint(occasion, taken=taken, flush=flush)
        self._tell()
        self.warn_of(snapshot)
        return made

    def warn_of(self, snapshot: Snapshot) -> None:
        """Say what checkpoints do not hold, each once."""
        for text in not_held(snapshot):
            self.warn_once(text, about=text)

    def warn_once(self, text: str, *, about: str) -> None:
        """Say it, unless something was said about the same before."""
        if about not in self._warned:
            self._warned.add(about)
            self.reporter.warn(text)

    def _tell(self) -> None:
        """Whatever the run has written, also before we got it: how the session was opened or repaired."""
        self.reporter.entries(self.run.untold(), self.run.state)
