"""Makes a member of the pool a worktree of its own to git: what `git worktree add` writes, and nothing an agent left.

Whatever is not named here is removed: locks, operations in progress, the worktree's own refs, settings and submodules.
"""

import contextlib
import os
import shutil
from pathlib import Path

from git_pliny.errors import GitError
from git_pliny.git.clearing import clear, empty, is_folder, open_up
from git_pliny.git.member import Member
from git_pliny.git.repository import Repository
from git_pliny.git.scratch import scratch

_COMMON = b"../..\n"
_KEPT = frozenset({"HEAD", "commondir", "gitdir", "index", "config.worktree"})
_OWN_CONFIG = "config.worktree"
_NOT_INHERITED = ("core.sparseCheckout", "core.sparseCheckoutCone", "core.bare", "core.worktree")
"""Settings of the user's worktree that say something of that one alone; `git worktree add` drops them too."""


def link(member: Member, *, commit: str, config: bytes | None) -> None:
    """Have git's folder and the `.git` file point at each other, HEAD stand on `commit`, and nothing else be there."""
    if not is_folder(member.root):
        clear(member.root)
        member.root.mkdir(parents=True)
    if not os.access(member.root, os.R_OK | os.W_OK | os.X_OK):
        open_up(member.root, member.folder_mode)
    _write(member.root / ".git", member.pointer)
    if not is_folder(member.admin):
        _make(member, commit)
    tidy(member, commit=commit)
    if config is None:
        clear(member.admin / _OWN_CONFIG)
    else:
        _write(member.admin / _OWN_CONFIG, config)


def tidy(member: Member, *, commit: str) -> None:
    """The same for git's folder alone: HEAD leaves its branch, an operation in progress is over."""
    if not os.access(member.admin, os.R_OK | os.W_OK | os.X_OK):
        open_up(member.admin, member.folder_mode)
    empty(member.admin, keep=_KEPT)
    for name, content in _files(member, commit).items():
        _write(member.admin / name, content)


def own_config(repository: Repository) -> bytes | None:
    """The settings that worktrees of the pool are to have of their own: the user's; None where git keeps none apart."""
    users = repository.git_dir / _OWN_CONFIG
    answer = repository.git("config", "--type=bool", "--default=false", "extensions.worktreeConfig")
    if answer != b"true\n" or not users.is_file():
        return None
    with scratch(repository) as own:
        shutil.copyfile(users, own / "config")
        for name in _NOT_INHERITED:
            repository.git("config", "--file", own / "config", "--unset-all", name, accept=(0, 5))
        return (own / "config").read_bytes()


def is_sound(repository: Repository) -> bool:
    """Whether git can read HEAD and the index of a worktree; a branch without a commit is sound."""
    try:
        repository.git("ls-files", "--", ".git")
        head = repository.head()
    except GitError:
        return False
    return bool(head.oid or head.ref)


def _make(member: Member, commit: str) -> None:
    """In one step: `git worktree prune` takes a folder without `gitdir` for a broken one."""
    new = member.beside(".admin")
    clear(new)
    clear(member.admin)
    new.mkdir()
    for name, content in _files(member, commit).items():
        (new / name).write_bytes(content)
    member.admin.parent.mkdir(exist_ok=True)
    new.replace(member.admin)


def _files(member: Member, commit: str) -> dict[str, bytes]:
    return {
        "commondir": _COMMON,
        "gitdir": b"%s\n" % os.fsencode(member.root / ".git"),
        "HEAD": b"%s\n" % commit.encode(),
    }


def _write(path: Path, content: bytes) -> None:
    """Replace the file in one step, unless it says so already."""
    with contextlib.suppress(OSError):
        if not path.is_symlink() and path.is_file() and path.read_bytes() == content:
            return
    new = path.with_name(f"{path.name}.new")
    for there in (new, path) if is_folder(path) else (new,):
        clear(there)
    new.write_bytes(content)
    new.replace(path)
