"""A notes tree: which blob annotates which object.

Read in any layout that git or a merge may have left; written in one, two hexadecimal digits of fan-out, so that clones
which know the same notes hold the same tree.
"""

from collections.abc import Iterator, Mapping

from git_pliny.git.objects import MODE_TREE, ObjectReader
from git_pliny.git.writer import ObjectWriter, TreeNode

_HEX = frozenset(b"0123456789abcdef")


def read_notes(reader: ObjectReader, tip: str, *, width: int) -> dict[str, str]:
    """Annotated oid to the blob's oid; `width` is the length of an oid in hexadecimal. What is no note is passed over."""
    return dict(_walk(reader, f"{tip}^{{tree}}", b"", width))


def _walk(reader: ObjectReader, tree: str, prefix: bytes, width: int) -> Iterator[tuple[str, str]]:
    for name, entry in reader.tree(tree).items():
        path = prefix + name
        if not _HEX.issuperset(name) or len(path) > width:
            continue
        if entry.mode == MODE_TREE and len(path) < width:
            yield from _walk(reader, entry.oid, path, width)
        elif entry.mode != MODE_TREE and len(path) == width:
            yield path.decode(), entry.oid


def write_notes(writer: ObjectWriter, notes: Mapping[str, str]) -> str:
    """The oid of the tree that holds `notes`."""
    root = TreeNode()
    for annotated, blob in notes.items():
        root.folder(annotated[:2].encode(), {}).put(annotated[2:].encode(), blob)
    return root.write(writer)
