"""A pool of worktrees for agents that edit files: real git worktrees, used again and again.

Who takes one gets the files of a tree, HEAD detached on a commit, and in `git status` the difference between the two.
Nothing of the agent before is left. A member is in use while a `flock` on a file of ours is held, which dies with its
holder; git's own `worktree lock` would outlive it. What the agents of a killed holder still do, nobody can know for
sure: a member is not used again while a process has its current directory there, nor, where the system does not tell
of processes, after a holder died.

Not guaranteed: that a process which left the folder, and closed nothing, does not write there by an absolute path.
"""

import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import count

import msgspec

from git_pliny.errors import GitError, StorageError
from git_pliny.git import inclusion
from git_pliny.git.clearing import clear, is_folder, make_readable
from git_pliny.git.guard import operation_in
from git_pliny.git.index import PLAIN, add_from_files, write_tree
from git_pliny.git.linking import is_sound, link, own_config, tidy
from git_pliny.git.member import Brought, Member, State, hold, let_go, member, working_in
from git_pliny.git.refill import Before, Layout, Refill, attributes_differ, is_real, read_layout, read_rules
from git_pliny.git.repository import Head, Repository
from git_pliny.git.scratch import scratch
from git_pliny.git.snapshot import Snapshot, capture
from git_pliny.git.treediff import compare_trees, is_gitlink
from git_pliny.git.way import is_file, on_disk
from git_pliny.model.inclusion import Inclusion

_NOBODY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "git-pliny"), ("EMAIL", "git-pliny@localhost"), ("DATE", "@0 +0000"))
}
"""Whoever makes it, and whenever, the commit that stands for none is the same."""


class Base(msgspec.Struct, frozen=True, kw_only=True):
    """What is to stand in a worktree: files, and the commit that HEAD is on; None where there is none yet."""

    tree: str
    head: str | None


class Worktree:
    """One member of the pool, held until it is released or the process ends."""

    def __init__(self, *, held_by: int, one: Member, commit: str, config: bytes | None, state: State) -> None:
        self.repository: Repository = one.repository
        self._descriptor: int | None = held_by
        self._member = one
        self._commit = commit
        self._config = config
        self._state = state

    def capture(self) -> Snapshot:
        """What stands there now, without the ignored files that were brought along, wherever those are recorded.

        On the commit that stands for none, HEAD is told as being on none.
        """
        repository = self.repository
        if not is_folder(repository.root):
            raise GitError(f"the worktree {repository.root} was removed while it was used")
        if not os.access(repository.root, os.R_OK | os.W_OK | os.X_OK):
            self._open()
        if not is_folder(repository.git_dir) or not is_sound(repository):
            self._mend()
        found = self._capture()
        brought = [one.path for one in self._state.brought]
        index_tree = found.index_tree and inclusion.without(repository, found.index_tree, brought)
        none_yet = self._state.head is None and found.head.oid == self._commit
        return msgspec.structs.replace(
            found,
            tree=self._with_hidden(inclusion.without(repository, found.tree, brought)),
            index_tree=index_tree,
            head=Head(oid=None, ref=found.head.ref) if none_yet else found.head,
        )

    def _capture(self) -> Snapshot:
        """Whatever modes the agent gave its files: they are nobody else's."""
        try:
            return capture(self.repository)
        except (GitError, StorageError):
            self._open()
            return capture(self.repository)

    def _open(self) -> None:
        try:
            make_readable(self.repository.root)
        except OSError as error:
            raise StorageError(f"cannot read the worktree {self.repository.root}: {error.strerror}") from error

    def unmerged(self) -> list[str]:
        """The paths that a merge, a rebase or the like has left unmerged; only where one is half done."""
        if operation_in(self.repository) is None:
            return []
        listing = self.repository.git(*PLAIN, "ls-files", "-u", "-z").split(b"\0")[:-1]
        return sorted({os.fsdecode(entry.partition(b"\t")[2]) for entry in listing})

    def _with_hidden(self, tree: str) -> str:
        """The tree with the files of the base that are still there: that they are ignored by now removes none."""
        repository, base = self.repository, self._state.tree
        if base is None or tree == base:
            return tree
        gone = [change.new for change in compare_trees(repository, tree, base) if change.old is None and change.new]
        there = [entry.path for entry in gone if not is_gitlink(entry) and is_real(repository.root, entry.path)]
        there = [path for path in there if is_file(on_disk(repository, path))]
        if not there:
            return tree
        with scratch(repository) as own:
            repository.git(*PLAIN, "read-tree", tree, index=own / "hidden")
            add_from_files(repository, own / "hidden", there)
            return write_tree(repository, own / "hidden")

    def release(self) -> None:
        """Give it back. HEAD leaves the branch that the agent was on, so that it can be checked out elsewhere."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        try:
            if is_folder(self._member.admin):
                tidy(self._member, commit=self._commit)
                # A damaged one would stop every `git gc`.
                clear(self._member.admin / "index")
            self._member.keep(msgspec.structs.replace(self._state, taken=False))
        except OSError as error:
            raise StorageError(f"cannot give back the worktree {self._member.root}: {error.strerror}") from error
        finally:
            let_go(descriptor)

    def leave(self) -> None:
        """Let go of it as a kill would: what stands there stays, for `abandoned` to give."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _mend(self) -> None:
        """Have git's own files again where an agent damaged them: HEAD and the index as they were at first."""
        if self._descriptor is None:
            raise GitError(f"the worktree {self._member.root} was given back already")
        link(self._member, commit=self._commit, config=self._config)
        refill = Refill(member=self._member, descriptor=self._descriptor)
        _put_index(refill, str(self._state.tree), self._commit)


