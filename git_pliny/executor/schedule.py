"""Which agent of a phase may start next. Pure; each call costs what it changes, so that 10,000 agents are no matter."""

from collections.abc import Collection, Mapping, Sequence
from heapq import heappop, heappush

from git_pliny.model import graph


class Schedule:
    """The agents of one phase that are still to be run, in the plan's order where their needs allow it.

    `needs` may name agents outside of `agents`: those count as met. A sequential schedule gives out one agent at a time
    and stops at the first failure; a parallel one stops there only with `fail_fast`.
    """

    def __init__(
        self, agents: Sequence[str], needs: Mapping[str, Collection[str]], *, parallel: bool, fail_fast: bool
    ) -> None:
        here = set(agents)
        inside = {name: [need for need in needs.get(name, ()) if need in here] for name in agents}
        self._parallel = parallel
        self._fail_fast = fail_fast or not parallel
        self._place = {name: place for place, name in enumerate(graph.order(inside))}
        self._missing = {name: len(set(inside[name])) for name in agents}
        self._needed_by: dict[str, list[str]] = {}
        for name in agents:
            for need in set(inside[name]):
                self._needed_by.setdefault(need, []).append(name)
        self._ready: list[tuple[int, str]] = []
        self._busy: set[str] = set()
        self._waiting = here
        self.stopped = False
        self.held = False
        for name in agents:
            if not self._missing[name]:
                heappush(self._ready, (self._place[name], name))

    @property
    def busy(self) -> bool:
        """Whether an agent that was given out has not finished yet."""
        return bool(self._busy)

    def take(self) -> str | None:
        """An agent that may start now, or None."""
        if self.stopped or self.held or not self._ready or (self._busy and not self._parallel):
            return None
        name = heappop(self._ready)[1]
        self._busy.add(name)
        self._waiting.discard(name)
        return name

    def stop(self) -> None:
        """Give out nothing more."""
        self.stopped = True

    def hold(self) -> None:
        """Give out nothing more; unlike after a stop, what was given out is to come to its own end."""
        self.held = True

    def completed(self, name: str) -> None:
        """An agent that was given out has done its work."""
        self._busy.discard(name)
        for dependent in self._needed_by.get(name, ()):
            self._missing[dependent] -= 1
            if not self._missing[dependent]:
                heappush(self._ready, (self._place[dependent], dependent))

    def dropped(self, name: str) -> None:
        """An agent that was given out ended without a result: it was cancelled."""
        self._busy.discard(name)

    def failed(self, name: str) -> list[str]:
        """An agent failed for good. Gives those that can't run now, since they need it, directly or not."""
        self._busy.discard(name)
        self.stopped = self.stopped or self._fail_fast
        blocked: list[str] = []
        reach = [name]
        while reach:
            for dependent in self._needed_by.get(reach.pop(), ()):
                if dependent in self._waiting:
                    self._waiting.discard(dependent)
                    blocked.append(dependent)
                    reach.append(dependent)
        return sorted(blocked, key=self._place.__getitem__)
