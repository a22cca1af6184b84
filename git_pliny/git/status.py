"""What differs between HEAD, index and work tree, read by git without taking a lock or writing anything.

Two gits look at once, one at what the index knows, one for what it does not: on two processors it takes half as long.
"""

import errno
import os
import re
from subprocess import CompletedProcess
from threading import Thread

import msgspec

from git_pliny.errors import GitError
from git_pliny.git.index import GITLINK, PLAIN
from git_pliny.git.repository import Repository

_ARGUMENTS = (
    "status",
    "--porcelain=v2",
    "--branch",
    "-z",
    "--untracked-files=no",
    "--no-renames",
    "--no-ahead-behind",
    "--ignore-submodules=none",
)
_LISTING = ("ls-files", "--others", "--exclude-standard", "-z")

_UNREADABLE = re.compile(
    rb"^(?:warning: could not open directory '(?P<folder>.*)'|warning: unable to access '(?P<rules>[^/].*)'"
    rb"|(?!warning:|hint:)(?P<file>.+)): (?P<reason>Permission denied|Input/output error|Too many levels.*)$",
    re.MULTILINE,
)
"""What git status says of what it could not look at, before it goes on as if that were not there, or not changed;
absolute paths of rules are the user's own settings, which git may pass over."""


class Status(msgspec.Struct, kw_only=True):
    """Paths are bytes as git has them, relative to the root of the worktree."""

    head: str | None = None
    staged: bool = False
    """Whether the index differs from HEAD's tree."""
    unmerged: list[bytes] = []
    changed: list[bytes] = []
    """Paths that differ from the index, untracked files included."""
    gone: list[bytes] = []
    """Paths of the index that are no longer there, or that a nested repository has taken the place of."""
    nested: list[bytes] = []
    """Nested repositories that the index does not know as such."""
    dirty_submodules: list[bytes] = []


def read_status(repository: Repository) -> Status:
    """Raises GitError for a folder or file that can't be looked at, naming it."""
    others: list[CompletedProcess[bytes] | BaseException] = []
    beside = Thread(target=_list_others, args=(repository, others))
    beside.start()
    try:
        done = repository.git_process(*PLAIN, *_ARGUMENTS)
    finally:
        beside.join()
    listed = others[0]
    if isinstance(listed, BaseException):
        raise listed
    status = Status()
    for record in done.stdout.split(b"\0"):
        _READERS.get(record[:2], _ignore)(status, record)
    for path in listed.stdout.split(b"\0")[:-1]:
        # Only of a nested repository is the folder listed, not the files.
        (status.nested if path.endswith(b"/") else status.changed).append(path.removesuffix(b"/"))
    _check_readable(repository, status, done.stderr + listed.stderr)
    return status


def _list_others(repository: Repository, answer: list[CompletedProcess[bytes] | BaseException]) -> None:
    try:
        answer.append(repository.git_process(*PLAIN, *_LISTING))
    except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits
        answer.append(error)


def _check_readable(repository: Repository, status: Status, words: bytes) -> None:
    for found in _UNREADABLE.finditer(words):
        path = found["folder"] or found["rules"] or found["file"]
        if not _is_in_a_loop(repository, path):
            name = os.fsdecode(path)
            raise GitError(
                f"cannot read {name}: {found['reason'].decode()}", hint="make it readable, or name it in .gitignore"
            )
        status.gone.append(path)


def _is_in_a_loop(repository: Repository, path: bytes) -> bool:
    """Whether a symbolic link that leads to itself stands where a folder was: git takes its files for unchanged."""
    try:
        (repository.root / os.fsdecode(path)).lstat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def _ignore(status: Status, record: bytes) -> None:
    pass


def _header(status: Status, record: bytes) -> None:
    name, _, value = record.removeprefix(b"# ").partition(b" ")
    if name == b"branch.oid" and value != b"(initial)":
        status.head = value.decode()


def _ordinary(status: Status, record: bytes) -> None:
    _, states, submodule, _, index_mode, work_mode, _, _, path = record.split(b" ", 8)
    status.staged |= states[:1] != b"."
    if submodule[2:] not in {b"", b".."}:
        status.dirty_submodules.append(path)
    if states[1:] == b".":
        return
    if states[1:] == b"D":
        status.gone.append(path)
    elif work_mode == GITLINK != index_mode:
        status.gone.append(path)
        status.nested.append(path)
    else:
        status.changed.append(path)


def _unmerged(status: Status, record: bytes) -> None:
    *_, work_mode, _, _, _, path = record.split(b" ", 10)
    status.unmerged.append(path)
    (status.gone if work_mode == b"000000" else status.changed).append(path)


_READERS = {b"# ": _header, b"1 ": _ordinary, b"u ": _unmerged}
