"""`git pliny checkpoint list`, `show` and `diff`: the checkpoints of a session."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import takewhile
from typing import Annotated, NamedTuple

import msgspec

from git_pliny.cli import entries, output, render
from git_pliny.cli.choosing import OUTER
from git_pliny.cli.declare import argument
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.options import Json, SessionOption
from git_pliny.cli.values import checkpoint_names
from git_pliny.errors import NotFoundError, UsageError
from git_pliny.git import showing
from git_pliny.git.objects import ObjectReader
from git_pliny.git.repository import Repository, discover
from git_pliny.git.snapshot import capture
from git_pliny.git.treediff import Kind, compare_trees
from git_pliny.model.events import Entry, EventType, Line, parse_lines
from git_pliny.model.fold import CheckpointState, fold
from git_pliny.model.names import encode
from git_pliny.model.trailers import read_trailers
from git_pliny.model.visible import visible
from git_pliny.store import sessions

Name = Annotated[
    str, argument(metavar="NAME", help="A checkpoint.", show_default=False, autocompletion=checkpoint_names)
]
Names = Annotated[
    list[str],
    argument(
        metavar="NAME",
        help="A checkpoint, or two; after -- options and paths for git diff.",
        show_default=False,
        autocompletion=checkpoint_names,
    ),
]

_COMMIT_SHOWN = 12
_MOST_FILES = 50
_MOST_NAMES = 2
_CHANGES = {Kind.WRITE: "write", Kind.REMOVE: "remove", Kind.SUBMODULE: "submodule"}


class _Made(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint, and what the entry that names it says."""

    name: str
    commit: str
    ref: str
    taken_at: str
    kind: str | None
    phase: str | None
    agent: str | None
    attempt: int | None
    run: str | None
    aside: bool


def list_command(here: Invocation, *, session: SessionOption = None, as_json: Json = False) -> None:
    """List the checkpoints of a session.

    The last one stands last. Their commits are ordinary ones: git show, git diff and git log take them.
    """
    opened = _open(here, session)
    if as_json:
        output.data_json(list(opened.made.values()))
        return
    heading = ("name", "commit", "age", "kind", "phase", "agent")
    rows = [
        (
            made.name,
            made.commit[:_COMMIT_SHOWN],
            render.age(here.now, made.taken_at),
            *(value or render.UNKNOWN for value in (made.kind, made.phase, made.agent)),
        )
        for made in opened.made.values()
    ]
    output.table(heading, render.fit(here, heading, rows, flexible=0))


def show_command(here: Invocation, *, name: Name, session: SessionOption = None, as_json: Json = False) -> None:
    """Show a checkpoint: when and where it was taken, and what it changed.

    The changes are those since the session's previous checkpoint; the events are those that were recorded with it.
    """
    opened = _open(here, session)
    made = opened.find(name)
    with ObjectReader(opened.repository) as reader:
        commit = reader.read(made.commit)
        notes = sessions.read_noted(opened.repository, opened.session, reader=reader).notes
        told = list(parse_lines(reader.blob(notes.get(made.commit, "")) or b""))
    trailers = read_trailers(commit.data.decode("utf-8", "replace")) if commit else {}
    before = _before(opened.repository, made.commit)
    if as_json:
        output.data_json(_facts(opened, made, before, trailers.get("Head"), told))
        return
    for title, value in _titled(here, made, trailers.get("Head", "")):
        output.fact(title, value)
    stat = f"--stat={min(here.width, 120)},{min(here.width, 120)},{_MOST_FILES}"
    plain = ("--no-color", "--no-ext-diff", stat)
    changes = opened.repository.git("diff", *plain, before, made.commit, "--").decode("utf-8", "replace")
    output.data(f"\n{changes.rstrip()}" if changes else "\nnothing changed")
    if told:
        output.data()
    entries.Teller(here).tell(told)


def diff_command(here: Invocation, *, name: Names, session: SessionOption = None, as_json: Json = False) -> int | None:
    """Show what changed since a checkpoint, or between two.

    With one name, the checkpoint is compared with the workspace: tracked and untracked files, not ignored ones. One
    that keeps what an agent made in a worktree of its own is compared with what that agent started from. What stands
    after -- is for git diff, which also chooses pager and colours.

        git pliny checkpoint diff start
        git pliny checkpoint diff research fix -- --stat
    """
    opened = _open(here, session)
    names = list(takewhile(lambda word: not word.startswith("-"), name))
    if not 1 <= len(names) <= _MOST_NAMES:
        raise UsageError("give one checkpoint, or two", hint="git pliny checkpoint list")
    old, new = _sides(opened, names)
    if as_json:
        output.data_json(_changes(opened.repository, old, new))
        return None
    output.flush()
    return showing.show(opened.repository, "diff", *_with_paths(name[len(names) :], old, new))


