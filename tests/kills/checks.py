"""What has to hold after a kill, and at the end of a trial. Each check gives the problems that it found, in words."""

import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from git_pliny.model.events import EventType, Line, chain_start
from git_pliny.model.fold import fold
from git_pliny.model.names import encode
from git_pliny.model.session import encode_session
from git_pliny.store import journal, sessions
from git_pliny.store.audit import verify
from kills.lab import Ended, Trial, settle

_FSCK = re.compile(r"missing|corrupt|broken|error|fatal|bad|invalid", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Said:
    """One line of the agents' log."""

    what: str
    agent: str
    attempt: int
    pid: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What was durable at some moment, and how far the agents' log had come."""

    entries: frozenset[bytes]
    completed: frozenset[str]
    said: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a trial came to: files with their modes, what git and the session say, how often agents started."""

    files: dict[str, tuple[int, bytes]]
    commits: str
    status: str
    session: dict[str, str]
    starts: Counter[str]


def said(trial: Trial) -> list[Said]:
    """The agents' log."""
    words = (line.split() for line in trial.log.read_text().splitlines())
    return [Said(line[0], line[1], int(line[2]), int(line[3])) for line in words]


def starts(trial: Trial) -> Counter[str]:
    """How often each agent has been started."""
    return Counter(line.agent for line in said(trial) if line.what == "start")


def observe(trial: Trial) -> Seen:
    """What is durable now."""
    told = len(said(trial))
    state = trial.fold()
    return Seen(
        entries=frozenset(line.raw for line in trial.lines()),
        completed=frozenset(state.completed) if state else frozenset(),
        said=told,
    )


def outcome(trial: Trial) -> Outcome:
    """What the trial came to."""
    root = trial.scratch.root
    found = (path for path in root.rglob("*") if ".git" not in path.relative_to(root).parts and _is_file(path))
    return Outcome(
        files={str(path.relative_to(root)): (path.lstat().st_mode, _content(path)) for path in found},
        commits=trial.scratch.git("log", "--format=%H %s"),
        status=trial.scratch.git("status", "--porcelain", "--branch"),
        session=_statuses(trial),
        starts=starts(trial),
    )


def _statuses(trial: Trial) -> dict[str, str]:
    state = trial.fold()
    if state is None:
        return {}
    return {"session": state.status.value} | {name: agent.status.value for name, agent in state.agents.items()}


def _is_file(path: Path) -> bool:
    return path.is_symlink() or path.is_file()


def _content(path: Path) -> bytes:
    return str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()


def command(ended: Ended, *, allowed: Collection[int] = (0,)) -> Iterator[str]:
    """A command ended as it may, and showed no traceback."""
    words = " ".join(ended.command)
    if ended.code is None:
        yield f"'{words}' hung: {ended.stderr[-300:]}"
    elif ended.code not in allowed:
        yield f"'{words}' ended with {ended.code}: {ended.stderr[-600:]}"
    if "Traceback" in ended.stderr or ended.code == 70:
        yield f"'{words}' showed a traceback: {ended.stderr[-3000:]}"


def repository(trial: Trial) -> Iterator[str]:
    """The repository is whole, and git's own commands work."""
    done = trial.scratch.run("git", "fsck", "--no-dangling", "--no-progress")
    words = done.stdout + done.stderr
    if done.returncode or _FSCK.search(words):
        yield f"git fsck ended with {done.returncode}: {words[-600:]}"
    done = trial.scratch.run("git", "status", "--porcelain")
    if done.returncode:
        yield f"git status ended with {done.returncode}: {done.stderr[-300:]}"


def readers(trial: Trial) -> Iterator[str]:
    """`session list`, `session show` and `audit verify` work, and find nothing wrong."""
    listed = trial.pliny("session", "list", "--json")
    yield from command(listed)
    if listed.code:
        return
    known = {found["id"] for found in json.loads(listed.stdout)}
    if known != trial.sessions():
        yield f"session list shows {sorted(known)}"
    for session in known:
        shown = trial.pliny("session", "show", session, "--json")
        yield from command(shown)
        if shown.code == 0 and json.loads(shown.stdout)["id"] != session:
            yield f"session show {session} shows another one"
        yield from command(trial.pliny("audit", "verify", session))


def age_locks(trial: Trial) -> None:
    """Make locks look as if they had been there for a while."""
    for lock in _locks(trial):
        os.utime(lock, (1, 1))


def _locks(trial: Trial) -> list[Path]:
    git = trial.scratch.root / ".git"
    ours = {git / "pliny" / "locks", git / "pliny" / "worktrees"}  # files that stay, and are locked by flock
    return [path for path in git.rglob("*.lock") if ours.isdisjoint(path.parents)]


def trail(trial: Trial) -> Iterator[str]:
    """Every run's chain is whole, session refs are what notes add up to, and refs and entries name the same."""
    for session in trial.sessions():
        yield from _trail(trial, session)
        yield from (f"audit: {found.message}" for found in verify(trial.scratch.repository, session).problems)


def _trail(trial: Trial, session: str) -> Iterator[str]:
    repository = trial.scratch.repository
    lines = sessions.load_lines(repository, session)
    yield from _chains(session, lines)
    noted = sessions.read_noted(repository, session).lines
    expected = encode_session(fold(session, noted).session()) if noted else b""
    blob = trial.scratch.run("git", "cat-file", "blob", f"refs/pliny/sessions/{session}").stdout.encode()
    if blob != expected and not journal.journal_files(repository.local, session):
        yield f"the session ref of {session} is not what its notes add up to"
    state = fold(session, lines)
    refs = {name: trial.scratch.git("rev-parse", f"{tag}^{{commit}}") for name, tag in _tags(trial, session)}
    named = {encode(name): checkpoint.commit for name, checkpoint in state.checkpoints.items()}
    if refs.items() - named.items():
        yield f"no entry names the checkpoints {sorted(refs.items() - named.items())}"
    if named.items() - refs.items():
        yield f"no ref is there for the checkpoints {sorted(named.items() - refs.items())}"


def _tags(trial: Trial, session: str) -> list[tuple[str, str]]:
    return list(sessions.checkpoint_refs(trial.scratch.repository, session))


def _chains(session: str, lines: list[Line]) -> Iterator[str]:
    runs: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        runs[line.entry.run].append(line)
    for run, own in runs.items():
        expected, ts = chain_start(session), ""
        for number, line in enumerate(own, 1):
            if line.entry.seq != number or line.entry.prev != expected or line.entry.ts <= ts:
                yield f"the chain of run {run} is broken at entry {line.entry.seq}, place {number}"
                break
            expected, ts = line.digest, line.entry.ts


def agents(trial: Trial, before: list[Seen], usual: Counter[str]) -> Iterator[str]:
    """None ran more often than allowed, overlapped an earlier attempt, or ran without a durable start."""
    told = said(trial)
    for line in told:
        if line.what == "overlap":
            yield f"{line.agent} attempt {line.attempt} overlapped an earlier one"
    begun = Counter((line.agent, line.attempt) for line in told if line.what == "start")
    yield from (f"{agent} attempt {number} ran {count} times" for (agent, number), count in begun.items() if count > 1)
    recorded = {
        (line.entry.agent, line.entry.attempt) for line in trial.lines() if line.entry.type == EventType.AGENT_START
    }
    yield from (f"no entry says that {agent} attempt {number} started" for agent, number in begun.keys() - recorded)
    for agent, count in starts(trial).items():
        if count > usual[agent] + len(before):
            yield f"{agent} ran {count} times, {usual[agent]} without a kill"


def not_again(trial: Trial, seen: Seen) -> Iterator[str]:
    """No agent whose end was durable has started since; call it before a rollback sets agents back."""
    again = {line.agent for line in said(trial)[seen.said :] if line.what == "start"} & seen.completed
    yield from (f"{agent} ran again, though its end was durable" for agent in sorted(again))


def finished(trial: Trial, before: list[Seen], wanted: Outcome, *, look: bool = True) -> Iterator[str]:
    """The end of a trial is that of an undisturbed one; with `look`, the commands that read are tried as well."""
    yield from repository(trial)
    if look:
        yield from readers(trial)
    yield from trail(trial)
    yield from agents(trial, before, wanted.starts)
    now = {line.raw for line in trial.lines()}
    for seen in before:
        if lost := seen.entries - now:
            yield f"{len(lost)} entries are lost: {sorted(lost)[:3]}"
    yield from _differences(trial, wanted)
    yield from _litter(trial)


def _differences(trial: Trial, wanted: Outcome) -> Iterator[str]:
    got = outcome(trial)
    for name in sorted(got.files.keys() | wanted.files.keys()):
        if got.files.get(name) != wanted.files.get(name):
            yield f"{name} is {got.files.get(name)} instead of {wanted.files.get(name)}"
    if got.commits != wanted.commits:
        yield f"the branch is {got.commits} instead of {wanted.commits}"
    if got.status != wanted.status:
        yield f"git status says {got.status} instead of {wanted.status}"
    if got.session != wanted.session:
        yield f"the session is {got.session} instead of {wanted.session}"


def _litter(trial: Trial) -> Iterator[str]:
    if locks := _locks(trial):
        yield f"locks are left: {[lock.name for lock in locks]}"
    tmp = trial.scratch.root / ".git" / "pliny" / "tmp"
    if left := [path.name for path in tmp.iterdir()] if tmp.is_dir() else []:
        yield f"private folders are left: {left}"
    if living := settle(trial):
        words = [Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")[:150] for pid in living]
        yield f"processes are left: {words}"
