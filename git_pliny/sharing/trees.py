"""The union of two trees of artifacts: every path of both.

Attempts of different runs have paths of their own, so two sides differ in what one of them lacks. Where they differ in
one path all the same (a plan, or what somebody made by hand), what stands there does not depend on whose it is.
"""

from git_pliny.errors import CorruptError
from git_pliny.git.objects import MODE_FILE, MODE_TREE, ObjectReader, TreeEntry
from git_pliny.git.writer import ObjectWriter

PLAN = b"plan.json"
_DEEPEST = 100


def united(reader: ObjectReader, writer: ObjectWriter, ours: str, theirs: str, *, plan: str | None) -> str:
    """The oid of the union of two trees, or of the trees of two commits; `plan` is the session's newest plan."""
    union = _Union(reader, writer)
    entries = union.entries(reader.tree(ours, needed=True), reader.tree(theirs, needed=True))
    if PLAN in entries and plan is not None and reader.blob(plan) is not None:
        entries[PLAN] = TreeEntry(MODE_FILE, plan)
    return writer.tree(entries)


class _Union:
    """Two trees may be made so that they name the same folders over and over: each pair is looked at once."""

    def __init__(self, reader: ObjectReader, writer: ObjectWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._known: dict[tuple[TreeEntry, TreeEntry], TreeEntry] = {}

    def entries(
        self, ours: dict[bytes, TreeEntry], theirs: dict[bytes, TreeEntry], depth: int = 0
    ) -> dict[bytes, TreeEntry]:
        if depth > _DEEPEST:
            raise CorruptError(f"there are artifacts below more than {_DEEPEST} folders")
        entries = {**theirs, **ours}
        for name in ours.keys() & theirs.keys():
            if ours[name] != theirs[name]:
                entries[name] = self._one(ours[name], theirs[name], depth)
        return entries

    def _one(self, mine: TreeEntry, other: TreeEntry, depth: int) -> TreeEntry:
        folders = [entry for entry in (mine, other) if entry.mode == MODE_TREE]
        if not folders:
            return min(mine, other)
        if len(folders) == 1:
            return folders[0]
        if (known := self._known.get((mine, other))) is not None:
            return known
        ours, theirs = (self._reader.tree(each.oid, needed=True) for each in (mine, other))
        made = TreeEntry(MODE_TREE, self._writer.tree(self.entries(ours, theirs, depth + 1)))
        self._known[mine, other] = made
        return made
