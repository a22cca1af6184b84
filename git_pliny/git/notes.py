"""A notes tree: which blob annotates which object.

Read in any layout that git or a merge may have left. `writer.write_notes` writes them.
"""

from collections.abc import Iterator

from git_pliny.errors import CorruptError
from git_pliny.git.objects import MODE_TREE, ObjectReader, TreeEntry

_HEX = frozenset(b"0123456789abcdef")
_MOST = 1_000_000
"""Notes and folders: a tree that names itself over and over may stand for more than there is time to count."""


def read_notes(reader: ObjectReader, tip: str, *, width: int) -> dict[str, str]:
    """Annotated oid to the blob's oid; `width` is an oid's length in hexadecimal. What is no note is passed over.

    CorruptError where a tree is missing or corrupt, or has more in it than any trail.
    """
    found: dict[str, str] = {}
    waiting, folders = [(tip, b"")], 0
    while waiting:
        tree, prefix = waiting.pop()
        for path, entry in _below(reader, tree, prefix, width):
            if entry.mode == MODE_TREE:
                waiting.append((entry.oid, path))
                folders += 1
            else:
                found[path.decode()] = entry.oid
            if folders + len(found) > _MOST:
                raise CorruptError(f"there are more than {_MOST} notes in {tip[:12]}")
    return found


def _below(reader: ObjectReader, tree: str, prefix: bytes, width: int) -> Iterator[tuple[bytes, TreeEntry]]:
    """The notes and the folders of notes in one folder."""
    for name, entry in reader.tree(tree, needed=True).items():
        path = prefix + name
        if _HEX.issuperset(name) and (len(path) < width if entry.mode == MODE_TREE else len(path) == width):
            yield path, entry
