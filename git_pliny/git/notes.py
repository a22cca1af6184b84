"""A notes tree: which blob annotates which object.

Read in any layout that git or a merge may have left. `writer.write_notes` writes them.
"""

from collections.abc import Iterator

from git_pliny.git.objects import MODE_TREE, ObjectReader

_HEX = frozenset(b"0123456789abcdef")


def read_notes(reader: ObjectReader, tip: str, *, width: int) -> dict[str, str]:
    """Annotated oid to the blob's oid; `width` is an oid's length in hexadecimal. What is no note is passed over.

    CorruptError where a tree is missing or corrupt.
    """
    return dict(_walk(reader, tip, b"", width))


def _walk(reader: ObjectReader, tree: str, prefix: bytes, width: int) -> Iterator[tuple[str, str]]:
    for name, entry in reader.tree(tree, needed=True).items():
        path = prefix + name
        if not _HEX.issuperset(name) or len(path) > width:
            continue
        if entry.mode == MODE_TREE and len(path) < width:
            yield from _walk(reader, entry.oid, path, width)
        elif entry.mode != MODE_TREE and len(path) == width:
            yield path.decode(), entry.oid
