"""The network, spoken by the `git` program alone: the user's credentials, SSH, proxies and URL rewrites hold.

Git runs in the foreground, so that it and SSH can ask for passwords; what it says on the way is passed on line by line.
"""

import os
import re
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import IO, NamedTuple

import msgspec

from git_pliny.errors import ConfigError, GitError, NotFoundError
from git_pliny.git.process import git_error
from git_pliny.git.repository import Repository

Told = Callable[[str, bool], None]
"""Gets what git says on the way, a line at a time; True for one that the next one replaces (progress)."""

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


class Remote(msgspec.Struct, frozen=True, kw_only=True):
    """A remote, and where copies of its refs are kept: refspecs, as for `git fetch`.

    `address` is for one that is not configured; its name is then one that nobody else uses.
    """

    name: str
    copies: tuple[str, ...]
    address: str | None = None

    @property
    def shown(self) -> str:
        """What people call it."""
        return self.address or self.name

    def environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        """`environ` with what git is to know of it, beside what the user has configured for it."""
        known = int(environ.get("GIT_CONFIG_COUNT") or 0)
        pairs = [("fetch", spec) for spec in self.copies] + ([("url", self.address)] if self.address else [])
        added = {"GIT_CONFIG_COUNT": str(known + len(pairs))}
        for number, (key, value) in enumerate(pairs, start=known):
            added |= {f"GIT_CONFIG_KEY_{number}": f"remote.{self.name}.{key}", f"GIT_CONFIG_VALUE_{number}": value}
        return {**environ, **added}


def remember(repository: Repository, remote: Remote) -> bool:
    """Have a plain `git fetch` of a configured remote bring in the copies, too; False where it does so already."""
    key = f"remote.{remote.name}.fetch"
    known = repository.git("config", "--get-all", key, accept=(0, 1)).decode("utf-8", "surrogateescape").splitlines()
    new = [spec for spec in remote.copies if spec not in known] if remote.address is None else []
    for spec in new:
        repository.git("config", "--local", "--add", key, spec)
    return bool(new)


def fetch(repository: Repository, remote: Remote, refspecs: Sequence[str], *, told: Told, progress: bool) -> None:
    """Bring these refs in, and forget those of the right sides that the remote has no more; nothing else changes."""
    options = [
        "--no-tags",
        "--no-write-fetch-head",
        "--no-recurse-submodules",
        "--refmap=",
        "--prune",
        "--no-prune-tags",
    ]
    command = ["fetch", *options, "--progress" if progress else "--no-progress", "--", remote.name, *refspecs]
    done = _run(repository, remote, command, told)
    if done.returncode:
        raise _failed(command, done)


def list_remote(repository: Repository, remote: Remote, patterns: Sequence[str], *, told: Told) -> dict[str, str]:
    """The refs of the remote that match, as they are there now: what each points to."""
    command = ["ls-remote", "--refs", "--", remote.name, *patterns]
    done = _run(repository, remote, command, told)
    if done.returncode:
        raise _failed(command, done)
    pairs = (line.split("\t", 1) for line in done.stdout.splitlines() if "\t" in line)
    return {ref: oid for oid, ref in pairs}


def push(
    repository: Repository, remote: Remote, refspecs: Sequence[str], *, told: Told, progress: bool
) -> list[Pushed]:
    """Move refs of the remote, each only if it is there as its copy here says; the copies follow.

    Gives what became of those that are not the same already. GitError where the remote was not reached, or died.
    """
    options = ["--porcelain", "--no-follow-tags", "--no-verify", "--recurse-submodules=no", "--no-signed"]
    command = ["push", *options, "--progress" if progress else "--no-progress", "--force-with-lease", "--", remote.name]
    done = _run(repository, remote, [*command, *refspecs], told)
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


def _run(repository: Repository, remote: Remote, command: Sequence[str], told: Told) -> _Done:
    """Git, with what it says passed on as it comes; its last lines are kept for an error."""
    try:
        with (
            tempfile.TemporaryFile() as answer,
            subprocess.Popen(
                ["git", *command],
                cwd=repository.root,
                env={**remote.environ(repository.git_environ()), "LC_ALL": "C"},
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
