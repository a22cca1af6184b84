"""Which clone this is, among all that share sessions, and what of its sessions' trails it has made itself.

An entry that was fetched may say anything, also that it came from here. So what a session may do to this machine rests
on files of the local folder alone: which plans the user approved, by what its own commands gave a session its plan, and
which merges and rollbacks were begun here. Losing one of these files loses no session: the user is asked again.
"""

import contextlib
import os
import secrets
from hashlib import sha256
from pathlib import Path

import msgspec

from git_pliny.errors import StorageError
from git_pliny.git.repository import Repository
from git_pliny.model.events import Line
from git_pliny.model.payloads import RanAt
from git_pliny.store import locks

_WIDTH = 8


class _Clone(msgspec.Struct, frozen=True, kw_only=True):
    """`inode`: of the folder that it was made in; a copy of the clone has another."""

    id: str
    inode: int


class Origin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the plan of a session came from as it was last started or executed here.

    `stored`: from the session itself, as somebody else had stored it there, approved by the user.
    """

    file: str | None = None
    framework: str | None = None
    use: str | None = None
    task: str | None = None
    is_unread: bool = False
    """The task came with the session, and no agent of the plan took one, so that nobody was asked about it."""
    stored: bool = False


def clone_id(repository: Repository) -> str:
    """The id of this clone, 16 hexadecimal digits; made when it is first asked for."""
    path, inode = repository.local / "clone", repository.common_dir.stat().st_ino
    known = _known(path, inode)
    if known is None:
        with locks.held(repository.local / "locks" / "clone"):
            known = _known(path, inode)
            if known is None:
                known = secrets.token_hex(_WIDTH)
                _write(path, msgspec.json.encode(_Clone(id=known, inode=inode)))
    return known


def here(repository: Repository, user: str) -> RanAt:
    """What entries tell others of this clone."""
    known = user.encode("utf-8", "replace").decode()
    return RanAt(clone=clone_id(repository), host=os.uname().nodename, user=known)


def origin(repository: Repository, session: str) -> Origin | None:
    """Where a session's plan came from, as far as that was decided here; None for one that was not worked on here."""
    try:
        return msgspec.json.decode(_read(_folder(repository, session) / "origin"), type=Origin)
    except msgspec.MsgspecError:
        return None


def set_origin(repository: Repository, session: str, origin: Origin) -> None:
    """Remember it."""
    _write(_folder(repository, session) / "origin", msgspec.json.encode(origin))


def claim(repository: Repository, session: str, line: Line) -> None:
    """Remember durably, before it counts, that an entry which has to be finished after a kill is of this clone."""
    _append(_folder(repository, session) / "begun", line.digest)


def is_claimed(repository: Repository, session: str, digest: str | None) -> bool:
    """Whether the entry of that digest was written here."""
    return digest is not None and digest in _read(_folder(repository, session) / "begun").decode().split()


def plan_digest(plan_json: bytes) -> str:
    """What a plan is approved by: the SHA-256 of its JSON."""
    return sha256(plan_json).hexdigest()


def approve(repository: Repository, digest: str) -> None:
    """Remember that the user has approved of the plan of that digest."""
    _append(repository.local / "approved", digest)


def is_approved(repository: Repository, digest: str) -> bool:
    """Whether the user has."""
    return digest in _read(repository.local / "approved").decode().split()


def _folder(repository: Repository, session: str) -> Path:
    return repository.local / "origins" / session


def _known(path: Path, inode: int) -> str | None:
    try:
        known = msgspec.json.decode(_read(path), type=_Clone)
    except msgspec.MsgspecError:
        return None
    return known.id if known.inode == inode else None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _write(path: Path, text: bytes) -> None:
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(text)
        fresh.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise StorageError(f"cannot write {path}: {error.strerror}") from error


def _append(path: Path, word: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(f"{word}\n".encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error
