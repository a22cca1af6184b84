"""The union of two trees of artifacts: every path of both.

Attempts of different runs have paths of their own, so two sides differ in what one of them lacks. Where they differ in
one path all the same (a plan, or what somebody made by hand), what stands there does not depend on whose it is.
"""

from git_pliny.git.objects import MODE_FILE, MODE_TREE, ObjectReader, TreeEntry
from git_pliny.git.writer import ObjectWriter

PLAN = b"plan.json"


def united(reader: ObjectReader, writer: ObjectWriter, ours: str, theirs: str, *, plan: str | None) -> str:
    """The oid of the union of two trees, or of the trees of two commits; `plan` is the session's newest plan."""
    entries = _entries(reader, writer, reader.tree(ours, needed=True), reader.tree(theirs, needed=True))
    if PLAN in entries and plan is not None and reader.blob(plan) is not None:
        entries[PLAN] = TreeEntry(MODE_FILE, plan)
    return writer.tree(entries)


def _entries(
    reader: ObjectReader, writer: ObjectWriter, ours: dict[bytes, TreeEntry], theirs: dict[bytes, TreeEntry]
) -> dict[bytes, TreeEntry]:
    entries = {**theirs, **ours}
    for name in ours.keys() & theirs.keys():
        if ours[name] != theirs[name]:
            entries[name] = _one(reader, writer, ours[name], theirs[name])
    return entries


def _one(reader: ObjectReader, writer: ObjectWriter, mine: TreeEntry, other: TreeEntry) -> TreeEntry:
    folders = [entry for entry in (mine, other) if entry.mode == MODE_TREE]
    if not folders:
        return min(mine, other)
    if len(folders) == 1:
        return folders[0]
    entries = _entries(reader, writer, reader.tree(mine.oid, needed=True), reader.tree(other.oid, needed=True))
    return TreeEntry(MODE_TREE, writer.tree(entries))
