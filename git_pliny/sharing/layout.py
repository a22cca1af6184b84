"""Which refs of a session go over the network, and where copies of a remote's are kept."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple, Self

import msgspec

from git_pliny.git.refs import read_refs
from git_pliny.git.repository import Repository
from git_pliny.git.transport import Remote, remotes
from git_pliny.model.names import encode
from git_pliny.store.sessions import ARTIFACTS, CHECKPOINTS, NOTES, SESSIONS, is_id
from git_pliny.store.tombstones import TOMBSTONES

TRACKING = "refs/pliny-remotes/"
_SHOWN = 12

_FOLDERS = {
    SESSIONS: "sessions/",
    CHECKPOINTS: "checkpoints/",
    ARTIFACTS: "artifacts/",
    TOMBSTONES: "tombstones/",
    NOTES: "notes/",
}
"""Our namespaces, and the folder of each below a remote's."""
_KINDS = {SESSIONS: "blob", CHECKPOINTS: "tag", ARTIFACTS: "commit", TOMBSTONES: "blob", NOTES: "commit"}


class TagRef(NamedTuple):
    """A checkpoint's ref: what it points to, and the commit behind that where it is an annotated tag of one."""

    oid: str
    commit: str | None


class Refs(msgspec.Struct, frozen=True, kw_only=True):
    """All refs of one session, here or at a remote. `checkpoints`: by encoded name."""

    blob: str | None = None
    notes: str | None = None
    artifacts: str | None = None
    tombstone: str | None = None
    checkpoints: dict[str, TagRef] = {}

    @property
    def is_there(self) -> bool:
        """Whether there is a session: of one that was deleted, only the tombstone is left."""
        return self.notes is not None or self.blob is not None

    def without_stone(self) -> Self:
        """The same without a tombstone."""
        return msgspec.structs.replace(self, tombstone=None)

    def by_name(self, session: str) -> dict[str, str]:
        """The oid of each, by the full name of the ref here."""
        single = {
            SESSIONS: self.blob,
            NOTES: self.notes,
            ARTIFACTS: self.artifacts,
            TOMBSTONES: self.tombstone,
        }
        found = {space + session: oid for space, oid in single.items() if oid is not None}
        return found | {f"{CHECKPOINTS}{session}/{name}": tag.oid for name, tag in self.checkpoints.items()}


class _Growing(msgspec.Struct):
    single: dict[str, str] = msgspec.field(default_factory=dict)
    checkpoints: dict[str, TagRef] = msgspec.field(default_factory=dict)


def remote_of(repository: Repository, given: str) -> tuple[Remote, str]:
    """The remote of that name or address, and the namespace of what it has.

    An address may hold a password: its namespace is called by a digest.
    """
    if given in remotes(repository):
        folder = f"{TRACKING}{encode(given)}/"
        return Remote(name=given, copies=tuple(refspecs(folder))), folder
    name = f"url-{sha256(given.encode()).hexdigest()[:_SHOWN]}"
    folder = f"{TRACKING}{name}/"
    return Remote(name=f"pliny-{name}", copies=tuple(refspecs(folder)), address=given), folder


def session_of(ref: str) -> str:
    """The session that a ref of ours, by its name here, belongs to."""
    space = next((space for space in _FOLDERS if ref.startswith(space)), "")
    return ref.removeprefix(space).partition("/")[0]


def sending(sessions: Sequence[str]) -> list[str]:
    """Refspecs for a push of these sessions, or of all where there are none; never of tombstones."""
    if not sessions:
        return [f"{space}*:{space}*" for space in _FOLDERS if space != TOMBSTONES]
    single = [f"{space}{name}*" for space in (SESSIONS, ARTIFACTS, NOTES) for name in sessions]
    return [f"{ref}:{ref}" for ref in (*single, *(f"{CHECKPOINTS}{name}/*" for name in sessions))]


def patterns() -> list[str]:
    """What `git ls-remote` is asked for."""
    return [f"{space}*" for space in _FOLDERS]


def refspecs(folder: str, prefixes: Iterable[str] = ("",)) -> list[str]:
    """What brings the sessions whose ids begin so into the remote's namespace here."""
    return [f"+{space}{prefix}*:{folder}{_FOLDERS[space]}{prefix}*" for prefix in prefixes for space in _FOLDERS]


def refs_here(repository: Repository, session: str | None = None) -> dict[str, Refs]:
    """The refs of every session of this clone, or of one."""
    spaces = {space: space for space in _FOLDERS}
    return _read(repository, spaces, session)


def refs_there(repository: Repository, folder: str, session: str | None = None) -> dict[str, Refs]:
    """The refs of every session of a remote, as last seen, or of one; what is of another kind is none of ours."""
    return _read(repository, {folder + below: space for space, below in _FOLDERS.items()}, session, kinds=_KINDS)


def _read(
    repository: Repository, spaces: dict[str, str], session: str | None, *, kinds: Mapping[str, str] | None = None
) -> dict[str, Refs]:
    found: dict[str, _Growing] = {}
    prefixes = list(spaces) if session is None else [place + session for place in spaces]
    for ref in read_refs(repository, *prefixes):
        for place, space in spaces.items():
            if ref.name.startswith(place) and (kinds is None or ref.kind == kinds[space]):
                owner, _, name = ref.name.removeprefix(place).partition("/")
                if is_id(owner) and bool(name) == (space == CHECKPOINTS) and "/" not in name:
                    growing = found.setdefault(owner, _Growing())
                    if name:
                        growing.checkpoints[name] = TagRef(ref.oid, ref.commit)
                    else:
                        growing.single[space] = ref.oid
    return dict(_grown(found))


def _grown(found: dict[str, _Growing]) -> Iterator[tuple[str, Refs]]:
    for session, growing in found.items():
        yield (
            session,
            Refs(
                blob=growing.single.get(SESSIONS),
                notes=growing.single.get(NOTES),
                artifacts=growing.single.get(ARTIFACTS),
                tombstone=growing.single.get(TOMBSTONES),
                checkpoints=growing.checkpoints,
            ),
        )
