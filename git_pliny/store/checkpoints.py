"""Checkpoints: a workspace as a commit, tagged under `refs/pliny/checkpoints/<session>/<name>` (DESIGN section 4)."""

import re
from collections.abc import Iterable
from enum import StrEnum
from urllib.parse import unquote_to_bytes

import msgspec

from git_pliny.errors import CorruptError, PlinyError
from git_pliny.git.objects import ObjectReader
from git_pliny.git.repository import Head, Repository
from git_pliny.git.snapshot import Snapshot
from git_pliny.git.writer import ObjectWriter
from git_pliny.model.fold import Fold
from git_pliny.model.names import encode
from git_pliny.model.trailers import read_trailers
from git_pliny.model.visible import visible

_DETACHED = "detached"
_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REF = re.compile(r"refs/(?!.*(?:\.\.|//|/\.|@\{))[^\x00-\x20\x7f~^:?*\[\\]+")
_LARGEST = 1 << 20
"""Bytes of a commit."""


class CheckpointKind(StrEnum):
    START = "start"
    PHASE = "phase"
    AGENT = "agent"
    ERROR = "error"
    MANUAL = "manual"
    INTERRUPTED = "interrupted"
    PAUSED = "paused"
    BEFORE_ROLLBACK = "before-rollback"
    BEFORE_PHASE = "before-phase"
    USER_EDITS = "user-edits"
    CONFLICT = "conflict"


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkpoint is made for: its name, and the phase, agent and attempt that it belongs to, if any."""

    name: str
    phase: str | None = None
    agent: str | None = None
    attempt: int | None = None
    kind: CheckpointKind = CheckpointKind.MANUAL
    exact: bool = False
    """The name is the user's: where it is taken, that is an error; else a number is added."""
    aside: bool = False
    """It holds what an agent made in a worktree of its own, and not the workspace."""
    onto: str | None = None
    """The commit that it stands on, where that is another one than the session's previous checkpoint."""


class StoredCheckpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint read back: what a rollback needs."""

    commit: str
    tree: str
    index_tree: str | None
    head: Head


def not_held(snapshot: Snapshot) -> list[str]:
    """What checkpoints do not hold, in words: what lies inside nested repositories."""
    dirty = [f"checkpoints do not hold the changes inside {path}: commit them there" for path in snapshot.dirty_nested]
    empty = [f"checkpoints do not hold {path}, a repository without a commit" for path in snapshot.skipped_nested]
    return dirty + empty


def free_name(state: Fold, taken_refs: Iterable[str], occasion: Occasion) -> str:
    """The name the checkpoint gets: its own, or for an automatic one `<name>.2`, `.3`… where that is taken."""
    if not occasion.name:
        raise PlinyError("a checkpoint needs a name", hint="git pliny checkpoint create NAME")
    taken = {encode(name).lower() for name in state.checkpoints} | {name.lower() for name in taken_refs}
    if encode(occasion.name).lower() not in taken:
        return occasion.name
    if occasion.exact:
        raise _taken(occasion.name, state)
    number = 2
    while encode(f"{occasion.name}.{number}").lower() in taken:
        number += 1
    return f"{occasion.name}.{number}"


def _taken(name: str, state: Fold) -> PlinyError:
    alike = next((known for known in state.checkpoints if encode(known).lower() == encode(name).lower()), name)
    why = "" if alike == name else ", and two names can't differ in case only"
    return PlinyError(
        f"the session has a checkpoint '{visible(alike[:80])}' already{why}", hint="git pliny checkpoint list"
    )


def describe_head(head: Head, width: int) -> str:
    """`<oid> <ref or detached>`; an unborn branch has the oid of zeros."""
    return f"{head.oid or '0' * width} {head.ref or _DETACHED}"


def message(session: str, name: str, occasion: Occasion, head: str, extra: dict[str, str]) -> str:
    """A checkpoint's message: a subject, and the trailers that tools read."""
    trailers = {
        "Session": session,
        "Phase": encode(occasion.phase) if occasion.phase else None,
        "Agent": encode(occasion.agent) if occasion.agent else None,
        "Attempt": str(occasion.attempt) if occasion.attempt else None,
        "Kind": occasion.kind.value,
        "Head": head,
        **extra,
    }
    lines = "".join(f"Pliny-{key}: {value}\n" for key, value in trailers.items() if value)
    return f"checkpoint {visible(name[:200])}\n\n{lines}"


def write_index(writer: ObjectWriter, snapshot: Snapshot, author: str) -> str | None:
    """The commit that keeps a staged index, as `git stash` keeps it; None where there is nothing staged."""
    if snapshot.index_tree is None:
        return None
    parents = [snapshot.head.oid] if snapshot.head.oid else []
    branch = (snapshot.head.ref or "(no branch)").removeprefix("refs/heads/")
    return writer.commit(tree=snapshot.index_tree, parents=parents, author=author, message=f"index on {branch}\n")


def parents_of(
    repository: Repository,
    reader: ObjectReader,
    state: Fold,
    snapshot: Snapshot,
    index: str | None,
    *,
    onto: str | None,
) -> list[str]:
    """The session's previous checkpoint (for the first one HEAD), HEAD where it is no ancestor yet, the index.

    And the last merge since, which keeps what isolated agents made. Checkpoints aside are nobody's parents, and stand
    on `onto`. What only another clone has is left out.
    """
    newest, head = state.newest_of_workspace(), snapshot.head.oid
    previous = onto or (newest.commit if newest and _is_here(reader, newest.commit) else None)
    parents = [previous] if previous else []
    if head and not _is_ancestor(repository, state, head, of=previous):
        parents.append(head)
    if index:
        parents.append(index)
    if state.last_merge and onto is None and _is_here(reader, state.last_merge):
        parents.append(state.last_merge)
    return parents


def _is_here(reader: ObjectReader, commit: str) -> bool:
    found = reader.read(commit, limit=_LARGEST)
    return found is not None and found.kind == "commit"


def _is_ancestor(repository: Repository, state: Fold, head: str, *, of: str | None) -> bool:
    if of is None:
        return False
    if any(checkpoint.head == head for checkpoint in state.checkpoints.values() if not checkpoint.aside):
        return True
    done = repository.git_process("merge-base", "--is-ancestor", head, of, accept=(0, 1, 128))
    return done.returncode == 0


def read_checkpoint(reader: ObjectReader, commit: str) -> StoredCheckpoint:
    """A checkpoint's commit, read back; CorruptError where it is not there or is none of ours."""
    found = reader.read(commit)
    if found is None or found.kind != "commit":
        raise CorruptError(f"the checkpoint's commit {commit[:12]} is missing", hint="git fsck")
    text = found.data.decode("utf-8", "surrogateescape")
    trailers = read_trailers(text)
    oid, _, ref = trailers.get("Head", "").partition(" ")
    if not _OID.fullmatch(oid) or (ref != _DETACHED and not _REF.fullmatch(ref)):
        raise CorruptError(f"commit {commit[:12]} is no checkpoint of git pliny", hint="git pliny audit verify")
    index = reader.read(f"{trailers['Index']}^{{tree}}") if "Index" in trailers else None
    return StoredCheckpoint(
        commit=commit,
        tree=text.split("\n", 1)[0].removeprefix("tree "),
        index_tree=index.oid if index else None,
        head=Head(oid=oid if oid.strip("0") else None, ref=None if ref == _DETACHED else ref),
    )


def decode_name(encoded: str) -> str:
    """The name that `encode` gave, as far as it can be told (a name over the limit keeps its short form)."""
    return unquote_to_bytes(encoded).decode("utf-8", "replace")
