"""One place of the pool of worktrees: its files, the lock that says who uses it, what was last put there.

    <user's cache>/git-pliny/<repository>/<name>     the files
    <common git dir>/pliny/worktrees/<name>.index    what git knows of them: an index that no agent's git writes
    <common git dir>/pliny/worktrees/<name>.state    the last tree, and the ignored files brought along
    <common git dir>/pliny/worktrees/<name>.lock     held by a `flock` that dies with its holder
    <common git dir>/worktrees/<name>                git's own folder of the worktree

Where the files are, `place` knows. The state says of a member that its holder was killed: then what the agent started
may still live.
"""

import contextlib
import fcntl
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from git_pliny.errors import StorageError
from git_pliny.git.place import make_pool, pool_folder, records
from git_pliny.git.repository import Repository

_TRIES = 10
_PROCESSES = Path("/proc")
_NAME = re.compile(r"pliny-[1-9][0-9]*")


class Brought(msgspec.Struct, frozen=True, kw_only=True):
    """An ignored file or folder that was copied or linked into the worktree.

    `source` and `copy` are fingerprints of the two sides of a copy; None where one can't be relied on.
    """

    path: bytes
    link: bool
    source: bytes | None = None
    copy: bytes | None = None


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What was last put into a member, and for whom."""

    tree: str | None = None
    """None while that goes on."""
    head: str | None = None
    """The commit that HEAD was put on; None for the one that stands for none."""
    owner: str = ""
    """Whose work stands there while it is taken, and after a kill until it is kept."""
    rules: bytes = b""
    """Fingerprint of the settings by which git writes files."""
    settled: bool = False
    """Whether our index was written in a later moment than the files."""
    brought: tuple[Brought, ...] = ()
    onto: str | None = None
    """A commit that the owner's work stands on."""
    taken: bool = True
    """Not released since it was taken."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """Where a member is; whether there is one, the disk says."""

    owner: Repository
    name: str

    @property
    def root(self) -> Path:
        return pool_folder(self.owner) / self.name

    @property
    def admin(self) -> Path:
        return self.owner.common_dir / "worktrees" / self.name

    def beside(self, ending: str) -> Path:
        """A file of ours about it: not where the agent works, but in the git directory."""
        return records(self.owner) / (self.name + ending)

    @property
    def index(self) -> Path:
        return self.beside(".index")

    @property
    def lock(self) -> Path:
        return self.beside(".lock")

    @property
    def repository(self) -> Repository:
        """The member as a worktree."""
        return msgspec.structs.replace(self.owner, root=self.root, git_dir=self.admin)

    @property
    def own_files(self) -> tuple[Path, ...]:
        """What is ours beside the worktree, less the lock; what a killed process was just writing included."""
        return tuple(
            self.beside(ending)
            for ending in (".index", ".index.lock", ".next", ".next.lock", ".state", ".state.new", ".admin")
        )

    @property
    def folder_mode(self) -> int:
        """The mode of a new folder here, as that of a file tells which no agent touches."""
        mode = stat.S_IMODE(self.lock.stat().st_mode)
        return mode | (mode & 0o444) >> 2 | stat.S_IRWXU

    def state(self) -> State | None:
        """What was last put there; None where nothing tells."""
        try:
            return msgspec.msgpack.decode(self._state.read_bytes(), type=State)
        except (OSError, msgspec.MsgspecError):
            return None

    def keep(self, state: State) -> None:
        """Replace the state, in one step."""
        new = self._state.with_name(f"{self._state.name}.new")
        new.write_bytes(msgspec.msgpack.encode(state))
        new.replace(self._state)

    def abandoned_by(self) -> str:
        """Whoever took it and never gave it back, if that one gave a name, else ""; for a member that nobody holds."""
        state = self.state()
        return state.owner if state and state.taken else ""

    def is_anothers(self) -> bool:
        """Whether git's folder of that name belongs to a worktree that is not of the pool."""
        file = named_by(self.admin)
        return file is not None and file != self.root / ".git" and file.exists() and not self._is_mine(file)

    def is_complete(self) -> bool:
        """Whether nothing is missing, as far as a glance tells."""
        pointer = self.root / ".git"
        try:
            points = not pointer.is_symlink() and pointer.read_bytes() == self.pointer
        except OSError:
            return False
        return points and named_by(self.admin) == pointer and self.index.is_file() and self.state() is not None

    @property
    def pointer(self) -> bytes:
        """What its `.git` file says."""
        return b"gitdir: %s\n" % os.fsencode(self.admin)

    @property
    def _state(self) -> Path:
        return self.beside(".state")

    def _is_mine(self, file: Path) -> bool:
        try:
            return file.samefile(self.root / ".git")
        except OSError:
            return False