class Pool:
    """The worktrees of a repository; takes are safe from several threads and processes at once."""

    def __init__(self, repository: Repository, inclusions: Sequence[Inclusion] = ()) -> None:
        inclusion.check(inclusions)
        self._repository = repository
        self._inclusions = tuple(inclusions)
        self._layouts: dict[str, Layout] = {}

    def take(self, base: Base, *, owner: str = "", onto: str | None = None) -> Worktree:
        """A worktree that nobody else uses, with exactly what `base` says; made if there is none.

        If the holder is killed, what stands there is left to `owner`: `abandoned` gives it. `onto` is noted for
        whoever keeps what stands there.
        """
        for number in count(1):
            one = member(self._repository, number)
            descriptor = hold(one)
            if descriptor is None:
                continue
            try:
                if _may_be_used(one, owner):
                    return self._prepare(one, descriptor, base, owner=owner, onto=onto)
            except OSError as error:
                let_go(descriptor)
                raise StorageError(f"cannot prepare the worktree {one.root}: {error.strerror}") from error
            except BaseException:
                let_go(descriptor)
                raise
            let_go(descriptor)
        raise AssertionError  # numbers do not end

    def _prepare(self, one: Member, descriptor: int, base: Base, *, owner: str, onto: str | None) -> Worktree:
        commit = base.head or no_commit(self._repository)
        before, refill = one.state() or State(), Refill(member=one, descriptor=descriptor)
        link(one, commit=commit, config=self._config)
        wanted = inclusion.find(self._repository, self._inclusions) if self._inclusions else {}
        kept = self._kept(one, base, before, wanted)
        # Until all is there, nothing may be taken for granted.
        one.keep(State())
        settled = False
        try:
            settled = refill.refill(base.tree, before=self._before(one, before, base), keep=frozenset(kept))
        except (GitError, StorageError):
            kept = {}
            refill.write_anew(base.tree)
        _put_index(refill, base.tree, commit)
        bringing = inclusion.Bringing(member=one, descriptor=descriptor, kept=kept)
        brought = bringing.bring(wanted) if wanted else ()
        state = State(
            tree=base.tree,
            head=base.head,
            rules=self._rules,
            settled=settled,
            brought=brought,
            owner=owner,
            onto=onto,
        )
        one.keep(state)
        return Worktree(held_by=descriptor, one=one, commit=commit, config=self._config, state=state)

    def _kept(self, one: Member, base: Base, before: State, wanted: dict[bytes, bool]) -> dict[bytes, Brought]:
        kept = inclusion.unchanged(one, before.brought, wanted)
        return {path: kept[path] for path in kept.keys() - inclusion.of_tree(self._repository, base.tree, list(kept))}

    def _before(self, one: Member, state: State, base: Base) -> Before | None:
        """None where all files have to be written again."""
        if state.tree is None or state.rules != self._rules or not one.index.is_file():
            return None
        try:
            if attributes_differ(self._repository, state.tree, base.tree):
                return None
            return Before(tree=state.tree, layout=self._layout(state.tree), settled=state.settled)
        except GitError:  # the tree is gone, as that of a deleted session
            return None

    def _layout(self, tree: str) -> Layout:
        if tree not in self._layouts:
            self._layouts[tree] = read_layout(self._repository, tree)
        return self._layouts[tree]

    @cached_property
    def _rules(self) -> bytes:
        return read_rules(self._repository)

    @cached_property
    def _config(self) -> bytes | None:
        return own_config(self._repository)


def no_commit(repository: Repository) -> str:
    """A commit of nothing, without parents, for agents to stand on where the user has none."""
    empty = repository.git_again("mktree", stdin=b"").decode().strip()
    made = repository.git("commit-tree", "-m", "no commit yet", empty, env=_NOBODY, durable=True)
    return made.decode().strip()


def _may_be_used(one: Member, owner: str) -> bool:
    """Not where somebody who was killed may come back for what is there, or what that one started still lives."""
    if one.is_anothers() or one.abandoned_by() not in {"", owner}:
        return False
    working = working_in(one.root)
    if working is None:
        state = one.state()
        return state is None or not state.taken or bool(owner)
    return not working


def _put_index(refill: Refill, tree: str, commit: str) -> None:
    """HEAD's tree, but for what git would not find in the files.

    That is what the user added although it is ignored, and nested repositories, of which only an empty folder is there.
    """
    # Not in the worktree itself, where git would first read the index that is to be replaced.
    changes = compare_trees(refill.member.owner, f"{commit}^{{tree}}", tree)
    added = frozenset(change.path_bytes for change in changes if change.old is None)
    nested = frozenset(change.path_bytes for change in changes if is_gitlink(change.new))
    known = refill.ignored(added) | nested
    old = [
        change.old
        for change in changes
        if change.old and change.old.path not in known and not _are_in_the_way(change.old.path, known)
    ]
    refill.put_index(old, drop=added - known)


def _are_in_the_way(path: bytes, others: Iterable[bytes]) -> bool:
    """Whether one is a file where another is a folder."""
    return any(other.startswith(path + b"/") or path.startswith(other + b"/") for other in others)
