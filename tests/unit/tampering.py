"""Sessions whose refs somebody else wrote to, for tests of what reads them."""

from collections.abc import Callable

from scratch import Scratch
from stores import DELETED_AT, ended, new_session, plan_of, started

from git_pliny.store import sessions
from git_pliny.store.checkpoints import CheckpointKind, Occasion
from git_pliny.store.deletion import delete

Edit = Callable[[list[bytes]], list[bytes]]

HOSTILE = (
    b"",
    b"{}",
    b"[]",
    b"null",
    b"\xff\xfe\x00",
    b'{"schema": 1}',
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"9" * 100_000,
    b'{"id": 5, "name": [], "agents": {"a": 7}}',
)
"""What may stand where a session or a line of a trail should be."""


def whole_session(scratch: Scratch) -> str:
    """A session of one run with an agent that completed and a checkpoint after it."""
    with new_session(scratch, "Tidy the parser") as run:
        run.append(plan_of("a", "b"), started("a"), ended("a"))
        run.checkpoint(Occasion(name="p", kind=CheckpointKind.PHASE, phase="p"))
        run.append(started("b"), ended("b", status="failed"))
    return run.session


def put_blob(scratch: Scratch, content: bytes) -> str:
    return scratch.repository.git("hash-object", "-w", "--stdin", stdin=content).decode().strip()


def put_session(scratch: Scratch, session: str, content: bytes) -> None:
    """Let the session's ref name a blob with this content."""
    scratch.git("update-ref", sessions.SESSIONS + session, put_blob(scratch, content))


def note_lines(scratch: Scratch, session: str, commit: str) -> list[bytes]:
    return scratch.repository.git("notes", f"--ref=pliny/{session}", "show", commit).splitlines()


def edit_notes(scratch: Scratch, session: str, edit: Edit) -> None:
    """Change the lines of every note of a session; the session's object stays as it was."""
    notes = f"--ref=pliny/{session}"
    for line in scratch.git("notes", notes, "list").splitlines():
        commit = line.split()[1]
        content = b"".join(each + b"\n" for each in edit(note_lines(scratch, session, commit)))
        if content:
            scratch.git("notes", notes, "add", "-f", "-C", put_blob(scratch, content), commit)
        else:
            scratch.git("notes", notes, "remove", commit)


def drop(words: bytes) -> Edit:
    """Leave out the lines that hold these words."""
    return lambda lines: [line for line in lines if words not in line]


def replace(old: bytes, new: bytes) -> Edit:
    """Write other words into the lines."""
    return lambda lines: [line.replace(old, new) for line in lines]


def lose(scratch: Scratch, name: str) -> None:
    """Remove the object that a name stands for, as a disk might; the ref stays."""
    oid = scratch.git("rev-parse", name)
    (scratch.root / ".git" / "objects" / oid[:2] / oid[2:]).unlink()


def spoil(scratch: Scratch, name: str) -> None:
    """Write other bytes into the file of the object that a name stands for."""
    oid = scratch.git("rev-parse", name)
    file = scratch.root / ".git" / "objects" / oid[:2] / oid[2:]
    file.chmod(0o644)
    file.write_bytes(b"\x00" * file.stat().st_size)


def half_deleted_session(scratch: Scratch) -> str:
    """A session whose deletion a kill cut off: its tombstone is there, and all its refs but that of the notes."""
    session = whole_session(scratch)
    kept = [line.split() for line in scratch.git("for-each-ref", "refs/pliny").splitlines()]
    delete(scratch.repository, session, at=DELETED_AT)
    for oid, _, name in kept:
        scratch.git("update-ref", name, oid)
    return session
