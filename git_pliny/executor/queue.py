"""Who of a phase may start next: retries whose time has come, agents that a provider kept waiting, then new ones.

Nobody here holds a slot. Pure but for the clock's time, which comes in as an argument.
"""

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush

from git_pliny.executor.holds import Holds
from git_pliny.executor.schedule import Schedule


class Queue:
    """`provider_of` gives the provider that an agent asks, or an empty text: such an agent waits for no one."""

    def __init__(self, schedule: Schedule, holds: Holds, provider_of: Callable[[str], str]) -> None:
        self._schedule = schedule
        self._holds = holds
        self._provider_of = provider_of
        self._delayed: list[tuple[float, str]] = []
        self._kept: dict[str, deque[str]] = {}
        """Agents that could start but for their provider, by its name; none of them empty."""

    @property
    def has_waiting(self) -> bool:
        """Whether anybody waits for a time to come."""
        return bool(self._delayed or self._kept)

    def delay(self, name: str, until: float) -> None:
        """Have an agent that was given out start again then."""
        heappush(self._delayed, (until, name))

    def take(self, now: float, *, ahead: bool = False) -> str | None:
        """An agent that may start now, which its provider is taken to be asked by; None where there is none.

        `ahead`: one that is handed over before there is a slot for it, so that its provider should have room: one that
        was full of late may be again by then.
        """
        while self._delayed and self._delayed[0][0] <= now:
            self._keep(heappop(self._delayed)[1])
        if (kept := self._take_kept(now, ahead=ahead)) is not None:
            return kept
        while (found := self._schedule.take()) is not None:
            self._keep(found)
            if (kept := self._take_kept(now, ahead=ahead)) is not None:
                return kept
        return None

    def next_at(self) -> float | None:
        """When somebody who waits may start; None where nobody waits."""
        times = [self._delayed[0][0]] if self._delayed else []
        times += [self._holds.opens_at(provider) or 0.0 for provider in self._kept]
        return min(times, default=None)

    def first(self) -> str | None:
        """Somebody who waits."""
        if self._kept:
            return next(iter(self._kept.values()))[0]
        return self._delayed[0][1] if self._delayed else None

    def drop(self) -> None:
        """Let nobody wait any longer."""
        for _, name in self._delayed:
            self._schedule.dropped(name)
        for names in self._kept.values():
            for name in names:
                self._schedule.dropped(name)
        self._delayed.clear()
        self._kept.clear()

    def _keep(self, name: str) -> None:
        self._kept.setdefault(self._provider_of(name), deque()).append(name)

    def _take_kept(self, now: float, *, ahead: bool) -> str | None:
        for provider, names in self._kept.items():
            if self._holds.opens_at(provider) is None if ahead else self._holds.is_open(provider, now):
                name = names.popleft()
                del self._kept[provider]
                if names:
                    self._kept[provider] = names  # behind the others: each has its turn
                self._holds.began(provider, name, now)
                return name
        return None
