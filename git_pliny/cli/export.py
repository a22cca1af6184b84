"""`git pliny audit export`: the trail of a session, and what it adds up to, for other programs."""

import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Annotated, Any

import msgspec

from git_pliny.cli import output
from git_pliny.cli.declare import option
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.options import Json, SessionArgument
from git_pliny.errors import UsageError
from git_pliny.git.repository import discover
from git_pliny.model.attempts import AttemptRecord, attempts
from git_pliny.model.events import Line
from git_pliny.model.summary import Tally, summarize
from git_pliny.model.visible import visible
from git_pliny.store import sessions


class Format(StrEnum):
    """How it is written."""

    JSONL = "jsonl"
    JSON = "json"
    CSV = "csv"


class Subject(StrEnum):
    """What there is a record of."""

    ENTRIES = "entries"
    ATTEMPTS = "attempts"
    AGENTS = "agents"
    PHASES = "phases"
    SESSION = "session"


Formats = Annotated[
    Format | None, option("--format", metavar="FORMAT", help="jsonl, a record a line (the default); json; or csv.")
]
Subjects = Annotated[
    Subject | None,
    option("--of", metavar="WHAT", help="Records of entries (the default), attempts, agents, phases or the session."),
]

_Row = dict[str, Any]
_ENTRY = ("ts", "run", "seq", "type", "phase", "agent", "attempt", "data", "prev")
_TALLY = ("attempts", "retries", "failures", "rolled_back", "duration_s", "input_tokens", "output_tokens", "cost_usd")
_COLUMNS = {
    Subject.ENTRIES: _ENTRY,
    Subject.ATTEMPTS: AttemptRecord.__struct_fields__,
    Subject.AGENTS: ("agent", "phase", *_TALLY),
    Subject.PHASES: ("phase", *_TALLY),
    Subject.SESSION: ("session", *_TALLY),
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def export_command(
    here: Invocation,
    *,
    session: SessionArgument = None,
    form: Formats = None,
    subject: Subjects = None,
    as_json: Json = False,
) -> None:
    """Write the audit trail, or what it adds up to, for other programs.

    Records of attempts, agents, phases and the session have time, tokens and cost; what is unknown is null, and empty
    in CSV. In JSON Lines, entries are the bytes that are stored. In CSV the data of an entry is JSON, and a text that a
    spreadsheet would take for a formula has an apostrophe before it. --json is --format json.

        git pliny audit export --of attempts --format csv > attempts.csv
        git pliny audit export 3f2a --of agents | jq .cost_usd
    """
    if as_json and form not in (None, Format.JSON):
        raise UsageError(f"--json and --format {form} can't both be meant", hint="leave one of them out")
    form = Format.JSON if as_json else form or Format.JSONL
    subject = subject or Subject.ENTRIES
    repository = discover(here.cwd, here.environ)
    found = sessions.resolve(repository, session)
    lines = sessions.load_lines(repository, found)
    if form is Format.CSV:
        _write_csv(here, _COLUMNS[subject], _rows(subject, found, lines))
    elif subject is Subject.ENTRIES:
        _write_json(here, (line.raw for line in lines), form)
    else:
        _write_json(here, map(msgspec.json.encode, _rows(subject, found, lines)), form)


def _rows(subject: Subject, session: str, lines: Sequence[Line]) -> Iterator[_Row]:
    if subject is Subject.ENTRIES:
        yield from (msgspec.to_builtins(line.entry) for line in lines)
        return
    if subject is Subject.ATTEMPTS:
        yield from map(msgspec.structs.asdict, attempts(lines))
        return
    summary = summarize(session, lines)
    if subject is Subject.AGENTS:
        yield from ({"agent": name, "phase": each.phase, **_told(each)} for name, each in summary.agents.items())
    elif subject is Subject.PHASES:
        yield from ({"phase": name, **_told(each)} for name, each in summary.phases.items())
    else:
        yield {"session": session, **_told(summary.total)}


def _told(tally: Tally) -> _Row:
    tokens = tally.tokens
    flat = {"input_tokens": tokens.input if tokens else None, "output_tokens": tokens.output if tokens else None}
    return {name: flat[name] if name in flat else getattr(tally, name) for name in _TALLY}


def _write_json(here: Invocation, records: Iterable[bytes], form: Format) -> None:
    def write(raw: bytes) -> None:
        output.json_line(raw, to_terminal=here.stdout_is_terminal)

    if form is Format.JSONL:
        for raw in records:
            write(raw)
        return
    last: bytes | None = None
    write(b"[")
    for raw in records:
        if last is not None:
            write(last + b",")
        last = raw
    if last is not None:
        write(last)
    write(b"]")


def _write_csv(here: Invocation, columns: Sequence[str], rows: Iterable[_Row]) -> None:
    shown: Callable[[str], str] = visible if here.stdout_is_terminal else _storable
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([shown(_cell(row.get(column))) for column in columns])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return msgspec.json.encode(value).decode()


def _storable(text: str) -> str:
    """What no UTF-8 can hold is shown as an escape here, too."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
