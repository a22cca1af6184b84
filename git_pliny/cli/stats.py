"""`git pliny stats`: all sessions of a repository, added up."""

from collections.abc import Mapping

from git_pliny.cli import output, overview, render
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.options import Json
from git_pliny.git.repository import discover
from git_pliny.model.totals import Totals, add_up
from git_pliny.store import sessions


def stats_command(here: Invocation, *, as_json: Json = False) -> None:
    """Sum up all sessions of this repository.

    Counts, time, attempts, failures by category, and what each agent took. `git pliny audit summary` does it for one
    session, with what was retried and rolled back.
    """
    repository = discover(here.cwd, here.environ)
    found = sessions.load_all(repository)
    totals = add_up(found, [overview.state_of(repository, session) for session in found])
    if as_json:
        output.data_json(totals)
    elif not found:
        overview.say_no_sessions()
    else:
        _show(here, totals)


def _show(here: Invocation, totals: Totals) -> None:
    output.fact("sessions", f"{totals.sessions}: {_counts(totals.statuses)}")
    mean = render.duration(totals.duration_s / totals.sessions)
    longest = render.duration(totals.longest_s)
    output.fact("worked", f"{render.duration(totals.duration_s)}, {mean} a session, {longest} the longest")
    output.fact("attempts", f"{totals.attempts}, {totals.retries} of them retries")
    if spent := render.spent(totals.cost_usd, totals.tokens):
        output.fact("spent", spent)
    output.fact("failures", _counts(totals.failures) or "none")
    told = render.tokens_heading(totals.agents.values())
    heading = ("agent", "sessions", "attempts", "completed", "failed", "time", "cost", *told)
    rows = [
        (
            name,
            *map(str, (agent.sessions, agent.attempts, agent.completed, agent.failed)),
            render.duration(agent.duration_s),
            render.cost(agent.cost_usd),
            render.tokens(agent.tokens),
        )[: len(heading)]
        for name, agent in totals.agents.items()
    ]
    if rows:
        output.data()
        output.table(heading, render.fit(here, heading, rows, flexible=0))


def _counts(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{count} {render.clip(name, 40)}" for name, count in ordered)
