"""A terminal for tests: the part of one that programs under test use, and programs run on a real pseudo-terminal."""

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import termios
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_PART = re.compile(r"\x1b\[(?P<private>\??)(?P<numbers>[\d;]*)(?P<final>[A-Za-z])|(?P<text>[^\x1b\r\n]+)|[\r\n]")
_TORN = re.compile(r"\x1b(?:\[[?\d;]*)?$")


@dataclass(slots=True)
class _Row:
    text: str = ""
    goes_on: bool = False


@dataclass(slots=True)
class Terminal:
    """Rows of characters, the ones that scrolled away first; it wraps its rows anew when its width changes."""

    width: int = 80
    height: int = 24
    cursor_shown: bool = True
    wraps: bool = True
    _rows: list[_Row] = field(default_factory=lambda: [_Row()])
    _row: int = 0
    _column: int = 0

    @property
    def lines(self) -> list[str]:
        """What stands there, without blanks at the ends of lines and of the text."""
        return "\n".join(row.text.rstrip() for row in self._rows).rstrip("\n").split("\n")

    def feed(self, text: str) -> None:
        place = 0
        while place < len(text):
            part = _PART.match(text, place)
            assert part, f"not a code that we know: {text[place : place + 20]!r}"
            place = part.end()
            if part["text"]:
                self._write(part["text"])
            elif part["final"]:
                self._obey(part["private"] + part["final"], part["numbers"])
            elif part[0] == "\r":
                self._column = 0
            else:
                self._down()

    def resize(self, width: int) -> None:
        """Another width: a line that no longer fits goes on in the next row, as most terminals have it."""
        assert self._column == 0
        below = len(self._rows) - self._row
        before, self._rows, self.width = self._rows[: self._row], [], width
        rest = [_Row() for _ in range(below)]
        line = ""
        for row in before:
            line += row.text
            if not row.goes_on:
                starts = range(0, max(len(line), 1), width)
                self._rows += [_Row(line[start : start + width], start + width < len(line)) for start in starts]
                line = ""
        self._row = len(self._rows)
        self._rows += rest

    def _write(self, text: str) -> None:
        for character in text:
            if self._column == self.width and self.wraps:
                self._rows[self._row].goes_on = True
                self._down()
                self._column = 0
            column = min(self._column, self.width - 1)
            row = self._rows[self._row]
            row.text = row.text[:column].ljust(column) + character + row.text[column + 1 :]
            self._column = column + 1

    def _down(self) -> None:
        self._row += 1
        if self._row == len(self._rows):
            self._rows.append(_Row())

    def _obey(self, code: str, numbers: str) -> None:
        row = self._rows[self._row]
        if code == "A":
            self._row = max(self._row - int(numbers or 1), len(self._rows) - self.height, 0)
        elif code in ("K", "J"):
            row.text, row.goes_on = row.text[: self._column], False
            if code == "J":
                del self._rows[self._row + 1 :]
        elif code in ("?h", "?l"):
            shown = code == "?h"
            assert numbers in ("7", "25")
            if numbers == "25":
                self.cursor_shown = shown
            else:
                self.wraps = shown
        else:
            assert code == "m"


@dataclass(slots=True)
class Shown:
    """A program on a pseudo-terminal, in its foreground."""

    pid: int
    descriptor: int
    terminal: Terminal
    raw: str = ""
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )
    _torn: str = ""

    def read(self, until: Callable[[Terminal], bool] = lambda _: False, *, seconds: float = 30.0) -> None:
        """Take its output in until something is seen, or to its end."""
        deadline = time.monotonic() + seconds
        while not until(self.terminal):
            assert time.monotonic() < deadline, self.terminal.lines
            if select.select([self.descriptor], [], [], 0.1)[0] and not self._take():
                break

    def finish(self) -> int:
        """Wait for its end; gives its exit code, or minus the signal that ended it."""
        self.read()
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.descriptor)
        return code

    def type(self, keys: str) -> None:
        os.write(self.descriptor, keys.encode())

    def resize(self, width: int) -> None:
        """Another width, which the program is not told of in any other way than by asking."""
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", self.terminal.height, width, 0, 0))
        self.terminal.resize(width)

    def _take(self) -> bool:
        try:
            data = os.read(self.descriptor, 65536)
        except OSError:  # Linux's way of saying that nobody has the other end any more
            return False
        text = self._torn + self._decoder.decode(data)
        torn = _TORN.search(text)
        self._torn = torn[0] if torn else ""
        text = text.removesuffix(self._torn) if torn else text
        self.raw += text
        self.terminal.feed(text)
        return bool(data)


def show(command: list[str], *, cwd: Path, environ: Mapping[str, str], width: int = 80, height: int = 24) -> Shown:
    """Start a program on a terminal of its own."""
    pid, descriptor = pty.fork()
    if pid == 0:
        try:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
            os.chdir(cwd)
            os.execvpe(command[0], command, environ)
        finally:
            os._exit(127)
    return Shown(pid, descriptor, Terminal(width, height))
