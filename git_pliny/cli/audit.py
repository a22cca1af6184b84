"""`git pliny audit`: read, sum up and verify the audit trail of a session."""

import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, NamedTuple

from git_pliny.cli import entries, output, render
from git_pliny.cli.declare import option
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.options import Json, SessionArgument
from git_pliny.cli.values import agent_names
from git_pliny.errors import ConfigError, CorruptError, InterruptedRunError, UsageError
from git_pliny.git.repository import discover
from git_pliny.model.duration import parse_duration
from git_pliny.model.events import Entry, EventType, Line, parse_time, render_time
from git_pliny.model.summary import Summary, Tally, summarize
from git_pliny.store import audit, following, sessions

Agents = Annotated[
    list[str] | None,
    option("--agent", metavar="AGENT", help="Only events of this agent.", autocompletion=agent_names),
]
Types = Annotated[list[EventType] | None, option("--type", metavar="TYPE", help="Only events of this type.")]
Phases = Annotated[list[str] | None, option("--phase", metavar="PHASE", help="Only events of this phase.")]
Run = Annotated[str | None, option("--run", metavar="RUN", help="Only events of this run, given by how it begins.")]
Since = Annotated[
    str | None, option("--since", metavar="TIME", help="Only events from then on: 2026-01-31T12:00, or 10m ago as 10m.")
]
Until = Annotated[str | None, option("--until", metavar="TIME", help="Only events up to then.")]
Number = Annotated[int | None, option("--number", "-n", metavar="N", min=0, help="Only the last N of the events.")]
Follow = Annotated[bool, option("--follow", "-f", help="Go on with new events as they come, until the session ends.")]
Signed = Annotated[
    bool, option("--signed", help="Demand of every checkpoint a good signature by a key that is known here.")
]

_POLL_S = 0.2
_SHOWN = 20


class _Filter(NamedTuple):
    """Which entries are wanted; times as entries write them."""

    agents: Sequence[str]
    types: Sequence[str]
    phases: Sequence[str]
    run: str
    since: str
    until: str

    def of(self, lines: Iterable[Line], number: int | None) -> list[Line]:
        """The last `number` of the lines that are wanted."""
        chosen = [line for line in lines if self._wants(line.entry)]
        return chosen if number is None else chosen[max(len(chosen) - number, 0) :]

    def _wants(self, entry: Entry) -> bool:
        return (
            (not self.agents or entry.agent in self.agents)
            and (not self.types or entry.type in self.types)
            and (not self.phases or entry.phase in self.phases)
            and entry.run.startswith(self.run)
            and self.since <= entry.ts <= self.until
        )


def view_command(
    here: Invocation,
    *,
    session: SessionArgument = None,
    agent: Agents = None,
    kind: Types = None,
    phase: Phases = None,
    run: Run = None,
    since: Since = None,
    until: Until = None,
    number: Number = None,
    follow: Follow = False,
    as_json: Json = False,
) -> int | None:
    """Print the events of a session.

    Options that choose events can be given several times, and together. A time is local unless it names its zone; a
    length of time like 10m or 2h30m means so long ago. On a terminal lines are cut to its width. With --json the
    entries are printed as they are stored, one a line.

        git pliny audit view --type error --type retry --since 1h
        git pliny audit view --follow --json
    """
    repository = discover(here.cwd, here.environ)
    wanted = _Filter(
        agents=agent or (),
        types=[each.value for each in kind or ()],
        phases=phase or (),
        run=(run or "").lower(),
        since=_moment(since, here.now) if since is not None else "",
        until=_moment(until, here.now) if until is not None else "~",
    )
    found = sessions.resolve(repository, session)
    show = partial(_show_json, here) if as_json else entries.Teller(here).tell
    if not follow:
        show(wanted.of(sessions.load_lines(repository, found), number))
        return None
    try:
        for batch in following.follow(repository, found, pause=partial(time.sleep, _POLL_S)):
            show(wanted.of(batch, number))
            output.flush()
            number = None
    except KeyboardInterrupt:
        return InterruptedRunError.exit_code
    return None


def summary_command(here: Invocation, *, session: SessionArgument = None, as_json: Json = False) -> None:
    """Sum up time, attempts, costs and rollbacks of a session.

    An agent's time is that of its attempts, added up; a phase's is from its begin to its end. What was rolled back
    counts, since it took time and money, too.
    """
    repository = discover(here.cwd, here.environ)
    found = sessions.resolve(repository, session)
    summary = summarize(found, sessions.load_lines(repository, found))
    if as_json:
        output.data_json(summary)
        return
    _show_summary(here, summary)


