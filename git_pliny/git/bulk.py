"""Adds many files to a private index at once: what is new of them goes into packs, each synced once.

As loose objects, one file and one sync each, the same takes ten times as long. What git has already is left to the
ordinary way, which marks it as used, so that a `git gc` of the moment spares it.
"""

from collections.abc import Sequence
from pathlib import Path

from git_pliny.git.index import GITLINK, PLAIN, add_from_files
from git_pliny.git.repository import Repository

LIMIT = 100
"""From how many files on; git's own `fetch.unpackLimit`."""
_CHUNK = 5000
"""Files a pack: git compares each new object with all others of its pack."""
_PACKED = ("-c", "core.bigFileThreshold=1")


def add_files(repository: Repository, index: Path, paths: Sequence[bytes]) -> None:
    """Record these paths in a private index as they are in the work tree; what is not there is taken out."""
    if len(paths) > LIMIT and not _is_partial(repository):
        new = _new(repository, index.with_name("hashed"), paths)
        for start in range(0, len(new) if len(new) > LIMIT else 0, _CHUNK):
            add_from_files(repository, index, new[start : start + _CHUNK], options=_PACKED)
    add_from_files(repository, index, paths)


def _is_partial(repository: Repository) -> bool:
    """Whether git would ask a remote for every object that it has not: then it must not be asked."""
    keys = r"^(extensions\.partialclone|remote\..*\.promisor)$"
    return bool(repository.git("config", "--get-regexp", keys, accept=(0, 1)))


def _new(repository: Repository, index: Path, paths: Sequence[bytes]) -> list[bytes]:
    """A path for each content that git has not yet."""
    add_from_files(repository, index, paths, flags=("--info-only",))
    records = repository.git(*PLAIN, "ls-files", "--stage", "-z", index=index).split(b"\0")[:-1]
    found = {record[7:].partition(b" ")[0]: record.partition(b"\t")[2] for record in records if record[:6] != GITLINK}
    question = b"".join(b"%s\n" % oid for oid in found)
    answers = repository.git("cat-file", "--batch-check=%(objecttype)", stdin=question).splitlines()
    return [path for path, answer in zip(found.values(), answers, strict=True) if answer.endswith(b" missing")]
