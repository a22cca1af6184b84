"""Refs: read in one call, moved by compare-and-swap in one transaction of `git update-ref`.

A lock that another git holds is waited for. One in our own namespaces that nobody has touched for a while was left by a
process that was killed, and is removed: these refs are moved only by short transactions.
"""

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from git_pliny.errors import GitError
from git_pliny.git.process import LockHeldError
from git_pliny.git.repository import Repository

OURS = ("refs/pliny/", "refs/notes/pliny/", "refs/pliny-remotes/", "refs/pliny-merges/")

_WAIT_S = 15.0
_STALE_S = 5.0
_TIMEOUTS = ("-c", "core.filesRefLockTimeout=1000", "-c", "core.packedRefsTimeout=5000")
_MOVED = ("but expected", "reference already exists", "unable to resolve reference", "reference is missing")


class RefMovedError(GitError):
    """A ref is not where it was expected: someone else moved it meanwhile."""


class Ref(NamedTuple):
    name: str
    oid: str


class RefUpdate(NamedTuple):
    """Move `name` from `old` (None: it must not exist) to `new` (None: delete it)."""

    name: str
    new: str | None
    old: str | None


class PeeledRef(NamedTuple):
    """A ref, the kind of its object, and the commit that it is an annotated tag of, if it is one."""

    name: str
    oid: str
    kind: str
    commit: str | None


def list_refs(repository: Repository, *prefixes: str) -> list[Ref]:
    """The refs under these prefixes, sorted by name; for a tag, the tag's own oid."""
    text = repository.git("for-each-ref", "--format=%(objectname) %(refname)", *prefixes)
    pairs = (line.split(b" ", 1) for line in text.splitlines())
    return [Ref(name.decode("utf-8", "surrogateescape"), oid.decode()) for oid, name in pairs]


def read_refs(repository: Repository, *prefixes: str) -> Iterator[PeeledRef]:
    """The refs under these prefixes, sorted by name, with what tags are of."""
    form = "--format=%(objectname) %(objecttype) %(*objecttype) %(*objectname) %(refname)"
    for line in repository.git("for-each-ref", form, *prefixes).splitlines():
        oid, kind, of, commit, name = line.split(b" ", 4)
        peeled = commit.decode() if (kind, of) == (b"tag", b"commit") else None
        yield PeeledRef(name.decode("utf-8", "surrogateescape"), oid.decode(), kind.decode(), peeled)


def list_blobs(repository: Repository, prefix: str) -> Iterator[tuple[str, bytes]]:
    """Name and content of every ref under `prefix`, in one process (git 2.34 and newer); b"" for what is no blob."""
    text = repository.git("for-each-ref", "--format=%(refname) %(objecttype) %(raw:size)%0a%(raw)", prefix)
    place = 0
    while place < len(text):
        end = text.index(b"\n", place)
        name, kind, size = text[place:end].rsplit(b" ", 2)
        content = text[end + 1 : end + 1 + int(size)]
        place = end + 1 + int(size) + 1
        yield name.decode("utf-8", "surrogateescape"), content if kind == b"blob" else b""


def is_surely_absent(repository: Repository, name: str) -> bool:
    """Whether a full ref name is seen not to exist, by the files that git would look into; no process is started.

    Not the other way round: what git keeps in another form is not sure to be absent.
    """
    folder = repository.common_dir if name.startswith("refs/") else repository.git_dir
    if (repository.common_dir / "reftable").exists() or os.path.lexists(folder / name):
        return False
    try:
        packed = (repository.common_dir / "packed-refs").read_bytes()  # last: refs move from files to here
    except OSError as error:
        return error.errno == errno.ENOENT
    return os.fsencode(name) not in packed


def read_ref(repository: Repository, name: str) -> str | None:
    """Where a ref points, or None where it does not exist."""
    found = repository.git("rev-parse", "-q", "--verify", name, accept=(0, 1, 128)).decode().strip()
    return found or None


def update_refs(
    repository: Repository, updates: Sequence[RefUpdate], *, message: str = "pliny", durable: bool = True
) -> None:
    """Move all of them or none, synced if `durable`; RefMovedError where one is not at its old value."""
    if not updates:
        return
    zero = "0" * (40 if repository.object_format == "sha1" else 64)
    text = "".join(f"update {up.name}\0{up.new or zero}\0{up.old or zero}\0" for up in updates)
    command = (*_TIMEOUTS, "update-ref", "--no-deref", "-m", message, "-z", "--stdin")
    stdin = f"start\0{text}prepare\0commit\0".encode("utf-8", "surrogateescape")
    _with_patience(repository, lambda: repository.git(*command, stdin=stdin, durable=durable))


def set_symbolic(repository: Repository, name: str, target: str) -> None:
    """Point a symbolic ref of this worktree, such as `PLINY_HEAD`, at another ref."""
    _with_patience(repository, lambda: repository.git("symbolic-ref", name, target, durable=True))


def read_symbolic(repository: Repository, name: str) -> str | None:
    """Where a symbolic ref points, existing or not; None where it is not there or not symbolic."""
    with contextlib.suppress(OSError):
        text = (repository.git_dir / name).read_bytes()  # most repositories keep it in a file, and git takes its time
        if text.startswith(b"ref: refs/"):
            return text.removeprefix(b"ref: ").decode("utf-8", "surrogateescape").strip()
    if is_surely_absent(repository, name):
        return None
    found = repository.git("symbolic-ref", "-q", name, accept=(0, 1, 128))
    return found.decode("utf-8", "surrogateescape").strip() or None


def delete_symbolic(repository: Repository, name: str) -> None:
    """Remove a symbolic ref; nothing where there is none."""
    repository.git("symbolic-ref", "--delete", name, accept=(0, 1, 128))


def _with_patience(repository: Repository, attempt: Callable[[], bytes]) -> None:
    deadline = time.monotonic() + _WAIT_S
    while True:
        try:
            attempt()
        except LockHeldError as error:
            if time.monotonic() > deadline:
                raise
            if not _break_stale(repository, error.path):
                time.sleep(0.05)
        except GitError as error:
            if any(words in error.message for words in _MOVED):
                raise RefMovedError(error.message) from error
            raise
        else:
            return


def break_stale_locks(repository: Repository, *names: str) -> None:
    """Remove the locks that killed processes left on these refs, or on refs in these folders (`refs/pliny/…/`)."""
    for name in names:
        folder = repository.common_dir / name
        locks = folder.rglob("*.lock") if name.endswith("/") else [folder.with_name(f"{folder.name}.lock")]
        with contextlib.suppress(OSError):
            for lock in list(locks):
                _break_stale(repository, str(lock))


def _break_stale(repository: Repository, path: str) -> bool:
    """Remove a lock of ours that is stale; one process at a time, or one would remove what another has just made."""
    lock = repository.common_dir / path
    place = lock.as_posix()
    if not any(f"/{prefix}" in place for prefix in OURS) and lock.name != "PLINY_HEAD.lock":
        return False
    with contextlib.suppress(OSError), _alone(repository):
        if time.time() - lock.stat().st_mtime > _STALE_S:
            lock.unlink()
            return True
    return False


@contextlib.contextmanager
def _alone(repository: Repository) -> Iterator[None]:
    folder = repository.local / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
