"""Audit entries for people, a line each: when, what, who, and its data as `key=value`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from git_pliny.cli import output, render
from git_pliny.cli.invocation import Invocation
from git_pliny.model.events import Entry, EventType, Line

_LONGEST_VALUE = 200
_MOST_INNER = 8
_OID_WIDTHS, _OID_SHOWN = (40, 64), 12
_HEX = frozenset("0123456789abcdef")
_TOLD_ELSEWHERE = {"phase", "attempts", "started_at", "ended_at", "taken_at"}
_FIRST = ("status", "name", "category", "message", "error.category", "error.message", "exit_code", "reason")
_DAY = len("2026-01-31")
_MILLISECONDS = len("2026-01-31T12:00:00.123")
_TYPE = max(len(kind.value) for kind in EventType)
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+:/@%,#*")


class Teller:
    """Prints entries. On a terminal a line is cut to its width, and the day stands above the lines of that day."""

    def __init__(self, here: Invocation) -> None:
        self._here = here
        self._day = ""

    def tell(self, lines: Iterable[Line]) -> None:
        for line in lines:
            entry = line.entry
            moment = f"{entry.ts[:_MILLISECONDS]}Z"
            if self._here.stdout_is_terminal:
                day, moment = entry.ts[:_DAY], entry.ts[_DAY + 1 : _MILLISECONDS]
                if day != self._day:
                    self._day = day
                    output.data(f"{day} (UTC)")
            output.data(render.cut(self._here, f"{moment}  {describe(entry)}"))


def describe(entry: Entry) -> str:
    """What, who and the data: what tells most stands first, and the run last."""
    facts = dict(_flat(entry.data))
    facts = {**{key: facts[key] for key in _FIRST if key in facts}, **facts}
    if entry.agent is not None and entry.phase is not None:
        facts["phase"] = entry.phase
    facts["run"] = entry.run
    told = " ".join(f"{key}={_value(value)}" for key, value in facts.items())
    return f"{entry.type:<{_TYPE}}  {_who(entry)}{told}"


def _who(entry: Entry) -> str:
    if entry.agent is not None:
        return f"{entry.agent}{f'#{entry.attempt}' if entry.attempt else ''}  "
    return f"[{entry.phase}]  " if entry.phase is not None else ""


def _flat(data: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is there; those of a small inner object as `outer.inner`, of a large one their number."""
    for key, value in data.items():
        if isinstance(value, dict) and not above:
            yield from _flat(value, f"{key}.") if len(value) <= _MOST_INNER else [(key, len(value))]
        elif value is not None and key not in _TOLD_ELSEWHERE:
            yield above + key, value


def _value(value: Any) -> str:
    if isinstance(value, str) and value and _PLAIN.issuperset(value):
        return value[:_OID_SHOWN] if len(value) in _OID_WIDTHS and _HEX.issuperset(value) else value[:_LONGEST_VALUE]
    return render.clip(_json(value), _LONGEST_VALUE)


def _json(value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except RecursionError:
        return "…"
