"""Which providers of models want to be left alone, and until when. Pure: every time comes in as an argument.

After its time a provider is asked by one agent first, and by the others one after another, until one of them got
through: all of them at once would meet the next limit together.
"""

import msgspec

_LONGEST_GAP_S = 1.0


class _Held(msgspec.Struct):
    """A provider that was full. `trying` are the agents that have asked it since its time was over."""

    until: float
    gap_s: float
    told_until: float
    trying: set[str]


class Holds:
    """The providers by name; times in seconds of one clock that does not go back."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}
        self._closed: dict[str, float] = {}

    def hold(self, provider: str, now: float, seconds: float) -> bool:
        """Let nobody ask the provider for so long; an earlier hold that lasts longer stays.

        Whether that is news: it holds markedly longer than was said before.
        """
        gap_s = min(seconds, _LONGEST_GAP_S)
        held = self._held.setdefault(provider, _Held(now, gap_s, now, set()))
        held.until = max(held.until, now + seconds)
        held.gap_s = max(held.gap_s, gap_s)
        held.trying.clear()
        is_news = held.until > held.told_until + held.gap_s / 2
        if is_news:
            held.told_until = held.until
        return is_news

    def opens_at(self, provider: str) -> float | None:
        """When the next of its agents may start; None: at any time."""
        held = self._held.get(provider)
        return None if held is None else held.until

    def is_open(self, provider: str, now: float) -> bool:
        """Whether one of its agents may start now."""
        held = self._held.get(provider)
        return held is None or held.until <= now

    def began(self, provider: str, agent: str, now: float) -> None:
        """An agent asks it: the next one does a little later."""
        if held := self._held.get(provider):
            held.trying.add(agent)
            held.until = max(held.until, now + held.gap_s)

    def got_through(self, provider: str, agent: str) -> None:
        """An agent was answered: if it asked after the provider's time was over, that is over for all."""
        held = self._held.get(provider)
        if held is not None and agent in held.trying:
            del self._held[provider]

    def close(self, provider: str, until: float) -> None:
        """The provider is not to be asked before a time that is too far away to wait for it."""
        self._closed[provider] = max(until, self._closed.get(provider, until))

    def closed_s(self, provider: str, now: float) -> float | None:
        """For how long it is still closed; None where it is not."""
        left = self._closed.get(provider, now) - now
        return left if left > 0 else None
