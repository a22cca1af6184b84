"""Where the repository is: its root, git directories and object format; and git run in it.

Owns no objects and no refs; those are `objects` and `refs`.
"""

import contextlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from git_pliny.errors import GitError, PlinyError
from git_pliny.git.process import DURABLE, ObjectsLostError, run_git, without_local_variables

_TRIES = 10
_QUESTIONS = ("--show-toplevel", "--git-dir", "--git-common-dir", "--show-object-format")


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """Where HEAD is: `oid` is None on an unborn branch, `ref` is None when detached."""

    oid: str | None
    ref: str | None


class Repository(msgspec.Struct, frozen=True, kw_only=True):
    """One worktree of a repository. `environ` is the caller's, without git's local variables."""

    root: Path
    git_dir: Path
    common_dir: Path
    object_format: str
    environ: Mapping[str, str]

    def __repr__(self) -> str:
        """Without the environment, which may hold secrets."""
        return f"Repository({self.git_dir})"

    @property
    def local(self) -> Path:
        """Our own files in the repository, local to this clone: journals, locks, outputs."""
        return self.common_dir / "pliny"

    def git(
        self,
        *arguments: str | Path,
        stdin: bytes | None = None,
        index: Path | None = None,
        accept: Sequence[int] = (0,),
        durable: bool = False,
        env: Mapping[str, str] | None = None,
        keep_open: Sequence[int] = (),
    ) -> bytes:
        """Standard output of git run at the root of the worktree; `index` is a private index file to use instead."""
        done = self.git_process(
            *arguments, stdin=stdin, index=index, accept=accept, durable=durable, env=env, keep_open=keep_open
        )
        return done.stdout

    def git_again(
        self,
        *arguments: str | Path,
        stdin: bytes | None = None,
        index: Path | None = None,
        accept: Sequence[int] = (0,),
        env: Mapping[str, str] | None = None,
    ) -> bytes:
        """The same for a command that writes objects: synced, and run again where some of them were lost."""
        return self.git_process_again(*arguments, stdin=stdin, index=index, accept=accept, env=env).stdout

    def git_process_again(
        self,
        *arguments: str | Path,
        stdin: bytes | None = None,
        index: Path | None = None,
        accept: Sequence[int] = (0,),
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """The same, with exit status and standard error."""
        for _ in range(_TRIES - 1):
            with contextlib.suppress(ObjectsLostError):
                return self.git_process(*arguments, stdin=stdin, index=index, accept=accept, durable=True, env=env)
        return self.git_process(*arguments, stdin=stdin, index=index, accept=accept, durable=True, env=env)

    def git_process(
        self,
        *arguments: str | Path,
        stdin: bytes | None = None,
        index: Path | None = None,
        accept: Sequence[int] = (0,),
        durable: bool = False,
        env: Mapping[str, str] | None = None,
        keep_open: Sequence[int] = (),
    ) -> subprocess.CompletedProcess[bytes]:
        """The same, with exit status and standard error."""
        options = DURABLE if durable else ()
        return run_git(
            [*options, *arguments],
            cwd=self.root,
            environ=self.git_environ(index=index, env=env),
            stdin=stdin,
            accept=accept,
            keep_open=keep_open,
        )

    def git_environ(self, *, index: Path | None = None, env: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment in which git works on exactly this worktree; no lock is taken only to refresh the index."""
        environ = {
            **self.environ,
            "GIT_DIR": str(self.git_dir),
            "GIT_WORK_TREE": str(self.root),
            "GIT_OPTIONAL_LOCKS": "0",
        }
        if index is not None:
            environ["GIT_INDEX_FILE"] = str(index)
        return {**environ, **(env or {})}

    def head(self) -> Head:
        """Where HEAD is now."""
        ref = self.git("symbolic-ref", "-q", "HEAD", accept=(0, 1)).decode("utf-8", "surrogateescape").strip()
        oid = self.git("rev-parse", "-q", "--verify", "HEAD^{commit}", accept=(0, 1)).decode().strip()
        return Head(oid=oid or None, ref=ref or None)


def discover(start: Path, environ: Mapping[str, str]) -> Repository:
    """The repository of the worktree that `start` lies in, as git itself finds it (an inherited `GIT_DIR` counts)."""
    try:
        answers = _asked(start, environ, *_QUESTIONS)
        if len(answers) != len(_QUESTIONS):  # a path with a line end in it
            answers = [b"\n".join(_asked(start, environ, question)) for question in _QUESTIONS]
    except GitError as error:
        raise _not_usable(error, start) from error
    root, git_dir, common_dir, object_format = map(os.fsdecode, answers)
    return Repository(
        root=Path(root),
        git_dir=Path(git_dir),
        common_dir=Path(common_dir),
        object_format=object_format,
        environ=without_local_variables(environ),
    )


def _asked(start: Path, environ: Mapping[str, str], *questions: str) -> list[bytes]:
    query = ("rev-parse", "--path-format=absolute", *questions)
    return run_git(query, cwd=start, environ=environ).stdout.removesuffix(b"\n").split(b"\n")


def _not_usable(error: GitError, start: Path) -> PlinyError:
    if "must be run in a work tree" in error.message:
        return GitError(
            f"{start} is in a repository without a work tree", hint="cd to a worktree of it (git worktree list)"
        )
    if "not a git repository" in error.message:
        return GitError(f"{start} is not inside a git repository", hint="git init")
    return error
