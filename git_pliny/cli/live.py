"""The live display: the agents of the phase under way, redrawn in place at the foot of a terminal.

A thread of its own draws a few times a second what the board has; the coordinator only takes notes. What is worth
keeping, and what others print on standard error meanwhile, scrolls by above. Each frame is one write, and leaves the
cursor shown on an empty line below: whatever ends the process, even KILL, finds the terminal in order.
"""

import contextlib
import io
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Self, TextIO

from git_pliny.cli import messages
from git_pliny.cli.board import Board
from git_pliny.cli.frame import Frame, Look
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.progress import describe
from git_pliny.cli.streams import unless_lost
from git_pliny.model.events import Entry, EventType, Line
from git_pliny.model.fold import Fold
from git_pliny.model.plan import Plan
from git_pliny.model.session import AgentStatus

_PERIOD_S = 0.2
_STOPPED_S = 0.7
"""So long between two frames means that `^Z` stopped us, and that a shell wrote below the last one."""
_SIZE = os.terminal_size((80, 24))
_KEPT = (EventType.ERROR, EventType.PHASE_END, EventType.ROUND_BEGIN)
_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_ERASE_REST_OF_LINE = "\x1b[K"


class LiveDisplay:
    """A reporter that is a context manager: it is shown while that is open, and leaves only what scrolled by."""

    def __init__(
        self, here: Invocation, plan: Plan, *, jobs: int, stream: TextIO, monotonic: Callable[[], float]
    ) -> None:
        self._plan = plan
        self._guard = threading.Lock()
        self._board = Board(plan, monotonic)
        self._frame = Frame(look_of(here.environ, stream.encoding), jobs=jobs)
        self._foot = Foot(stream)
        self._above = _Above()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_drawing, name="display", daemon=True)
        self._exit = contextlib.ExitStack()

    def entries(self, lines: Sequence[Line], state: Fold) -> None:
        with self._guard:
            for line in lines:
                self._board.take(line.entry, state)
        for line in lines:
            if _is_kept(line.entry) and (text := describe(line.entry, self._plan)):
                messages.note(text)

    def warn(self, text: str) -> None:
        messages.warning(text)

    def __enter__(self) -> Self:
        self._exit.enter_context(contextlib.redirect_stderr(self._above))
        self._exit.callback(self._close)
        self._thread.start()
        before = signal.signal(signal.SIGCONT, lambda *_: self._foot.forget())
        self._exit.callback(signal.signal, signal.SIGCONT, before)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit.close()

    def _close(self) -> None:
        self._over.set()
        self._thread.join()
        self._foot.draw(self._above.take(whole=False), [], [], self._foot.size())

    def _keep_drawing(self) -> None:
        last = time.monotonic()
        while not self._over.wait(_PERIOD_S):
            before, last = last, time.monotonic()
            if last - before > _STOPPED_S:  # we may wake up before the signal's handler does
                self._foot.forget()
            self._draw()

    def _draw(self) -> None:
        above, size = self._above.take(), self._foot.size()
        if not self._foot.is_ours():
            self._foot.forget()
            self._foot.draw(above, [], [], size)
            return
        with self._guard:
            view = self._board.view(self._frame.room(size.lines))
        lines = self._frame.lay_out(view, width=size.columns, height=size.lines)
        self._foot.draw(above, self._frame.paint(lines), [line.cell_len for line in lines], size)


class Foot:
    """The last lines of a terminal, drawn again and again; the cursor stands below them at the left."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._cells: Sequence[int] = ()
        self._is_left = False

    def size(self) -> os.terminal_size:
        """The terminal's, or a usual one where it does not say."""
        try:
            size = os.get_terminal_size(self._stream.fileno())
        except OSError:
            return _SIZE
        return size if size.columns and size.lines else _SIZE

    def is_ours(self) -> bool:
        """Whether we are in the foreground: what is drawn from the background would tear what the user does there."""
        try:
            return os.tcgetpgrp(self._stream.fileno()) == os.getpgrp()
        except OSError:  # not the terminal that controls us, so that nobody else has it either
            return True

    def forget(self) -> None:
        """Leave what is drawn, since others write below it, and draw anew the next time; for a signal's handler too."""
        self._is_left = True

    def draw(self, above: str, lines: Sequence[str], cells: Sequence[int], size: os.terminal_size) -> None:
        """Replace what was drawn by `above`, which stays, and `lines`, of which `cells` says how wide each is."""
        if self._is_left:
            self._is_left, self._cells = False, ()
        if not above and not lines and not self._cells:
            return
        wrapped = sum(max(-(-cell // size.columns), 1) for cell in self._cells)  # by a terminal made narrower
        rows = min(wrapped, size.lines - 1)
        drawn = "".join(f"{line}{_ERASE_REST_OF_LINE}\n" for line in lines)
        kept, left = (_erase(rows) + above, 0) if above else ("", max(rows - len(lines), 0))
        frame = f"\r{_up(rows)}{kept}{_NO_WRAP}{drawn}{_erase(left)}{_WRAP}"
        with unless_lost(self._stream):
            self._stream.write(f"{_HIDE_CURSOR}{frame}{_SHOW_CURSOR}")
            self._stream.flush()
        self._cells = cells


class _Above(io.StringIO):
    """What is printed while the display is shown; a write may come from any thread, and from a signal's handler."""

    def __init__(self) -> None:
        super().__init__()
        self._written: SimpleQueue[str] = SimpleQueue()
        self._begun = ""

    def write(self, text: str) -> int:
        self._written.put(text)
        return len(text)

    def take(self, *, whole: bool = True) -> str:
        """What was written since the last time, up to the last line that is `whole`."""
        parts = [self._begun]
        with contextlib.suppress(Empty):
            while True:
                parts.append(self._written.get_nowait())
        text = "".join(parts)
        end = text.rfind("\n") + 1 if whole else len(text)
        self._begun = text[end:]
        return text[:end]


def _up(rows: int) -> str:
    return f"\x1b[{rows}A" if rows else ""


def _erase(rows: int) -> str:
    """Empty so many lines and the one below them; the cursor is back where it was then.

    Line by line: tmux keeps in its history what is erased at once from the top of the screen.
    """
    return f"{_ERASE_REST_OF_LINE}\n" * rows + _ERASE_REST_OF_LINE + _up(rows)


def look_of(environ: Mapping[str, str], encoding: str) -> Look:
    """What the terminal can show, by https://no-color.org and the locale."""
    locale = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or "C"
    is_utf_8 = all("utf8" in name.lower().replace("-", "") for name in (locale, encoding))
    return Look(color=not environ.get("NO_COLOR"), unicode=is_utf_8)


def _is_kept(entry: Entry) -> bool:
    """Whether an entry stays to be read: what failed, and the ends of phases."""
    if entry.type == EventType.AGENT_END:
        return entry.data.get("status") == AgentStatus.FAILED
    return entry.type in _KEPT
