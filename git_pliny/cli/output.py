"""How commands print data: on standard output, with the control characters of foreign text made visible."""

import sys
from collections.abc import Callable, Iterable, Sequence

import msgspec

from git_pliny.model.visible import visible, visible_json

FACT = 13
"""Where the values of a list of facts begin."""


def data(text: str = "") -> None:
    """A line of data, or several; control characters other than line ends and tabs are escaped."""
    sys.stdout.write(visible(text, multiline=True) + "\n")


def fact(name: str, value: str, *, paint: Callable[[str], str] = str) -> None:
    """A line of a list of facts: what it is, and its value."""
    sys.stdout.write(f"{name:<{FACT}}{paint(visible(value))}\n")


def data_json(value: object) -> None:
    """A value (structs included) as indented JSON, fields in their own order."""
    sys.stdout.write(visible_json(msgspec.json.format(msgspec.json.encode(value), indent=2).decode()) + "\n")


def json_line(raw: bytes, *, to_terminal: bool) -> None:
    """A line of JSON that is stored somewhere: byte for byte, but what would steer a terminal."""
    if to_terminal:
        sys.stdout.write(visible_json(raw.decode("utf-8", "replace")) + "\n")
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(raw + b"\n")


def flush() -> None:
    """Let a reader have what was printed so far."""
    sys.stdout.flush()


def table(heading: Sequence[str], rows: Iterable[Sequence[str]], *, paint: Callable[[str], str] = str) -> None:
    """Rows in aligned columns under a heading; nothing at all where there are no rows. `paint` may colour a cell."""
    if lines := aligned(heading, rows, paint=paint):
        sys.stdout.write("\n".join(lines) + "\n")


def aligned(heading: Sequence[str], rows: Iterable[Sequence[str]], *, paint: Callable[[str], str] = str) -> list[str]:
    """The lines of such a table."""
    cells = [[visible(cell) for cell in row] for row in rows]
    if not cells:
        return []
    cells.insert(0, [cell.upper() for cell in heading])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    plain = "  ".join(f"{{:<{width}}}" for width in widths).format
    return [plain(*row).rstrip() for row in cells] if paint is str else [_painted(row, widths, paint) for row in cells]


def _painted(row: Sequence[str], widths: Sequence[int], paint: Callable[[str], str]) -> str:
    """A row with colours, which have no width."""
    cells = [paint(cell) + " " * (width - len(cell)) for cell, width in zip(row, widths, strict=True)]
    return "  ".join(cells).rstrip()
