"""Puts a tree into a member of the pool, whatever was left there: git writes what differs and removes the rest.

What differs, an index tells that agents' gits never see: no flag that they set, and no damage to their own, hides
anything. First all goes that this index does not know, ignored files too; then git writes each file whose stat is not
the one it noted. A kill in between leaves an index that knows less than is there, and so nothing is missed next time.

Where nothing can be relied on, all files go and are written again.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from threading import Thread
from typing import TypeVar

import msgspec

from git_pliny.errors import GitError, StorageError
from git_pliny.git.clearing import clear, empty, has_other_mode, is_folder, open_up, special_files
from git_pliny.git.index import GITLINK, PLAIN, Entry, set_entries
from git_pliny.git.member import Member
from git_pliny.git.repository import Repository

_T = TypeVar("_T")

_OPTIONS = (
    *PLAIN,
    # The whole tree is wanted, and every means to see a change, whatever the user has set for the workspace.
    *("-c", "core.sparseCheckout=false", "-c", "index.sparse=false"),
    *("-c", "core.trustctime=true", "-c", "core.checkStat=default", "-c", "core.ignoreStat=false"),
)
_RULES = r"^(filter\..*|lfs\..*|core\.(autocrlf|eol|symlinks|filemode|attributesfile|ignorecase|precomposeunicode))$"


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """The folders of a tree, and the places of its nested repositories."""

    folders: tuple[bytes, ...]
    nested: tuple[bytes, ...]


def read_layout(repository: Repository, tree: str) -> Layout:
    records = repository.git("ls-tree", "-r", "-d", "-z", tree).split(b"\0")[:-1]
    split = [(record[:6], record.partition(b"\t")[2]) for record in records]
    return Layout(
        folders=tuple(path for mode, path in split if mode != GITLINK),
        nested=tuple(path for mode, path in split if mode == GITLINK),
    )


def read_rules(repository: Repository) -> bytes:
    """The settings by which git turns what it stores into files."""
    settings = repository.git("config", "-z", "--get-regexp", _RULES, accept=(0, 1))
    try:
        return settings + b"\0" + (repository.common_dir / "info" / "attributes").read_bytes()
    except OSError:
        return settings


def attributes_differ(repository: Repository, old: str, new: str) -> bool:
    """Whether files that two trees have in common may have to be written otherwise."""
    rules = ":(top,glob)**/.gitattributes"
    return old != new and bool(repository.git("diff-tree", "-r", "-z", "--name-only", old, new, "--", rules))


class Before(msgspec.Struct, frozen=True, kw_only=True):
    """What our index knows to stand in a member, but for what an agent did."""

    tree: str
    layout: Layout
    settled: bool
    """Whether the index was written later than the files: else git has to read some of them to know them unchanged."""


class Refill(msgspec.Struct, frozen=True, kw_only=True):
    """`descriptor` holds the member: git inherits it, so that nobody takes the member while a git works there."""

    member: Member
    descriptor: int

    def refill(self, tree: str, *, before: Before | None, keep: frozenset[bytes]) -> bool:
        """Make the files `tree`; whether none had to be written. `before`: None to write all anew.

        `keep`: ignored paths that stay as they are.
        """
        clear(self.member.index.with_name(f"{self.member.index.name}.lock"))
        if before is None:
            clear(self.member.index)
            self._open_up(())
            self._clear_special(())
            self._clean(keep)
            self.git("read-tree", "--reset", "-u", "--no-recurse-submodules", tree)
            return False
        self._open_up(before.layout.folders)
        looking = _beside(self._look)
        try:
            self._clear_special(before.layout.folders)
            self._clean(keep)
        finally:
            looked = looking()
        self._empty_nested(before.layout)
        # What could not be looked at may have been behind something that is gone now.
        changed = (self._look() if looked.stderr else looked).stdout
        if changed:
            self.git("checkout-index", "--force", "--index", "-z", "--stdin", stdin=changed)
        if before.tree != tree:
            self.git("read-tree", "-m", "-u", "--no-recurse-submodules", before.tree, tree)
        elif not (changed or before.settled):
            self.git("update-index", "--force-write-index")
        return not changed and before.tree == tree

    def write_anew(self, tree: str) -> None:
        """The same when that failed: first empty the folder."""
        empty(self.member.root, keep=frozenset({".git"}))
        self.refill(tree, before=None, keep=frozenset())

    def put_index(self, entries: Iterable[Entry], *, drop: Iterable[bytes]) -> None:
        """Give the agent's git an index that knows the files as they are, and differs from them in these entries."""
        new, there = self.member.beside(".next"), self.member.admin / "index"
        for left in (new, new.with_name(f"{new.name}.lock")):
            clear(left)
        _copy(self.member.index, new)
        set_entries(self.member.repository, new, entries, drop=drop)
        if is_folder(there):
            clear(there)
        new.replace(there)

    def ignored(self, paths: Iterable[bytes]) -> frozenset[bytes]:
        """Those of the paths that git would ignore if it did not know them."""
        listing = b"".join(b"%s\0" % path for path in paths)
        if not listing:
            return frozenset()
        found = self.git("check-ignore", "-z", "--no-index", "--stdin", stdin=listing, accept=(0, 1))
        return frozenset(found.split(b"\0")[:-1])

    def git(self, *arguments: str, stdin: bytes = b"", accept: tuple[int, ...] = (0,)) -> bytes:
        return self.member.repository.git(
            *_OPTIONS, *arguments, stdin=stdin, index=self.member.index, accept=accept, keep_open=[self.descriptor]
        )

    def _clean(self, keep: frozenset[bytes]) -> None:
        spared = [f"--exclude=/{_literally(path)}" for path in sorted(keep)]
        try:
            self.git("clean", "-ffdxq", *spared)
        except (GitError, StorageError):
            open_up(self.member.root, self.member.folder_mode)
            self.git("clean", "-ffdxq", *spared)

    def _look(self) -> CompletedProcess[bytes]:
        """The paths that git finds to differ by their stat, be it only in their mode."""
        command = ("diff-files", "--name-only", "-z", "--no-renames", "--ignore-submodules=all")
        return self.member.repository.git_process(*_OPTIONS, *command, index=self.member.index)

    def _open_up(self, known: Sequence[bytes]) -> None:
        mode = self.member.folder_mode
        if any(has_other_mode(folder, mode) for folder in self._folders(known)):
            open_up(self.member.root, mode)

    def _clear_special(self, known: Sequence[bytes]) -> None:
        """Pipes and sockets, which git does not see, in the folders that it knows."""
        for path in special_files(self._folders(known)):
            if is_real(self.member.root, path[len(os.fsencode(self.member.root)) + 1 :]):
                clear(Path(os.fsdecode(path)))

    def _folders(self, known: Sequence[bytes]) -> list[bytes]:
        root = os.fsencode(self.member.root)
        return [root, *(b"%s/%s" % (root, path) for path in known)]

    def _empty_nested(self, layout: Layout) -> None:
        for path in layout.nested:
            folder = self.member.root / os.fsdecode(path)
            if is_real(self.member.root, path) and is_folder(folder):
                empty(folder)
            elif not _is_blocked(self.member.root, path):
                clear(folder)
                folder.mkdir(parents=True)


