"""Many new refs written into `packed-refs` in one step, as a `git clone` does: as loose refs each takes a file.

Git's own protocol: whoever holds `packed-refs.lock` writes `packed-refs.new` and renames it. Source:
gitrepository-layout(5), git's `refs/packed-backend.c`. The lock is recorded first, so that it does not outlive a kill.
"""

import contextlib
import os
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from git_pliny.errors import StorageError
from git_pliny.git.locks import break_stale_locks, recorded_refs
from git_pliny.git.process import LockHeldError
from git_pliny.git.refs import RefMovedError
from git_pliny.git.repository import Repository
from git_pliny.git.scratch import scratch

_WAIT_S = 5.0
_PAUSE_S = 0.02
_HEADER = b"# pack-refs with:"
_TRAITS = (b"peeled", b"fully-peeled", b"sorted")
_LINE = re.compile(rb"([0-9a-f]{40,64}) ([^\n]+)\n(?:\^[0-9a-f]{40,64}\n)?")


class NewRef(NamedTuple):
    """Where a ref is to point; `peeled`: what that is an annotated tag of, if it is one."""

    oid: str
    peeled: str | None = None


def create_packed(repository: Repository, refs: Mapping[str, NewRef]) -> bool:
    """Make refs that do not exist, all of them or none; RefMovedError where one is there already.

    False, and nothing is done, where git keeps its refs otherwise, or in a way that we do not know.
    """
    if (repository.common_dir / "reftable").exists():
        return False
    break_stale_locks(repository)
    with scratch(repository) as own, recorded_refs(repository, own, None, None), _locked(repository):
        place = repository.common_dir / "packed-refs"
        try:
            known = place.read_bytes()
        except FileNotFoundError:
            known = b""
        new = {os.fsencode(name): ref for name, ref in refs.items()}
        for name in new:
            if _is_loose(repository.common_dir / os.fsdecode(name)):
                raise RefMovedError(f"{os.fsdecode(name)} is there already")
        text = _merged(known, new)
        if text is not None:
            _replace(place, text)
        return text is not None


def _replace(place: Path, text: bytes) -> None:
    """Synced: the user's own refs are in it."""
    fresh = place.with_name("packed-refs.new")
    try:
        with fresh.open("wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if place.exists():
            fresh.chmod(place.stat().st_mode & 0o777)
        fresh.replace(place)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise StorageError(f"cannot write {place}: {error.strerror}") from error


def _is_loose(path: Path) -> bool:
    """Or that a file stands where a folder of the name would have to be."""
    return os.path.lexists(path) or path.parent.is_file()


def _merged(known: bytes, new: Mapping[bytes, NewRef]) -> bytes | None:
    header, begin = _traits(known)
    lines = {found[2]: found[0] for found in _LINE.finditer(known, begin)}
    if sum(map(len, lines.values())) != len(known) - begin:
        return None
    if taken := lines.keys() & new.keys():
        raise RefMovedError(f"{os.fsdecode(min(taken))} is there already")
    for name, ref in new.items():
        peeled = f"^{ref.peeled}\n" if ref.peeled else ""
        lines[name] = b"%s %s\n%s" % (ref.oid.encode(), name, peeled.encode())
    return header + b"".join(lines[name] for name in sorted(lines))


def _traits(known: bytes) -> tuple[bytes, int]:
    """The header to be, and where the refs begin."""
    if not known.startswith(_HEADER):
        whole = _TRAITS if not known else (b"sorted",)
        return b"%s %s \n" % (_HEADER, b" ".join(whole)), 0
    end = known.index(b"\n") + 1
    traits = dict.fromkeys((*known[len(_HEADER) : end].split(), b"sorted"))
    return b"%s %s \n" % (_HEADER, b" ".join(traits)), end


@contextlib.contextmanager
def _locked(repository: Repository) -> Iterator[None]:
    lock = repository.common_dir / "packed-refs.lock"
    deadline = time.monotonic() + _WAIT_S
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except FileExistsError as error:
            if time.monotonic() > deadline:
                raise LockHeldError(f"git found a lock held: {lock}", str(lock)) from error
            time.sleep(_PAUSE_S)
        except OSError as error:
            raise StorageError(f"cannot create {lock}: {error.strerror}") from error
        else:
            break
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
