"""A session as people see it: where it stands, its agents, what failed and what to type next."""

from collections.abc import Iterator
from shlex import quote

from git_pliny.cli import messages, output, render
from git_pliny.cli.budgets import higher
from git_pliny.cli.invocation import Invocation
from git_pliny.git.repository import Repository
from git_pliny.model.budget import used_up
from git_pliny.model.events import parse_time
from git_pliny.model.fold import Fold
from git_pliny.model.names import encode
from git_pliny.model.payloads import AgentEnd
from git_pliny.model.session import AgentRecord, AgentStatus, Session, SessionStatus
from git_pliny.model.spending import Spending
from git_pliny.model.visible import visible
from git_pliny.store import sessions

_LONGEST_MESSAGE = 1000
_CHECKPOINTS_SHOWN = 10
_COMMIT_SHOWN = 12
_START = 'git pliny execute, or: git pliny session start "NAME"'


def state_of(repository: Repository, session: Session) -> str:
    """Its status, or `interrupted` where it is under way and no process works on it."""
    return render.INTERRUPTED if sessions.is_interrupted(repository, session) else session.status.value


def next_step(repository: Repository, session: Session) -> str | None:
    """The command that a user most likely wants next."""
    name = render.short(session.id)
    if session.status is SessionStatus.ARCHIVED:
        return None
    if session.status is SessionStatus.COMPLETED:
        return f"git pliny audit summary {name}"
    if sessions.holder(repository, session.id) is not None:
        return f"git pliny audit view --follow {name}"
    spending = Spending(tokens=session.metrics.tokens, cost_usd=session.metrics.cost_usd)
    if session.budget and (found := used_up(session.budget, spending, session.metrics.duration_s)):
        return f"git pliny execute --session {name} {higher(found)}"
    return f"git pliny session resume {name}"


def worked(session: Session) -> str:
    """How long it was worked on, and how long it may be."""
    limit = session.budget.time_s if session.budget else None
    return render.duration(session.metrics.duration_s) + (f" of {render.duration(limit)}" if limit is not None else "")


def progress(session: Session) -> str:
    """How many of its agents are done."""
    return render.progress(sum(record.status.done for record in session.agents.values()), len(session.agents))


def say_no_sessions() -> None:
    """For a repository without any."""
    messages.note(f"no sessions yet\nhint: {_START}")


def say_no_current_session() -> None:
    """For a worktree without one."""
    messages.note(f"no current session\nhint: {_START}")


def facts(here: Invocation, repository: Repository, session: Session) -> Iterator[tuple[str, str]]:
    """What a session is and where it stands, a line each."""
    metrics = session.metrics
    yield "session", session.id
    yield "name", session.name
    yield "status", state_of(repository, session)
    yield "progress", progress(session)
    if session.reason is not None and session.status is SessionStatus.PAUSED:
        yield "because", session.reason
    if session.current_phase is not None:
        yield "phase", session.current_phase + (f", round {session.round}" if session.round > 1 else "")
    if session.framework is not None:
        yield "framework", session.framework
    yield "created", f"{render.when(session.created_at)} ({render.ago(here.now, session.created_at)})"
    yield "last entry", f"{render.when(session.last_activity)} ({render.ago(here.now, session.last_activity)})"
    tries = f"{render.plural(metrics.attempts, 'attempt')}, {render.plural(metrics.retries, 'retry')}"
    yield "worked", f"{worked(session)}, {tries}"
    if spent := render.spent(metrics.cost_usd, metrics.tokens, session.budget):
        yield "spent", spent


def show_facts(here: Invocation, repository: Repository, session: Session) -> None:
    """Print them."""
    paint = render.painter(here)
    for name, value in facts(here, repository, session):
        output.fact(name, render.cut(here, value, used=output.FACT), paint=paint)


def show_agents(here: Invocation, session: Session) -> None:
    """Print a table of the agents, in the plan's order."""
    heading = ("phase", "agent", "status", "attempts", "time", "cost", *render.tokens_heading(session.agents.values()))
    rows = [_agent_row(here, name, record)[: len(heading)] for name, record in session.agents.items()]
    if rows:
        output.data()
        output.table(heading, render.fit(here, heading, rows, flexible=1), paint=render.painter(here))


