"""Runs the `git` program and turns what it says into our errors.

Every call names its repository (`GIT_DIR`, `GIT_WORK_TREE`): what was inherited for another one cannot leak in. Each
git runs in a process group of its own, so that a `^C` at the terminal does not cut it off between two writes.
"""

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from git_pliny.errors import BusyError, ConfigError, GitError, StorageError

LOCAL_VARIABLES = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)
"""What `git rev-parse --local-env-vars` names, less the configuration that `git -c` passes on."""

DURABLE = ("-c", "core.fsync=all", "-c", "core.fsyncMethod=batch", "-c", "core.fsyncObjectFiles=true")
"""Options that have git sync what it writes; `core.fsync` is git 2.36's, the last one is for the versions before."""

_STORAGE = {
    re.compile(r"No space left on device|Disk quota exceeded|File too large"): "make room (df -h)",
    re.compile(r"Read-only file system"): "make it writable (mount)",
    re.compile(r"Permission denied|insufficient permission|unable to write"): "see who may write there (ls -ld)",
}
"""Words of git for what is wrong with the disk, and what to do about it."""
_HELD = re.compile(r"Unable to create '(?P<file>[^']+)\.lock': File exists")
_REF_HELD = re.compile(r"cannot lock ref '(?P<file>[^']+)'.*File exists", re.DOTALL)


_AGAIN = "type the same again"
_LOST = re.compile(rb"error: unable to (?:write file|create temporary file).*: No such file or directory")


class ObjectsLostError(GitError):
    """Objects were not written, since another git just then removed an empty folder of them: try again.

    `git gc` removes such folders. With `core.fsyncMethod=batch` git complains, and exits with 0 all the same (seen in
    2.39; `tmp_objdir_migrate` in its bulk-checkin.c).
    """


class GitKilledError(GitError):
    """A signal ended git, which may have left locks behind."""


class LockHeldError(BusyError):
    """Git found a lock file of another process: trying again a little later may do."""

    def __init__(self, message: str, path: str) -> None:
        super().__init__(message, hint=f"if no git runs here, remove it: rm '{path}'")
        self.path = path


def without_local_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` without what git sets for one certain repository, such as `GIT_DIR` inside a hook."""
    return {name: value for name, value in environ.items() if name not in LOCAL_VARIABLES}


def run_git(
    arguments: Sequence[str | Path],
    *,
    cwd: Path,
    environ: Mapping[str, str],
    stdin: bytes | None = None,
    accept: Sequence[int] = (0,),
    keep_open: Sequence[int] = (),
) -> subprocess.CompletedProcess[bytes]:
    """Run git with exactly this environment; raises GitError (or its kin) for an exit status not in `accept`.

    `keep_open`: descriptors that git inherits, so that a lock on them is held until git, too, has ended.
    """
    command = ["git", *map(str, arguments)]
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**environ, "LC_ALL": "C"},
            input=b"" if stdin is None else stdin,
            capture_output=True,
            process_group=0,
            pass_fds=keep_open,
            check=False,
        )
    except FileNotFoundError as error:
        if not cwd.is_dir():
            raise GitError(f"the folder {cwd} is gone") from error
        raise ConfigError("the program 'git' was not found", hint="install git 2.34 or newer") from error
    if _LOST.search(done.stderr):
        raise ObjectsLostError(f"another git removed a folder that git {_verb(command)} wrote to", hint=_AGAIN)
    if done.returncode not in accept:
        raise git_error(command, done.returncode, done.stderr)
    return done


def git_error(command: Sequence[str], returncode: int, stderr: bytes) -> GitError | StorageError | LockHeldError:
    """The error for a git that failed, in git's own words."""
    words = stderr.decode("utf-8", "replace").strip()
    lines = [line for line in words.splitlines() if line.startswith(("fatal:", "error:"))] or words.splitlines()
    reason = "; ".join(dict.fromkeys(line.removeprefix("fatal: ").removeprefix("error: ") for line in lines[:3]))
    if held := _HELD.search(words) or _REF_HELD.search(words):
        return LockHeldError(f"git found a lock held: {reason}", f"{held['file']}.lock")
    verb = _verb(command)
    message = f"git {verb} failed (exit {returncode}): {reason or 'it said nothing'}"
    if returncode < 0:
        return GitKilledError(f"git {verb} was ended by signal {-returncode}")
    todo = next((todo for pattern, todo in _STORAGE.items() if pattern.search(words)), None)
    return StorageError(message, hint=f"{todo}, then {_AGAIN}") if todo else GitError(message)


def _verb(command: Sequence[str]) -> str:
    return next((word for word in command[1:] if not word.startswith("-") and "=" not in word), "git")
