"""The locks of git that a restore takes, and how those of a killed one are told from a living git's.

Before a lock is taken, a private folder records what it will look like. Once nobody holds that folder any more, neither
our process nor a git it started lives, so a lock that looks exactly so is a leftover. Any other lock is left alone.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from git_pliny.errors import PlinyError, StorageError
from git_pliny.git.index import identity
from git_pliny.git.process import GitKilledError, LockHeldError
from git_pliny.git.repository import Repository
from git_pliny.git.scratch import Scratch, abandoned, in_use

INDEX_RECORD = "held-index"
REFS_RECORD = "held-refs"

WAIT_S = 5.0
"""How long to wait for a lock that somebody holds; git itself holds them for moments."""
_PAUSE_S = 0.05
_WINDOW_NS = 10_000_000_000
"""A lock of a ref is ours only if it was made this soon after the record: we move the ref at once."""
_SETTLE_S = 1.0
"""A lock of a ref is a leftover only if it stays for so long: a living git holds it for milliseconds."""


@contextlib.contextmanager
def hold_index(repository: Repository, own: Scratch) -> Iterator[None]:
    """Keep every git from writing the index meanwhile, the way git itself does it; LockHeldError where one goes on."""
    lock, record = repository.git_dir / "index.lock", own / INDEX_RECORD
    deadline = time.monotonic() + WAIT_S
    try:
        record.write_bytes(b"%s\nheld by a git pliny rollback: %s\n" % (os.fsencode(lock), os.fsencode(own.folder)))
        while not _create(record, lock):
            if time.monotonic() > deadline:
                raise LockHeldError(f"git found a lock held: {lock}", str(lock))
            break_stale_locks(repository)
            time.sleep(_PAUSE_S)
    except OSError as error:
        raise StorageError(f"cannot create {lock}: {error.strerror}") from error
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def _create(record: Path, lock: Path) -> bool:
    """Make the lock with the record's content in one step, so that it never exists without proof of whose it is."""
    try:
        os.link(record, lock)
    except FileExistsError:
        return False
    except OSError:
        return _create_plainly(record, lock)
    return True


def _create_plainly(record: Path, lock: Path) -> bool:
    """The same where the file system knows no hard links."""
    try:
        with lock.open("xb") as file:
            file.write(record.read_bytes())
    except FileExistsError:
        return False
    return True


@contextlib.contextmanager
def recorded_refs(repository: Repository, own: Scratch, ref: str | None, oid: str | None) -> Iterator[None]:
    """Record the locks that git takes to move HEAD and `ref` to `oid`, and remove them should that git be killed."""
    locks = [repository.git_dir / "HEAD.lock"]
    locks += [repository.common_dir / f"{ref}.lock"] if ref else []
    locks += [repository.common_dir / "packed-refs.lock"] if oid is None else []
    record = own / REFS_RECORD
    record.write_text(json.dumps({"locks": [str(lock) for lock in locks], "content": f"{oid}\n" if oid else ""}))
    try:
        yield
    except BaseException as error:
        if isinstance(error, GitKilledError) or not isinstance(error, PlinyError):
            _break_refs(record)
        raise
    finally:
        record.unlink()


def break_stale_locks(repository: Repository, *, wait_s: float = 0.0) -> tuple[str, ...]:
    """Remove the locks and folders that killed restores and snapshots left; the paths of the locks.

    A restore that goes on, or the git of a killed one that does, is waited for up to `wait_s` seconds.
    """
    deadline = time.monotonic() + wait_s
    while in_use(repository, INDEX_RECORD) and time.monotonic() < deadline:
        time.sleep(_PAUSE_S)
    broken: list[str] = []
    with abandoned(repository) as folders:
        for folder in folders:
            broken += _break_index(folder / INDEX_RECORD)
            broken += _break_refs(folder / REFS_RECORD)
    return tuple(broken)


def _break_index(record: Path) -> list[str]:
    try:
        content = record.read_bytes()
        lock = Path(os.fsdecode(content.partition(b"\n")[0]))
        if lock.read_bytes() != content:
            return []
        lock.unlink()
    except FileNotFoundError:
        return []
    return [str(lock)]


def _break_refs(record: Path) -> list[str]:
    try:
        made_ns = record.stat().st_mtime_ns
        wanted = json.loads(record.read_bytes())
    except (FileNotFoundError, ValueError):
        return []
    locks = [Path(lock) for lock in wanted["locks"] if _looks_left(Path(lock), made_ns, wanted["content"])]
    if not locks:
        return []
    before = [identity(lock) for lock in locks]
    time.sleep(_SETTLE_S)
    left = [lock for lock, then in zip(locks, before, strict=True) if then and identity(lock) == then]
    for lock in left:
        lock.unlink(missing_ok=True)
    return [str(lock) for lock in left]


def _looks_left(lock: Path, made_ns: int, content: str) -> bool:
    """Git writes the content bit by bit, so any beginning of it may be there."""
    try:
        in_time = 0 <= lock.stat().st_mtime_ns - made_ns <= _WINDOW_NS
        return in_time and content.startswith(lock.read_text("ascii", "replace"))
    except FileNotFoundError:
        return False
