"""Brings ignored files of the user's workspace into a worktree of the pool: copied, or linked.

A copy that is still there is used again only if the stat of every file, on both sides, says that nothing was touched.
"""

import glob
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec

from git_pliny.errors import ConfigError, GitError, StorageError
from git_pliny.git.clearing import clear, is_folder
from git_pliny.git.index import PLAIN, set_entries, write_tree
from git_pliny.git.member import Brought, Member
from git_pliny.git.refill import is_real
from git_pliny.git.repository import Repository
from git_pliny.git.scratch import scratch
from git_pliny.model.inclusion import Inclusion, problem

_TICK_S = 0.02
"""After this long a change gets another stamp than one before: twice the longest tick of a kernel."""
_SECOND_NS = 1_000_000_000


def check(inclusions: Iterable[Inclusion]) -> None:
    """Raise ConfigError for a pattern that could mean anything but files below the root."""
    for inclusion in inclusions:
        if (wrong := problem(inclusion.pattern)) is not None:
            raise ConfigError(
                f"worktree_include: {inclusion.pattern!r} {wrong}",
                hint="name ignored files by paths from the root, as in worktree_include: [.env, node_modules]",
            )


def find(repository: Repository, inclusions: Iterable[Inclusion]) -> dict[bytes, bool]:
    """The ignored files and folders that the patterns name now, and whether each is to be linked."""
    found: dict[bytes, bool] = {}
    for inclusion in inclusions:
        for path in _matches(repository.root, inclusion.pattern):
            found.setdefault(path, inclusion.link)
    ignored = _ignored(repository, list(found))
    answer = {path: found[path] for path in ignored}
    for folder in found.keys() - ignored:
        if is_folder(_at(repository.root, folder)):
            answer |= dict.fromkeys(_ignored_below(repository, folder), found[folder])
    return {path: link for path, link in sorted(answer.items()) if not _has_parent(path, answer)}


def unchanged(member: Member, brought: Sequence[Brought], wanted: Mapping[bytes, bool]) -> dict[bytes, Brought]:
    """The copies that need not be made again, as far as the files tell."""
    return {
        one.path: one
        for one in brought
        if not one.link
        and any(not link and _covers(path, one.path) for path, link in wanted.items())
        and is_real(member.root, one.path)
        and one.source is not None
        and one.source == _fingerprint(_at(member.owner.root, one.path))
        and one.copy == _fingerprint(_at(member.root, one.path))
    }


class Bringing(msgspec.Struct, frozen=True, kw_only=True):
    """`descriptor` holds the member; `kept` are the copies that are there already."""

    member: Member
    descriptor: int
    kept: Mapping[bytes, Brought]

    def bring(self, wanted: Mapping[bytes, bool]) -> tuple[Brought, ...]:
        """Put there what is not there yet. What the tree has of its own stays; folders are joined."""
        begun_ns = _moment(self.member.lock)
        made = [one for path, link in wanted.items() for one in self._place(path, link=link)]
        copied = [one for one in made if not one.link and one.path not in self.kept]
        if not copied:
            return tuple(made)
        time.sleep(_TICK_S)
        ended_ns = _moment(self.member.lock)
        return tuple(self._fingerprinted(one, begun_ns, ended_ns) if one in copied else one for one in made)

    def _place(self, path: bytes, *, link: bool) -> Iterator[Brought]:
        source, target = _at(self.member.owner.root, path), _at(self.member.root, path)
        there = os.path.lexists(target)
        if there and path in self.kept:
            yield self.kept[path]
        elif there and is_folder(source) and is_folder(target):
            for name in sorted(os.listdir(os.fsencode(source))):  # noqa: PTH208 - names as bytes
                yield from self._place(b"%s/%s" % (path, name), link=link)
        elif not there and os.path.lexists(source) and self._make_parents(path):
            self._make(source, target, link=link)
            yield Brought(path=path, link=link)

    def _make_parents(self, path: bytes) -> bool:
        """False where a file or symbolic link of the tree stands in the way."""
        for parent in reversed(Path(os.fsdecode(path)).parents):
            folder = self.member.root / parent
            if not os.path.lexists(folder):
                folder.mkdir()
            elif not is_folder(folder):
                return False
        return True

    def _make(self, source: Path, target: Path, *, link: bool) -> None:
        try:
            if link:
                target.symlink_to(source)
            elif not self._clone(source, target):
                clear(target)
                _copy(source, target)
        except (OSError, shutil.Error) as error:
            raise StorageError(f"cannot bring {source} along into a worktree: {error}") from error

    def _clone(self, source: Path, target: Path) -> bool:
        """With the `cp` that knows how to share blocks; False where there is none, or it failed."""
        command = ["cp", "-a", "--reflink=auto", "--", str(source), str(target)]
        environ = dict(self.member.owner.environ)
        try:
            done = subprocess.run(
                command, env=environ, capture_output=True, pass_fds=[self.descriptor], process_group=0, check=False
            )
        except OSError:
            return False
        return done.returncode == 0

    def _fingerprinted(self, one: Brought, begun_ns: int, ended_ns: int) -> Brought:
        """The user's side must not have changed since the copy was begun, ours not since it was ended."""
        source = _fingerprint(_at(self.member.owner.root, one.path), before_ns=begun_ns)
        copy = _fingerprint(_at(self.member.root, one.path), before_ns=ended_ns)
        return msgspec.structs.replace(one, source=source, copy=copy) if source and copy else one