def _beside(work: Callable[[], _T]) -> Callable[[], _T]:
    """Begin the work on another thread; what is returned waits for it. With a second processor it costs no time."""
    answer: list[_T | BaseException] = []

    def run() -> None:
        try:
            answer.append(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits
            answer.append(error)

    thread = Thread(target=run)
    thread.start()

    def wait() -> _T:
        thread.join()
        found = answer[0]
        if isinstance(found, BaseException):
            raise found
        return found

    return wait


def is_real(root: Path, path: bytes) -> bool:
    """Whether no symbolic link, and no file, stands on the way to `path`."""
    parents = Path(os.fsdecode(path)).parents
    return all(is_folder(root / parent) for parent in parents)


def _is_blocked(root: Path, path: bytes) -> bool:
    """Whether a symbolic link or file stands on the way to `path`."""
    parents = Path(os.fsdecode(path)).parents
    return any(os.path.lexists(root / parent) and not is_folder(root / parent) for parent in parents)


def _copy(index: Path, to: Path) -> None:
    status = index.stat()
    to.write_bytes(index.read_bytes())
    os.utime(to, ns=(status.st_atime_ns, status.st_mtime_ns))


def _literally(path: bytes) -> str:
    """As a line of .gitignore that means just this path."""
    return "".join(f"\\{letter}" if letter in "\\*?[] !#" else letter for letter in os.fsdecode(path))
