"""Keeps a plan manifest in step with the trail: after each task, and at the start what a kill left out."""

from collections.abc import Sequence

from git_pliny.executor.options import Order
from git_pliny.model.events import Entry, EventType, Line
from git_pliny.model.fold import Fold
from git_pliny.model.session import AgentStatus
from git_pliny.plans.manifest_file import record_task

_STARTS = (EventType.SESSION_RESUME, EventType.PLAN_CHANGE)


class ManifestWriter:
    """A reporter that writes each task's end back to the manifest."""

    def __init__(self, order: Order) -> None:
        link = order.plan.manifest
        self._path = order.root / link.path if link else None
        self._root = order.root
        self._written = set(link.completed) if link else set()
        self._tasks = frozenset(order.plan.agents)

    def entries(self, lines: Sequence[Line], state: Fold) -> None:
        """Write back what these completed or failed; once at the start, what the file does not know yet."""
        for line in lines:
            self._take(line.entry, state)

    def warn(self, text: str) -> None:
        """Nothing to write."""

    def _take(self, entry: Entry, state: Fold) -> None:
        if entry.type in _STARTS:
            for name in state.completed:
                self._record(name, entry.ts, state)
        elif entry.type == EventType.AGENT_END and entry.agent is not None:
            self._record(entry.agent, entry.ts, state)

    def _record(self, name: str, at: str, state: Fold) -> None:
        if self._path is None or name not in self._tasks or name in self._written:
            return
        failed = [task for task, agent in state.agents.items() if agent.status is AgentStatus.FAILED]
        completed = state.agents[name].status.done
        record_task(self._path, name, at, completed=completed, failed=failed, root=self._root)
        if completed:
            self._written.add(name)