def show_phases(here: Invocation, session: Session) -> None:
    """Print a table of what the phases took, where there are several and any of them told what it spent."""
    phases = session.phases
    if len(phases) <= 1 or all(each.cost_usd is None and each.tokens is None for each in phases.values()):
        return
    heading = ("phase", "time", "cost", *render.tokens_heading(phases.values()))
    rows = [
        (name, render.duration(each.duration_s), render.cost(each.cost_usd), render.tokens(each.tokens))[: len(heading)]
        for name, each in phases.items()
    ]
    output.data()
    output.table(heading, render.fit(here, heading, rows, flexible=0))


def show_words(state: Fold, *, most: int | None = None) -> None:
    """Print what agents said of their work, if they did: the summary, score and verdict of their last end."""
    ends = ((name, agent.last_end()) for name, agent in state.agents.items())
    lines = [f"{name}: {words}" for name, ended in ends if ended is not None and (words := _words(ended.end))]
    if lines:
        output.data()
    for line in lines[:most]:
        output.data(render.clip(line, _LONGEST_MESSAGE))
    if most is not None and len(lines) > most:
        output.data(f"and {render.plural(len(lines) - most, 'more summary')}: git pliny session show")


def _words(end: AgentEnd) -> str:
    marks = [f"score {end.score:g}"] if end.score is not None else []
    marks += [f"verdict {end.verdict}"] if end.verdict is not None else []
    told = [" ".join(end.summary.split())] if end.summary else []
    return " ".join([*told, f"({', '.join(marks)})" if marks else ""]).strip()


def show_failures(state: Fold, session: Session, *, most: int | None = None) -> None:
    """Print what failed and why, and where the output is; of more than `most` failures, how many more there are."""
    for name in session.failed_agents[:most]:
        error = session.agents[name].error
        output.data()
        what = "it left no error" if error is None else f"{error.category}: {error.message.strip()}"
        output.data(f"{render.clip(name, _LONGEST_MESSAGE)} failed: {render.clip(what, _LONGEST_MESSAGE)}")
        if error is not None and error.reason:
            output.data(f"    {render.clip(error.reason, _LONGEST_MESSAGE)}")
        if ended := state.agents[name].last_end():
            place = f"{encode(name)}/{ended.key.attempt}-{ended.key.run}.log"
            output.data(f"    git show {sessions.ARTIFACTS}{session.id}:outputs/{place}")
            _show_conflict(state, name, ended.end)
    if most is not None and len(session.failed_agents) > most:
        more = render.plural(len(session.failed_agents) - most, "more failure")
        output.data(f"\n{more}: git pliny session show {render.short(session.id)}")


def _show_conflict(state: Fold, name: str, end: AgentEnd) -> None:
    """Where the version is that could not be taken in, and how to go on once it is taken over by hand."""
    kept = [each for each in state.checkpoints if each == f"conflict-{name}" or each.startswith(f"conflict-{name}.")]
    if end.conflicts and kept:
        output.data(f"    its version: git pliny checkpoint diff {visible(quote(kept[-1]))}")
        output.data(f"    once you have taken it over: git pliny execute --resolved {visible(quote(name))}")


def show_checkpoints(here: Invocation, state: Fold) -> None:
    """Print the newest checkpoints, the last one last."""
    made = list(state.checkpoints.values())
    heading = ("checkpoint", "commit", "age")
    rows = [
        (checkpoint.name, checkpoint.commit[:_COMMIT_SHOWN], render.age(here.now, checkpoint.taken_at))
        for checkpoint in made[-_CHECKPOINTS_SHOWN:]
    ]
    if rows:
        output.data()
        output.table(heading, render.fit(here, heading, rows, flexible=0))
    if len(made) > len(rows):
        older = render.plural(len(made) - len(rows), "older checkpoint")
        output.data(f"and {older}: git pliny checkpoint list --session {render.short(state.id)}")


def _agent_row(here: Invocation, name: str, record: AgentRecord) -> tuple[str, ...]:
    return (
        record.phase,
        name,
        record.status.value,
        str(record.attempts),
        render.duration(_worked(here.now, record)),
        render.cost(record.cost_usd),
        render.tokens(record.tokens),
    )


def _worked(now: float, record: AgentRecord) -> float | None:
    if record.status is AgentStatus.RUNNING and record.started_at:
        return max(0.0, now - parse_time(record.started_at) / 1e6)
    return record.duration_s