def _sides(opened: "_Opened", names: list[str]) -> tuple[str, str]:
    first = opened.find(names[0])
    if len(names) > 1:
        return first.commit, opened.find(names[1]).commit
    if first.aside:
        return _before(opened.repository, first.commit), first.commit
    return first.commit, capture(opened.repository).tree


class _Opened(NamedTuple):
    """A session's checkpoints, by name, in the order in which they were taken."""

    repository: Repository
    session: str
    made: dict[str, _Made]

    def find(self, name: str) -> _Made:
        """The checkpoint of that name; NotFoundError with the nearest one."""
        if name in self.made:
            return self.made[name]
        near = get_close_matches(name, self.made, n=1)
        guess = f", did you mean '{near[0]}'?" if near else ""
        raise NotFoundError(
            f"session {render.short(self.session)} has no checkpoint '{render.clip(name, 80)}'{guess}",
            hint=f"git pliny checkpoint list --session {render.short(self.session)}",
        )


def _open(here: Invocation, session: str | None) -> _Opened:
    repository = discover(here.cwd, here.environ)
    found = sessions.resolve(repository, session or here.environ.get(OUTER))
    lines = sessions.load_lines(repository, found)
    told = {str(line.entry.data.get("commit")): line.entry for line in lines if line.entry.type == EventType.CHECKPOINT}
    state = fold(found, lines)
    made = {name: _made(found, each, told.get(each.commit)) for name, each in state.checkpoints.items()}
    return _Opened(repository, found, made)


def _made(session: str, checkpoint: CheckpointState, entry: Entry | None) -> _Made:
    return _Made(
        name=checkpoint.name,
        commit=checkpoint.commit,
        ref=f"{sessions.CHECKPOINTS}{session}/{encode(checkpoint.name)}",
        taken_at=checkpoint.taken_at,
        kind=str(entry.data["kind"]) if entry and "kind" in entry.data else None,
        phase=entry.phase if entry else None,
        agent=entry.agent if entry else None,
        attempt=entry.attempt if entry else None,
        run=entry.run if entry else None,
        aside=checkpoint.aside,
    )


def _before(repository: Repository, commit: str) -> str:
    """The previous checkpoint of the session; for the first one HEAD as it was, or nothing at all."""
    parent = repository.git("rev-parse", "-q", "--verify", f"{commit}^1", accept=(0, 1)).decode().strip()
    return parent or repository.git("hash-object", "-t", "tree", "--stdin").decode().strip()


def _titled(here: Invocation, made: _Made, head: str) -> Iterator[tuple[str, str]]:
    yield "checkpoint", made.name
    yield "commit", made.commit
    yield "ref", made.ref
    yield "taken", f"{render.when(made.taken_at)} ({render.ago(here.now, made.taken_at)})"
    for title, value in (("kind", made.kind), ("phase", made.phase), ("agent", made.agent)):
        if value:
            yield title, value
    oid, _, ref = head.partition(" ")
    if oid:
        where = f"at {oid[:_COMMIT_SHOWN]}" if oid.strip("0") else "without a commit yet"
        yield "HEAD", f"{ref.removeprefix('refs/heads/')} {where}"


def _facts(opened: _Opened, made: _Made, before: str, head: str | None, told: Sequence[Line]) -> dict[str, object]:
    return {
        **msgspec.structs.asdict(made),
        "head": head,
        "changes": _changes(opened.repository, before, made.commit),
        "entries": [msgspec.Raw(line.raw) for line in told],
    }


def _changes(repository: Repository, old: str, new: str) -> list[dict[str, str]]:
    return [
        {"path": visible(change.path), "change": _CHANGES[change.kind]}
        for change in compare_trees(repository, old, new)
    ]


def _with_paths(words: Sequence[str], old: str, new: str) -> list[str]:
    """The words for git with the two sides put before the paths, which a second `--` begins."""
    place = words.index("--") if "--" in words else len(words)
    return [*words[:place], old, new, *(words[place:] or ["--"])]