def verify_command(
    here: Invocation, *, session: SessionArgument = None, signed: Signed = False, as_json: Json = False
) -> int | None:
    """Check that the audit trail is complete and unchanged.

    Every run's entries must be numbered without a gap and chained by their hashes, the session must be what its entries
    add up to, and checkpoints must be where entries and tags say. Exit status 1 and the first bad entry otherwise. What
    a kill left half done is remarked on and does no harm.

    Signatures of checkpoints are checked as git verify-tag does: by the key ring, or gpg.ssh.allowedSignersFile. A bad
    one is a problem; one by a key that is not known here is remarked on.
    """
    repository = discover(here.cwd, here.environ)
    report = audit.verify(repository, sessions.resolve(repository, session), signed=signed)
    if as_json:
        output.data_json(report)
        return 0 if report.ok else 1
    for finding in [*report.problems[1:_SHOWN], *report.remarks[:_SHOWN]]:
        output.data(f"{finding.severity.value}: {finding.message}")
    if report.problems:
        count = render.plural(len(report.problems), "problem")
        raise CorruptError(
            f"session {render.short(report.session)} does not verify, {count}: {report.problems[0].message}",
            hint="git pliny doctor",
        )
    facts = (render.plural(report.entries, "entry"), render.plural(report.runs, "run"))
    checkpoints = render.plural(report.checkpoints, "checkpoint")
    if report.signed:
        checkpoints += f" ({report.signed} with a good signature)"
    output.data(f"session {render.short(report.session)}: {', '.join(facts)}, {checkpoints}: ok")
    return None


def _show_json(here: Invocation, lines: Iterable[Line]) -> None:
    for line in lines:
        output.json_line(line.raw, to_terminal=here.stdout_is_terminal)


def _moment(text: str, now: float) -> str:
    """The time that a user means: a moment, or so long ago."""
    try:
        return render_time(parse_time(datetime.fromisoformat(text).astimezone().isoformat()))
    except (ValueError, OverflowError, OSError):
        pass
    try:
        return render_time(int((now - parse_duration(text)) * 1_000_000))
    except ConfigError as error:
        shown = render.clip(text, 40)
        raise UsageError(
            f"'{shown}' is neither a time nor a length of time",
            hint="write 2026-01-31T12:00, or 10m for ten minutes ago",
        ) from error


def _show_summary(here: Invocation, summary: Summary) -> None:
    total = summary.total
    output.fact("session", summary.session)
    output.fact("entries", f"{summary.entries} in {render.plural(summary.runs, 'run')}")
    limit = summary.budget.time_s if summary.budget else None
    of = f" of {render.duration(limit)}" if limit is not None else ""
    output.fact("worked", render.duration(total.duration_s) + of)
    done = (f"{total.retries} retried", f"{total.failures} failed", f"{total.rolled_back} rolled back")
    output.fact("attempts", f"{total.attempts}: {', '.join(done)}")
    if spent := render.spent(total.cost_usd, total.tokens, summary.budget):
        output.fact("spent", spent)
    output.fact("checkpoints", str(summary.checkpoints))
    output.fact("rollbacks", str(summary.rollbacks))
    if summary.errors:
        ordered = sorted(summary.errors.items(), key=lambda pair: (-pair[1], pair[0]))
        output.fact("failures", ", ".join(f"{count} {render.clip(category, 40)}" for category, count in ordered))
    for heading, rows in (("phase", summary.phases.items()), ("agent", summary.agents.items())):
        told = render.tokens_heading(tally for _, tally in rows)
        columns = (heading, "time", "attempts", "retried", "failed", "rolled back", "cost", *told)
        cells = [(name, *_cells(tally))[: len(columns)] for name, tally in rows]
        if cells:
            output.data()
            output.table(columns, render.fit(here, columns, cells, flexible=0))


def _cells(tally: Tally) -> tuple[str, ...]:
    counts = (tally.attempts, tally.retries, tally.failures, tally.rolled_back)
    return (
        render.duration(tally.duration_s),
        *map(str, counts),
        render.cost(tally.cost_usd),
        render.tokens(tally.tokens),
    )