def member(repository: Repository, number: int) -> Member:
    """The member of that number, which need not be there yet."""
    return Member(owner=repository, name=f"pliny-{number}")


def member_of(repository: Repository) -> Member | None:
    """The member that a repository's worktree is; None where it is none of the pool."""
    if repository.root.parent != pool_folder(repository) or not _NAME.fullmatch(repository.root.name):
        return None
    return Member(owner=repository, name=repository.root.name)


def known_members(repository: Repository) -> list[Member]:
    """Every member of which anything is there, half-made or broken ones included."""
    folder = pool_folder(repository)
    names = {path.name.partition(".")[0] for path in (*_entries(records(repository)), *_entries(folder))}
    for admin in _entries(repository.common_dir / "worktrees"):
        file = named_by(admin)
        if file is not None and file.parent.parent == folder:
            names.add(admin.name)
    found = [Member(owner=repository, name=name) for name in names if _NAME.fullmatch(name)]
    return sorted(found, key=lambda one: int(one.name.rpartition("-")[2]))


def named_by(admin: Path) -> Path | None:
    """The `.git` file that git's folder of a worktree names."""
    try:
        text = (admin / "gitdir").read_bytes()
    except OSError:
        return None
    return Path(os.fsdecode(text.removesuffix(b"\n"))) if text.strip() else None


def hold(one: Member) -> int | None:
    """A descriptor that holds the member's lock until it is closed; None where it is held, here or elsewhere."""
    for _ in range(_TRIES):
        try:
            one.lock.parent.mkdir(parents=True, exist_ok=True)
            make_pool(one.owner)
            descriptor = os.open(one.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except FileNotFoundError:  # the folder was empty, and another process removed it just then
            continue
        except OSError as error:
            raise StorageError(f"cannot open the lock {one.lock}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if one.lock.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except FileNotFoundError:  # removed with the member just then
            pass
        except OSError as error:
            os.close(descriptor)
            raise StorageError(f"cannot lock {one.lock}: {error.strerror}") from error
        os.close(descriptor)
    return None


def let_go(descriptor: int) -> None:
    """Give up a member's lock at once, though a child that is just being started may have the descriptor, too."""
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


@contextlib.contextmanager
def held(one: Member) -> Iterator[int | None]:
    """Hold a member for a block: the descriptor that does; None where somebody else holds it."""
    descriptor = hold(one)
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            let_go(descriptor)


def is_held(one: Member) -> bool:
    """Whether somebody holds it now; makes nothing."""
    if not one.lock.exists():
        return False
    with held(one) as mine:
        return mine is None


def working_in(folder: Path, *, processes: Path = _PROCESSES) -> list[int] | None:
    """The processes whose current directory is in `folder`; None where the system does not tell."""
    if not (processes / "self" / "cwd").exists():
        return None
    inside, found = os.fsencode(folder.resolve()), []
    for name in filter(bytes.isdigit, os.listdir(os.fsencode(processes))):  # noqa: PTH208 - thousands of them, at every take
        with contextlib.suppress(OSError):
            place = os.readlink(b"%s/%s/cwd" % (os.fsencode(processes), name))  # noqa: PTH115 - as above
            if place == inside or place.startswith(inside + b"/"):
                found.append(int(name))
    return found


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
