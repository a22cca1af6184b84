"""Looks for secrets in what is stored, or is about to be sent: by the names of files, and by what stands in them.

What the user's own branches and tags have is not looked at: that is theirs to publish. Not guaranteed: a secret in a
form that `masking` does not know, or beyond the first MiBs of a large file, is not found.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from git_pliny.git.objects import ObjectReader
from git_pliny.git.refs import OURS, list_refs
from git_pliny.git.repository import Repository
from git_pliny.masking import Masker

_LARGEST = 8 * 1024 * 1024
"""Bytes; a larger file is known by its name only."""
_TOGETHER, _SMALL = 200, 1 << 16
"""How many files are read at once, and up to how many bytes of each."""
_NAMES = re.compile(
    r"\.env(\.(?!(example|sample|template|dist)$)[^/]+)?|id_(rsa|dsa|ecdsa|ed25519)(_sk)?|\.netrc|\.git-credentials"
    r"|\.pgpass|.+\.(pem|p12|pfx|key|jks|keystore|ppk)",
    re.IGNORECASE,
)
_NOT_THEIRS = ("--not", "--branches", "--tags", "--remotes")


class Secret(NamedTuple):
    """A file that holds one, or looks as if it did; `kinds`: what was found in it, by the names of rules."""

    oid: str
    path: str
    kinds: tuple[str, ...]

    @property
    def why(self) -> str:
        """What makes it look so, without the secret."""
        return ", ".join(self.kinds) if self.kinds else "by its name"


def look_through(
    repository: Repository, masker: Masker, starts: Sequence[str], *, known: Sequence[str] = ()
) -> Iterator[Secret]:
    """Every file that can be reached from `starts`, and neither from the user's branches nor from `known`, once.

    `known`: options of git rev-list that say what the other side has.
    """
    if not starts:
        return
    command = ("rev-list", "--objects", "--filter=object:type=blob", "--stdin", *_NOT_THEIRS, *known)
    listing = repository.git(*command, stdin="".join(f"{oid}\n" for oid in starts).encode())
    lines = (line.partition(" ") for line in listing.decode("utf-8", "surrogateescape").splitlines())
    paths = list({oid: path for oid, _, path in lines}.items())
    with ObjectReader(repository) as reader:
        for number, (oid, path) in enumerate(paths):
            if number % _TOGETHER == 0:
                reader.cool()
                reader.warm((each for each, _ in paths[number : number + _TOGETHER]), limit=_SMALL)
            data = reader.blob(oid, limit=_LARGEST)
            kinds = tuple(sorted(masker.kinds(data))) if data else ()
            if kinds or (path and _NAMES.fullmatch(path.rpartition("/")[2])):
                yield Secret(oid, path, kinds)


def look_through_stored(repository: Repository, masker: Masker) -> Iterator[tuple[str, str]]:
    """Where a secret is stored, as `<ref>:<path>` or, where only an older state of a ref has it, its oid; and why."""
    refs = list_refs(repository, *OURS)
    with ObjectReader(repository) as reader:
        for found in look_through(repository, masker, [ref.oid for ref in refs]):
            yield _place(reader, refs, found), found.why


def _place(reader: ObjectReader, refs: Sequence[tuple[str, str]], found: Secret) -> str:
    for name, oid in refs:
        if not found.path and oid == found.oid:
            return name
        if found.path and (there := reader.read(f"{name}:{found.path}", limit=_LARGEST)) and there.oid == found.oid:
            return f"{name}:{found.path}"
    return f"{found.oid} {found.path}".rstrip()
