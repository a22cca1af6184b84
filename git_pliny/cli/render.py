"""How values are shown to people: ages, durations, costs, states, and tables that fit the terminal.

Everything takes what may have come from anywhere: an unknown value is `-`, an absurd one stays short.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from git_pliny.cli.invocation import Invocation
from git_pliny.model.duration import LONGEST_S, render_duration
from git_pliny.model.events import parse_time
from git_pliny.model.session import BudgetRecord, Tokens
from git_pliny.model.visible import visible

UNKNOWN = "-"
INTERRUPTED = "interrupted"

_SHOWN = 8
_SECONDS = len("2026-01-31T12:00:00")
_KIB = 1024
_AGES = ((365 * 86400, "y"), (7 * 86400, "w"), (86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
_GAP = 2
_LEAST = 8
_CENT = 0.1
_MILLION = 1e6
_GREEN, _RED, _YELLOW, _BOLD = "32", "31", "33", "1"
_COLORS = {
    "completed": _GREEN,
    "ok": _GREEN,
    "failed": _RED,
    "blocked": _RED,
    "error": _RED,
    INTERRUPTED: _YELLOW,
    "paused": _YELLOW,
    "rolled-back": _YELLOW,
    "running": _BOLD,
}


class Spender(Protocol):
    """What knows the tokens that were used, or does not."""

    @property
    def tokens(self) -> Tokens | None: ...


def short(oid: str) -> str:
    """The part of a session's id that people read and type."""
    return oid[:_SHOWN]


def age(now: float, moment: str) -> str:
    """How long ago an entry's time was, in its largest unit: `3m`, `2d`; a moment to come is `0s`."""
    try:
        seconds = max(0, int(now - parse_time(moment) / 1e6))
    except (ValueError, TypeError):
        return UNKNOWN
    for size, unit in _AGES:
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return "0s"


def ago(now: float, moment: str) -> str:
    """The same as part of a sentence."""
    found = age(now, moment)
    return found if found == UNKNOWN else f"{found} ago"


def when(moment: str) -> str:
    """An entry's time to the second, as `audit view --since` takes it too."""
    return clip(f"{moment[:_SECONDS]}Z", _SECONDS + 1) if len(moment) > _SECONDS else UNKNOWN


def duration(seconds: float | None) -> str:
    """`1.2s`, `1h30m5s`."""
    return UNKNOWN if seconds is None or not 0 <= seconds <= LONGEST_S else render_duration(seconds)


def cost(usd: float | None) -> str:
    """`$0.0012` below ten cents, `$12.34` above."""
    if usd is None:
        return UNKNOWN
    if 0 < usd < _CENT:
        return f"${usd:.4f}"
    return f"${usd:.2f}" if abs(usd) < _MILLION else f"${usd:.3g}"


def tokens(spent: Tokens | None) -> str:
    """`1200 in, 50 out`."""
    return UNKNOWN if spent is None else f"{_count(spent.input)} in, {_count(spent.output)} out"


def spent(usd: float | None, used: Tokens | None, budget: BudgetRecord | None = None) -> str | None:
    """`$1.20 of $5.00, tokens: 30 in, 15 out`; None where nothing of it is known, and nothing limited."""
    limits = budget or BudgetRecord()
    if usd is None and used is None and limits.cost_usd is None and limits.tokens is None:
        return None
    dollars = f" of {cost(limits.cost_usd)}" if limits.cost_usd is not None else ""
    most = f" of {_count(limits.tokens)}" if limits.tokens is not None else ""
    return f"{cost(usd)}{dollars}, tokens: {tokens(used)}{most}"


def tokens_heading(spenders: Iterable[Spender]) -> tuple[str, ...]:
    """The heading of the last column of a table, where any of its rows has something to show there."""
    return ("tokens",) if any(each.tokens is not None for each in spenders) else ()


def progress(done: int, agents: int) -> str:
    """`3/5 60%`: the agents that are done, of all of the plan."""
    return f"{done}/{agents} {100 * done // agents}%" if agents else UNKNOWN


def plural(number: int, noun: str) -> str:
    """`1 entry`, `2 entries`, `0 attempts`."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun[:-1]}ies" if noun.endswith("ry") else f"{number} {noun}s"


def clip(text: str, width: int) -> str:
    """`text` as it will be printed, at most `width` characters of it."""
    shown = visible(text)
    return shown if len(shown) <= width else f"{shown[: max(width - 1, 0)]}…"


def cut(here: Invocation, text: str, *, used: int = 0) -> str:
    """`text` as far as a line of the terminal has room for it after `used` characters; all of it elsewhere."""
    return clip(text, max(here.width - used, _LEAST)) if here.stdout_is_terminal else text


def fit(
    here: Invocation, heading: Sequence[str], rows: Sequence[Sequence[str]], *, flexible: int
) -> list[Sequence[str]]:
    """The rows with one column cut so that the table fits the terminal; as they are where output goes elsewhere."""
    if not here.stdout_is_terminal or not rows:
        return list(rows)
    widths = [max(len(visible(cell)) for cell in column) for column in zip(heading, *rows, strict=True)]
    room = max(here.width - sum(widths) + widths[flexible] - _GAP * (len(widths) - 1), _LEAST)
    return [[*row[:flexible], clip(row[flexible], room), *row[flexible + 1 :]] for row in rows]


def painter(here: Invocation) -> Callable[[str], str]:
    """Colours the words for a state, where standard output may be coloured."""
    return _paint if here.color else str


def _paint(cell: str) -> str:
    color = _COLORS.get(cell)
    return f"\x1b[{color}m{cell}\x1b[m" if color else cell


def _count(number: int) -> str:
    return str(number) if abs(number) < _MILLION else clip(str(number // int(_MILLION)), _SHOWN) + "M"


def byte_size(count: int) -> str:
    """As git writes one: `512 bytes`, `1.50 KiB`, `2.00 GiB`."""
    if count < _KIB:
        return "1 byte" if count == 1 else f"{count} bytes"
    size, units = count / _KIB, iter(("KiB", "MiB", "GiB"))
    unit = next(units)
    for larger in units:
        if size < _KIB:
            break
        size, unit = size / _KIB, larger
    return f"{size:.2f} {unit}"
