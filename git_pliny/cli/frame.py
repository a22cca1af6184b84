"""One frame of the live display: what there is to see, laid out for a given size. Knows rich, and no terminal.

States are words, so that nothing is lost without colours; only the 16 colours that every terminal has are used, and
what is ours is ASCII where the locale is not UTF-8.
"""

import io
import math
from collections.abc import Iterable, Mapping

import msgspec
from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group
from rich.text import Text

from git_pliny.cli.board import Row, Standing, View
from git_pliny.model.duration import render_duration
from git_pliny.model.visible import visible

_STYLES = {
    Standing.RUNNING: "bold",
    Standing.RETRYING: "yellow",
    Standing.FAILED: "red",
    Standing.BLOCKED: "red",
    Standing.WAITING: "dim",
    Standing.COMPLETED: "green",
    Standing.SKIPPED: "dim",
}
_GAP = "  "
_STATE = max(map(len, Standing))
_SHORTEST_NAME = 12
_DETAIL = 24
_SHORTEST_DETAIL = 8
_WIDE = 60
_LONGEST_BAR = 30
_STATUS_LINES = 2


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What the terminal can show."""

    color: bool
    unicode: bool


class _Columns(msgspec.Struct, frozen=True):
    """How wide the parts of a row are; 0 for one that is left out."""

    name: int
    attempt: int
    time: int
    detail: int


class Frame:
    """Lays frames out, in one look."""

    def __init__(self, look: Look, *, jobs: int) -> None:
        self._jobs = jobs
        self._ellipsis = "…" if look.unicode else "..."
        self._bar = ("━", "╌") if look.unicode else ("#", "-")
        self._console = Console(
            file=io.StringIO(),
            force_terminal=True,
            color_system="standard" if look.color else None,
            legacy_windows=False,
            highlight=False,
            _environ={},
        )

    @staticmethod
    def room(height: int) -> int:
        """How many lines there are for agents: the cursor stands on a line of its own."""
        return max(height - _STATUS_LINES - 1, 0)

    def lay_out(self, view: View, *, width: int, height: int) -> list[Text]:
        """The lines from top to bottom, at most one less than `height`, none wider than `width`."""
        lines = [
            *self._agents(view.rows, width),
            *_more(view.hidden),
            self._status(view, width),
            self._progress(view, width),
        ]
        kept = lines[len(lines) - min(len(lines), max(height - 1, 0)) :]
        for line in kept:
            line.truncate(width, overflow="crop")
        return kept

    def paint(self, lines: Iterable[Text]) -> list[str]:
        """The lines with the codes for their styles."""
        texts = list(lines)
        widest = max((line.cell_len for line in texts), default=0)
        with self._console.capture() as captured:
            self._console.print(Group(*texts), width=widest + 1, no_wrap=True, overflow="ignore", crop=False)
        return captured.get().split("\n")[: len(texts)]

    def _agents(self, rows: tuple[Row, ...], width: int) -> list[Text]:
        names = [visible(row.name) for row in rows]
        attempts = [_attempt(row, wide=width >= _WIDE) for row in rows]
        times = [_time(row) for row in rows]
        columns = _fit(width, *(max(map(cell_len, column), default=0) for column in (names, attempts, times)))
        return [
            self._agent(columns, row, name, attempt, time)
            for row, name, attempt, time in zip(rows, names, attempts, times, strict=True)
        ]

    def _agent(self, columns: _Columns, row: Row, name: str, attempt: str, time: str) -> Text:
        line = Text(_GAP + set_cell_size(self._clip(name, columns.name), columns.name) + _GAP)
        line.append(f"{row.standing.value:<{_STATE}}", _STYLES[row.standing])
        if columns.attempt:
            line.append(f"{_GAP}{attempt:<{columns.attempt}}")
        if columns.time:
            line.append(f"{_GAP}{time:>{columns.time}}")
        if columns.detail and row.detail:
            line.append(_GAP + self._clip(visible(row.detail), columns.detail))
        line.rstrip()
        return line

    def _status(self, view: View, width: int) -> Text:
        """Where in the plan it is, and what it is at; the checkpoint and the phase's title only where there is room."""
        place, phases = view.place
        phase = f"phase {place}/{phases}: {visible(view.phase)}"
        turn = f", round {view.round}" if view.round is not None else ""
        work = f"{turn}, {view.counts.get(Standing.RUNNING, 0)}/{self._jobs} jobs, {_whole(view.seconds)}"
        checkpoint = f", checkpoint {visible(view.checkpoint)}" if view.checkpoint else ""
        room = width - cell_len(work)
        fitting = (text for text in (phase + visible(view.title), phase) if cell_len(text) <= room)
        start = next(fitting, "") or self._clip(phase, room)
        line = start + work
        for more in (f", {view.spent}" if view.spent else "", checkpoint):
            line += more if cell_len(line + more) <= width else ""
        return Text(line)

    def _progress(self, view: View, width: int) -> Text:
        """How much of the plan is done: a bar, the percentage, the numbers."""
        length = min(_LONGEST_BAR, width // 4)
        full = length * view.done // view.total if view.total else length
        line = Text()
        line.append(self._bar[0] * full, "green")
        line.append(self._bar[1] * (length - full), "dim")
        line.append(f" {view.percent:3d}%{_GAP}{view.done}/{view.total} done")
        for standing, count in view.counts.items():
            more = f", {count} {standing.value}"
            if standing not in (Standing.COMPLETED, Standing.SKIPPED) and line.cell_len + len(more) <= width:
                line.append(more)
        return line

    def _clip(self, text: str, cells: int) -> str:
        if cell_len(text) <= cells:
            return text
        return set_cell_size(text, max(cells - len(self._ellipsis), 0)) + self._ellipsis


def _fit(width: int, name: int, attempt: int, time: int) -> _Columns:
    """The columns' widths, given how wide each would like to be: details give way first, then names."""
    taken = len(_GAP) + sum(len(_GAP) + column for column in (_STATE, attempt, time) if column)
    fitting = min(name, max(width - taken - len(_GAP) - _DETAIL, _SHORTEST_NAME))
    rest = width - taken - fitting - len(_GAP)
    return _Columns(fitting, attempt, time, rest if rest >= _SHORTEST_DETAIL else 0)


def _attempt(row: Row, *, wide: bool) -> str:
    if row.attempt <= 1:
        return ""
    return f"attempt {row.attempt}" if wide else f"#{row.attempt}"


def _time(row: Row) -> str:
    if row.seconds is None:
        return ""
    if row.standing in {Standing.RETRYING, Standing.WAITING}:
        return f"in {_whole(math.ceil(row.seconds))}"
    return _whole(row.seconds) if row.standing is Standing.RUNNING else render_duration(row.seconds)


def _whole(seconds: float) -> str:
    """Whole seconds: tenths would only flicker."""
    return render_duration(math.floor(seconds))


def _more(hidden: Mapping[Standing, int]) -> list[Text]:
    """A line for the agents of the phase that have none of their own."""
    counts = ", ".join(f"{count} {standing.value}" for standing, count in hidden.items())
    return [Text(f"{_GAP}+{sum(hidden.values())} more: {counts}", "dim")] if hidden else []
