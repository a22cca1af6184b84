"""Which paths git keeps in the index only: by a flag in the index, or by the patterns of a sparse checkout."""

from collections.abc import Iterable, Mapping

import msgspec

from git_pliny.git.index import GITLINK, PLAIN, Entry, set_entries, write_tree
from git_pliny.git.repository import Repository
from git_pliny.git.scratch import Scratch


class Flags(msgspec.Struct, frozen=True, kw_only=True):
    """What an index says of its paths beyond their content."""

    unmerged: frozenset[bytes]
    skipped: Mapping[bytes, Entry]
    """Paths with the skip-worktree flag."""
    assumed: frozenset[bytes]
    """Paths with the assume-unchanged flag."""
    nested: frozenset[bytes]
    """Nested repositories."""


def read_flags(repository: Repository) -> Flags:
    """The flags in the user's index; of a sparse checkout, git leaves out of `skipped` what is on disk all the same."""
    records = repository.git(*PLAIN, "ls-files", "--stage", "-v", "-z").split(b"\0")[:-1]
    marked = [(record[:1], _entry(record)) for record in records if record[:1] != b"H"]
    return Flags(
        unmerged=frozenset(entry.path for tag, entry in marked if tag in b"Mm"),
        skipped={entry.path: entry for tag, entry in marked if tag in b"Ss"},
        assumed=frozenset(entry.path for tag, entry in marked if tag.islower()),
        nested=frozenset(_entry(record).path for record in records if record[2:8] == GITLINK),
    )


def _entry(record: bytes) -> Entry:
    description, _, path = record.partition(b"\t")
    _, mode, oid, _ = description.split(b" ")
    return Entry(mode=mode, oid=oid, path=path)


def outside_patterns(repository: Repository, own: Scratch, paths: Iterable[bytes]) -> frozenset[bytes]:
    """Those of `paths` that git would not check out; it says so of empty files, in an empty work tree."""
    asked = list(paths)
    if not asked:
        return frozenset()
    if repository.git("config", "--type=bool", "--default=false", "core.sparseCheckout") != b"true\n":
        return frozenset()
    elsewhere = msgspec.structs.replace(repository, root=own / "sparse")
    elsewhere.root.mkdir()
    empty = elsewhere.git("hash-object", "-w", "--stdin", stdin=b"").strip()
    listing, index = own / "sparse-listing", own / "sparse-index"
    set_entries(elsewhere, listing, [Entry(mode=b"100644", oid=empty, path=path) for path in asked])
    elsewhere.git(*PLAIN, "read-tree", "-m", "-u", write_tree(elsewhere, listing), index=index)
    records = elsewhere.git(*PLAIN, "ls-files", "-t", "-z", index=index).split(b"\0")
    return frozenset(record[2:] for record in records if record.startswith(b"S "))
