"""The network, spoken by the `git` program alone: the user's credentials, SSH, proxies and URL rewrites hold.

Git runs in the foreground, so that it and SSH can ask for passwords; what it says on the way is passed on line by line.
"""

import os
import re
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import IO, NamedTuple

from git_pliny.errors import ConfigError, GitError, NotFoundError
from git_pliny.git.process import git_error
from git_pliny.git.repository import Repository

Told = Callable[[str, bool], None]
"""Gets what git says on the way, a line at a time; True for one that the next one replaces (progress)."""

_BYTES = 400_000
"""Of arguments for one git: macOS allows 1 MiB, the environment included."""
_KEPT, _LONGEST = 40, 4096
"""Lines that are kept for an error, and bytes of a line."""
_LINE = re.compile(rb"(\r\n|\n|\r)")


class PushStatus(StrEnum):
    """What became of one ref; `git push --porcelain`'s flags."""

    SENT = "sent"
    DELETED = "deleted"
    SAME = "same"
    STALE = "stale"
    REFUSED = "refused"


class Pushed(NamedTuple):
    """One ref of a push. `reason`: why it was refused, in git's words."""

    ref: str
    status: PushStatus
    reason: str = ""


class Wish(NamedTuple):
    """What a ref of the remote is to become: `new` (an oid; None: gone), if it is at `old` (None: not there)."""

    ref: str
    new: str | None
    old: str | None


def remotes(repository: Repository) -> list[str]:
    """The names of the configured remotes."""
    return repository.git("remote").decode("utf-8", "surrogateescape").split()


def default_remote(repository: Repository) -> str:
    """The remote that git itself would fetch from: of the current branch, the only one, or `origin`."""
    known = remotes(repository)
    head = repository.head().ref or ""
    if head.startswith("refs/heads/"):
        key = f"branch.{head.removeprefix('refs/heads/')}.remote"
        asked = repository.git("config", "--get", key, accept=(0, 1)).decode("utf-8", "surrogateescape").strip()
        if asked in known:
            return asked
    if len(known) == 1:
        return known[0]
    if "origin" in known:
        return "origin"
    if known:
        raise ConfigError(f"there are {len(known)} remotes here, and none is the default: {', '.join(known)}")
    raise NotFoundError("there is no remote here", hint="git remote add origin URL")


def fetch(repository: Repository, remote: str, refspecs: Sequence[str], *, told: Told, progress: bool) -> None:
    """Bring these refs in, and forget those of the right sides that the remote has no more; nothing else changes."""
    options = [
        "--no-tags",
        "--no-write-fetch-head",
        "--no-recurse-submodules",
        "--refmap=",
        "--prune",
        "--no-prune-tags",
    ]
    command = ["fetch", *options, "--progress" if progress else "--no-progress", "--", remote, *refspecs]
    done = _run(repository, command, told)
    if done.returncode:
        raise _failed(command, done)


def push(
    repository: Repository, remote: str, wishes: Sequence[Wish], *, told: Told, progress: bool
) -> Iterator[list[Pushed]]:
    """Move refs of the remote, each by its lease, in as few git processes as the arguments fit into.

    What became of them: a list for each process. GitError where the remote was not reached, or died: what was told
    until then holds.
    """
    for batch in _batches(wishes):
        yield _push_batch(repository, remote, batch, told=told, progress=progress)


def _batches(wishes: Sequence[Wish]) -> Iterator[list[Wish]]:
    batch: list[Wish] = []
    size = 0
    for wish in wishes:
        batch.append(wish)
        size += sum(len(word) + 9 for word in _words(wish))
        if size > _BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _words(wish: Wish) -> tuple[str, ...]:
    refspec = f"{wish.new or ''}:{wish.ref}"
    if wish.old is None and wish.new is not None:
        return (refspec,)  # without force it is never moved, should it be there
    return (f"--force-with-lease={wish.ref}:{wish.old or ''}", refspec)


