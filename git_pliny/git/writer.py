"""Objects, written as one synced pack stream.

They are serialised with dulwich, collected, and handed to `git unpack-objects` (to `index-pack`, where there are many),
as a fetch does: no lock file of a loose object that a kill could leave, git's own permissions, both object formats.
"""

import io
from collections.abc import Callable, Mapping, Sequence

from dulwich.object_format import SHA1, SHA256
from dulwich.objects import Blob, Commit, ObjectID, ShaFile, Tag, Tree
from dulwich.pack import write_pack_objects

from git_pliny.git.objects import MODE_FILE, MODE_TREE, TreeEntry
from git_pliny.git.repository import Repository

UNPACK_LIMIT = 100
"""Up to this many objects are written loose; git's own `fetch.unpackLimit`."""


_QUICK = 1
"""How hard zlib tries: as git itself does for loose objects; `git gc` packs them tighter."""


class ObjectWriter:
    """Names objects at once and writes them later, all in one step, synced to disk."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._format = {"sha1": SHA1, "sha256": SHA256}[repository.object_format]
        self._waiting: dict[str, ShaFile] = {}
        self._named: dict[bytes | tuple[object, ...], str] = {}
        self.size = 0
        """Bytes of content that wait to be written."""

    def blob(self, data: bytes) -> str:
        """The oid of a blob with this content."""
        return self._once(data, lambda: Blob.from_string(data))

    def tree(self, entries: Mapping[bytes, TreeEntry]) -> str:
        """The oid of a tree with these entries."""
        return self._once(tuple(entries.items()), lambda: _tree(entries))

    def commit(self, *, tree: str, parents: Sequence[str], author: str, message: str) -> str:
        """The oid of a commit; `author` is a whole ident line: `Name <mail> seconds zone`."""
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents), f"author {author}", f"committer {author}"]
        return self._add(_parsed(Commit, "\n".join([*lines, "", message])))

    def tag(
        self, *, target: str, name: str, tagger: str, message: str, sign: Callable[[bytes], bytes] | None = None
    ) -> str:
        """The oid of an annotated tag of a commit; `sign` gives what to append to its text."""
        lines = [f"object {target}", "type commit", f"tag {name}", f"tagger {tagger}"]
        text = "\n".join([*lines, "", message])
        if sign is not None:
            text += sign(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")
        return self._add(_parsed(Tag, text))

    def waiting(self, oid: str) -> bytes:
        """The content of a blob that was added and is not written yet; b"" where it is none of them."""
        item = self._waiting.get(oid)
        return item.as_raw_string() if isinstance(item, Blob) else b""

    def write(self) -> None:
        """Write everything that was added; after it returns the objects survive a power failure."""
        if not self._waiting:
            return
        objects = list(self._waiting.values())
        stream = io.BytesIO()
        write_pack_objects(stream, objects, self._format, deltify=False, compression_level=_QUICK)
        command = ("unpack-objects", "-q") if len(objects) <= UNPACK_LIMIT else ("index-pack", "--stdin")
        self._repository.git_again(*command, stdin=stream.getvalue())
        self._waiting.clear()
        self._named.clear()
        self.size = 0

    def _once(self, content: bytes | tuple[object, ...], make: Callable[[], ShaFile]) -> str:
        """Serialised and hashed once: much of what many agents leave is alike, an empty output for one."""
        oid = self._named.get(content)
        if oid is None:
            oid = self._named[content] = self._add(make())
        return oid

    def _add(self, item: ShaFile) -> str:
        item.object_format = self._format
        oid = item.get_id(self._format).decode()
        if oid not in self._waiting:
            self._waiting[oid] = item
            self.size += item.raw_length()
        return oid


def _tree(entries: Mapping[bytes, TreeEntry]) -> Tree:
    tree = Tree()
    for name, entry in entries.items():
        tree.add(name, entry.mode, ObjectID(entry.oid.encode()))
    return tree


def _parsed(kind: type[ShaFile], text: str) -> ShaFile:
    item = kind()
    item.set_raw_string(text.encode("utf-8", "surrogateescape"))
    return item


class TreeNode:
    """A tree that is changed in memory; only folders that were touched are written again."""

    def __init__(self, stored: Mapping[bytes, TreeEntry] | None = None) -> None:
        self._entries: dict[bytes, TreeEntry] = dict(stored or {})
        self._opened: dict[bytes, TreeNode] = {}

    def folder(self, name: bytes, stored: Mapping[bytes, TreeEntry]) -> "TreeNode":
        """The folder of that name, to be changed; `stored` is what it holds so far, read by the caller."""
        if name not in self._opened:
            self._opened[name] = TreeNode(stored)
        return self._opened[name]

    def entry(self, name: bytes) -> TreeEntry | None:
        """What stands under a name, as last written."""
        return self._entries.get(name)

    def put(self, name: bytes, oid: str, mode: int = MODE_FILE) -> None:
        """Set a file."""
        self._entries[name] = TreeEntry(mode, oid)

    def write(self, writer: ObjectWriter) -> str:
        """The oid of the tree as it is now."""
        for name, node in self._opened.items():
            self._entries[name] = TreeEntry(MODE_TREE, node.write(writer))
        self._opened.clear()
        return writer.tree(self._entries)


def write_notes(writer: ObjectWriter, notes: Mapping[str, str]) -> str:
    """The oid of the tree that holds `notes`, in one layout, two hexadecimal digits of fan-out.

    So clones which know the same notes hold the same tree, and git reads it like any other.
    """
    root = TreeNode()
    for annotated, blob in notes.items():
        root.folder(annotated[:2].encode(), {}).put(annotated[2:].encode(), blob)
    return root.write(writer)
