"""The commits over the trees that merges make: the same ones in every clone that merges the same two."""

from collections.abc import Iterator

from git_pliny.git.objects import MODE_FILE, MODE_TREE, ObjectReader
from git_pliny.git.writer import ObjectWriter

_OURSELVES = "git-pliny <git-pliny@localhost>"
_FAN = 2


class Histories:
    """Tips of `refs/notes/pliny` and `refs/pliny/artifacts`, joined."""

    def __init__(self, reader: ObjectReader, writer: ObjectWriter) -> None:
        self._reader = reader
        self._writer = writer

    def joined(self, ours: str | None, theirs: str | None, tree: str, seconds: int, message: str) -> str:
        """A commit that holds `tree`, and in its history both tips: one of them, or a merge of them.

        Where both hold it, the descendant wins, else the smaller oid.
        """
        tips = sorted({tip for tip in (ours, theirs) if tip is not None})
        holding = [tip for tip in tips if self._tree(tip) == tree]
        for tip in holding:
            if all(other == tip or self._descends(tip, other) for other in tips):
                return tip
        if len(holding) > 1:
            return holding[0]
        ident = f"{_OURSELVES} {seconds} +0000"
        return self._writer.commit(tree=tree, parents=tips, author=ident, message=message)

    def _tree(self, tip: str) -> str | None:
        found = self._reader.read(f"{tip}^{{tree}}")
        return found.oid if found else None

    def _descends(self, tip: str, ancestor: str) -> bool:
        seen, waiting = {tip}, [tip]
        while waiting:
            for parent in self._parents(waiting.pop()):
                if parent == ancestor:
                    return True
                if parent not in seen:
                    seen.add(parent)
                    waiting.append(parent)
        return False

    def _parents(self, commit: str) -> Iterator[str]:
        found = self._reader.read(commit)
        head = found.data.partition(b"\n\n")[0] if found and found.kind == "commit" else b""
        for line in head.split(b"\n"):
            if line.startswith(b"parent "):
                yield line[7:].decode()


def is_fanned_out(reader: ObjectReader, tip: str, notes: int) -> bool:
    """Whether the notes of `tip` lie as we write them: in folders of two digits, and nothing else."""
    root = reader.tree(tip)
    if any(len(name) != _FAN or entry.mode != MODE_TREE for name, entry in root.items()):
        return False
    below = [note for entry in root.values() for note in reader.tree(entry.oid).values()]
    return notes == len(below) and all(note.mode == MODE_FILE for note in below)