def _push_batch(
    repository: Repository, remote: str, wishes: Sequence[Wish], *, told: Told, progress: bool
) -> list[Pushed]:
    words = [_words(wish) for wish in wishes]
    leases = [word for pair in words for word in pair[:-1]]
    options = ["--porcelain", "--no-follow-tags", "--no-verify", "--recurse-submodules=no", "--no-signed"]
    command = ["push", *options, "--progress" if progress else "--no-progress", *leases, "--", remote]
    done = _run(repository, [*command, *(pair[-1] for pair in words)], told)
    found = list(_statuses(done.stdout))
    if done.returncode and not any(each.status in (PushStatus.STALE, PushStatus.REFUSED) for each in found):
        raise _failed(command, done)
    return found


_FLAGS = {
    " ": PushStatus.SENT,
    "+": PushStatus.SENT,
    "*": PushStatus.SENT,
    "-": PushStatus.DELETED,
    "=": PushStatus.SAME,
}
_STALE = re.compile(
    r"stale info|fetch first|non-fast-forward|already exists|needs force|remote ref updated since checkout"
    r"|cannot lock ref|failed to update ref|incorrect old value|reference already exists"
)


def _statuses(text: str) -> Iterator[Pushed]:
    """From lines like `!<TAB>refs/a:refs/b<TAB>[rejected] (stale info)`."""
    for line in text.splitlines():
        parts = line.split("\t")
        if len(parts) < 3 or len(parts[0]) != 1:  # noqa: PLR2004 - the three of the form above
            continue
        flag, refs, summary = parts[:3]
        ref = refs.rpartition(":")[2]
        if flag in _FLAGS:
            yield Pushed(ref, _FLAGS[flag])
        else:
            reason = summary[summary.find("(") + 1 :].removesuffix(")") if "(" in summary else summary
            yield Pushed(ref, PushStatus.STALE if _STALE.search(reason) else PushStatus.REFUSED, reason)


class _Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def _run(repository: Repository, command: Sequence[str], told: Told) -> _Done:
    """Git, with what it says passed on as it comes; its last lines are kept for an error."""
    try:
        with (
            tempfile.TemporaryFile() as answer,
            subprocess.Popen(
                ["git", *command],
                cwd=repository.root,
                env={**repository.git_environ(), "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=answer,
                stderr=subprocess.PIPE,
            ) as process,
        ):
            assert process.stderr is not None  # noqa: S101 - a pipe was asked for
            said = list(_heard(process.stderr, told))
            process.wait()
            answer.seek(0)
            return _Done(process.returncode, answer.read().decode("utf-8", "surrogateescape"), "\n".join(said))
    except FileNotFoundError as error:
        raise ConfigError("the program 'git' was not found", hint="install git 2.34 or newer") from error


def _heard(stderr: IO[bytes], told: Told) -> Iterator[str]:
    """The last lines; each is told, and one that ends in a carriage return is replaced by the next."""
    kept: deque[str] = deque(maxlen=_KEPT)
    rest = b""
    while chunk := os.read(stderr.fileno(), 65536):
        *lines, rest = _LINE.split(rest + chunk)
        for text, end in zip(lines[::2], lines[1::2], strict=True):
            _tell(text, told, kept, passing=end == b"\r")
        rest = rest[-_LONGEST:]
    _tell(rest, told, kept, passing=False)
    return iter(kept)


def _tell(text: bytes, told: Told, kept: deque[str], *, passing: bool) -> None:
    line = text[:_LONGEST].decode("utf-8", "replace").rstrip()
    if line:
        told(line, passing)
    if line and not passing:
        kept.append(line)


def _failed(command: Sequence[str], done: _Done) -> GitError:
    """In git's words; a remote that can't be reached or read says so in its last lines."""
    error = git_error(["git", *command], done.returncode, done.stderr.encode())
    return error if isinstance(error, GitError) else GitError(error.message, hint=error.hint)