def of_tree(repository: Repository, tree: str, paths: Sequence[bytes]) -> frozenset[bytes]:
    """Those of the paths that the tree has."""
    if not paths:
        return frozenset()
    listing = repository.git("ls-tree", "-z", "--name-only", "--full-tree", tree, "--", *map(os.fsdecode, paths))
    return frozenset(paths) & frozenset(listing.split(b"\0"))


def without(repository: Repository, tree: str, paths: Sequence[bytes]) -> str:
    """The tree less these paths and all below them."""
    there = of_tree(repository, tree, paths)
    if not there:
        return tree
    named = map(os.fsdecode, sorted(there))
    listing = repository.git("ls-tree", "-r", "-z", "--name-only", "--full-tree", tree, "--", *named)
    with scratch(repository) as own:
        repository.git(*PLAIN, "read-tree", tree, index=own / "index")
        set_entries(repository, own / "index", (), drop=listing.split(b"\0")[:-1])
        return write_tree(repository, own / "index")


def _matches(root: Path, pattern: str) -> Iterator[bytes]:
    literal = os.path.lexists(root / pattern)
    for name in [pattern] if literal else glob.glob(pattern, root_dir=root, recursive=True, include_hidden=True):  # noqa: PTH207 - hidden ones too
        path = os.fsencode(os.path.normpath(name))
        inside = path != b"." and not any(part.lower() == b".git" for part in path.split(b"/"))
        if inside and is_real(root, path):
            yield path


def _ignored(repository: Repository, paths: Sequence[bytes]) -> frozenset[bytes]:
    """Those of the paths that git ignores; what it can't say of a path in a submodule counts as no."""
    if not paths:
        return frozenset()
    listing = b"".join(b"%s\0" % path for path in paths)
    try:
        answer = repository.git(*PLAIN, "check-ignore", "-z", "--stdin", stdin=listing, accept=(0, 1))
    except GitError:
        return frozenset().union(*(_ignored(repository, [path]) for path in paths)) if paths[1:] else frozenset()
    return frozenset(answer.split(b"\0")[:-1])


def _ignored_below(repository: Repository, folder: bytes) -> list[bytes]:
    options = ("--others", "--ignored", "--exclude-standard", "--directory", "-z")
    answer = repository.git(*PLAIN, "--literal-pathspecs", "ls-files", *options, "--", os.fsdecode(folder))
    return [path.removesuffix(b"/") for path in answer.split(b"\0")[:-1] if _covers(folder, path)]


def _covers(folder: bytes, path: bytes) -> bool:
    return path == folder or path.startswith(folder + b"/")


def _has_parent(path: bytes, others: Mapping[bytes, bool]) -> bool:
    parts = path.split(b"/")
    return any(b"/".join(parts[:count]) in others for count in range(1, len(parts)))


def _at(root: Path, path: bytes) -> Path:
    return root / os.fsdecode(path)


def _copy(source: Path, target: Path) -> None:
    if is_folder(source):
        shutil.copytree(source, target, symlinks=True, ignore=_special)
    elif source.is_symlink() or source.is_file():
        shutil.copy2(source, target, follow_symlinks=False)


def _special(folder: str, names: list[str]) -> set[str]:
    """Sockets, pipes and devices, which can't be copied."""
    kinds = (stat.S_ISDIR, stat.S_ISREG, stat.S_ISLNK)
    modes = {name: Path(folder, name).lstat().st_mode for name in names}
    return {name for name, mode in modes.items() if not any(is_kind(mode) for is_kind in kinds)}


def _moment(file: Path) -> int:
    """The file system's own time: what is written from now on has no older stamp."""
    os.utime(file)
    return file.stat().st_ctime_ns


def _fingerprint(path: Path, *, before_ns: int | None = None) -> bytes | None:
    """Of name, kind, size and stamps of everything there; None where something changed since `before_ns`.

    None too where stamps are whole seconds: two changes could have the same one.
    """
    digest, newest, fine = sha256(), 0, False
    try:
        for name, status in _statuses(os.fsencode(path)):
            fields = (status.st_mode, status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
            digest.update(b"%s\0%d %d %d %d %d\0" % (name, *fields))
            newest = max(newest, status.st_ctime_ns)
            fine = fine or bool(status.st_ctime_ns % _SECOND_NS)
    except OSError:
        return None
    return digest.digest() if fine and (before_ns is None or newest < before_ns) else None


def _statuses(path: bytes) -> Iterator[tuple[bytes, os.stat_result]]:
    status = os.lstat(path)
    yield b"", status
    folders = [path] if stat.S_ISDIR(status.st_mode) else []
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                status = entry.stat(follow_symlinks=False)
                yield entry.path[len(path) :], status
                if stat.S_ISDIR(status.st_mode):
                    folders.append(entry.path)
