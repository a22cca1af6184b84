"""What breaks around us: a clear error or a recorded repair, never a lost entry, never a traceback."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from scratch import Scratch

PLAN = """
agents:
  a: {run: "echo a >a.txt"}
  b: {run: "test ! -e hold || { touch held; sleep 30; }; echo b >b.txt"}
  c: {run: "echo c >c.txt"}
phases:
  - {name: one, agents: [a]}
  - {name: two, agents: [b]}
  - {name: three, agents: [c]}
"""

READERS = (
    ("session", "list"),
    ("session", "list", "--json"),
    ("session", "show"),
    ("audit", "view"),
    ("audit", "summary"),
    ("audit", "verify"),
    ("checkpoint", "list"),
    ("status",),
)
WRITERS = (
    ("execute", "something new"),
    ("execute", "--rerun", "c"),
    ("checkpoint", "create", "mine"),
    ("checkpoint", "delete", "one"),
    ("rollback", "one"),
    ("session", "start", "another"),
    ("session", "archive"),
)


@pytest.fixture
def planned(scratch: Scratch) -> Scratch:
    """A repository with a plan of three phases."""
    scratch.plan(PLAN)
    scratch.write(".gitignore", "hold\nheld\n")
    scratch.commit("plan")
    return scratch


@pytest.fixture
def done(planned: Scratch) -> Scratch:
    """The same, its session completed."""
    planned.pliny("execute")
    return planned


@pytest.fixture
def cut_off(planned: Scratch) -> Scratch:
    """The same, its coordinator killed while agent b ran; b will not be held up again."""
    planned.write("hold", "")
    running = subprocess.Popen(["git-pliny", "execute"], cwd=planned.root, env=planned.environ, stderr=subprocess.PIPE)
    wait_for(planned.root / "held")
    running.kill()
    running.communicate()
    (planned.root / "hold").unlink()
    return planned


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.02)


def fails(scratch: Scratch, *arguments: str, about: str = "", exits: int = 1, **options: Any) -> str:
    """A command that is refused in a sentence, with what to type next."""
    words = scratch.pliny(*arguments, exits=exits, **options).stderr
    assert words.count("error: ") == 1, words
    assert about in words
    return words


def session_id(scratch: Scratch) -> str:
    return scratch.git("symbolic-ref", "PLINY_HEAD").rpartition("/")[2]


def shown(scratch: Scratch) -> dict[str, Any]:
    found = json.loads(scratch.pliny("session", "show", session_id(scratch), "--json").stdout)
    assert isinstance(found, dict)
    return found


def trail(scratch: Scratch) -> list[dict[str, Any]]:
    text = scratch.pliny("audit", "view", session_id(scratch), "--json").stdout
    return [json.loads(line) for line in text.splitlines()]


def kinds(scratch: Scratch) -> list[str]:
    """What was repaired, by the trail."""
    return [entry["data"]["kind"] for entry in trail(scratch) if entry["type"] == "repair"]


def resumes(scratch: Scratch) -> None:
    """The session goes on to its end, and nothing was lost on the way."""
    before = [entry["prev"] for entry in trail(scratch)]
    scratch.pliny("execute", "--resume")
    assert set(before) <= {entry["prev"] for entry in trail(scratch)}
    assert shown(scratch)["completed_agents"] == ["a", "b", "c"]
    assert shown(scratch)["agents"]["a"]["attempts"] == 1
    scratch.pliny("audit", "verify")
    assert scratch.git("fsck", "--no-dangling", "--no-progress") == ""


def journal(scratch: Scratch) -> Path:
    (path,) = (scratch.root / ".git" / "pliny" / "journal").glob("*/*.jsonl")
    return path


def lose(scratch: Scratch, name: str) -> None:
    """Remove the file of a loose object."""
    oid = scratch.git("rev-parse", name)
    (scratch.root / ".git" / "objects" / oid[:2] / oid[2:]).unlink()


# A full disk


@pytest.fixture
def small_disk(tmp_path: Path, environment: dict[str, str]) -> Iterator[Scratch]:
    """A repository on a file system of two megabytes."""
    root = tmp_path / "small"
    root.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(root)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can't be mounted here: that takes root")
    try:
        scratch = Scratch(root=root, environ=environment)
        scratch.git("init", "-q")
        scratch.plan(PLAN.replace("echo b >b.txt", "test -e room || cat /dev/zero >big; echo b >b.txt"))
        scratch.write(".gitignore", "big\nroom\n")
        scratch.commit("plan")
        yield scratch
    finally:
        subprocess.run(["umount", "-l", str(root)], check=True)


def test_an_agent_that_fills_the_disk_loses_no_entry(small_disk: Scratch) -> None:
    fails(small_disk, "execute", about="No space left on device")
    for command in READERS:
        small_disk.pliny(*command)
    assert shown(small_disk)["completed_agents"] == ["a"]
    for command in (("execute", "--resume"), ("checkpoint", "create", "mine"), ("rollback", "one")):
        assert "hint: " in fails(small_disk, *command)
    small_disk.write("room", "")
    (small_disk.root / "big").unlink()
    resumes(small_disk)


@pytest.mark.parametrize("blocks", [0, 1])
def test_a_limit_on_the_size_of_files_is_a_clear_error(planned: Scratch, blocks: int) -> None:
    """Git is ended by SIGXFSZ where it meets the limit, and we get EFBIG."""
    limited = planned.run("sh", "-c", f"ulimit -f {blocks}; exec git-pliny execute")
    assert limited.returncode == 1, limited.stderr
    assert "error: " in limited.stderr
    assert "Traceback" not in limited.stderr
    planned.pliny("execute")
    planned.pliny("audit", "verify")
    assert [found["status"] for found in json.loads(planned.pliny("session", "list", "--json").stdout)][
        -1
    ] == "completed"


# No permission, a read-only repository


def without_rights() -> tuple[str, ...]:
    """What to put before a command so that the modes of files count, for root as well."""
    if os.geteuid() != 0:
        return ()
    dropped = "-dac_override,-dac_read_search"
    command = ("setpriv", f"--bounding-set={dropped}", f"--inh-caps={dropped}")
    if (
        shutil.which("setpriv") is None
        or subprocess.run([*command, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("root can't give up its rights here: that takes setpriv")
    return command


def test_without_permission_to_write_readers_work_and_writers_say_so(done: Scratch) -> None:
    before = without_rights()
    refs = done.git("for-each-ref")
    subprocess.run(["chmod", "-R", "a-w", ".git"], cwd=done.root, check=True)
    try:
        _reads_and_refuses(done, before, "Permission denied")
    finally:
        subprocess.run(["chmod", "-R", "u+w", ".git"], cwd=done.root, check=True)
    assert done.git("for-each-ref") == refs
    done.pliny("execute", "--rerun", "c")


def test_in_a_read_only_repository_readers_work_and_writers_say_so(done: Scratch, tmp_path: Path) -> None:
    root = tmp_path / "read-only"
    root.mkdir()
    bound = subprocess.run(["mount", "--bind", str(done.root), str(root)], capture_output=True, check=False)
    if bound.returncode:
        pytest.skip("a folder can't be mounted read-only here: that takes root")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(root)], check=True)
        _reads_and_refuses(Scratch(root=root, environ=done.environ), (), "Read-only file system")
    finally:
        subprocess.run(["umount", "-l", str(root)], check=True)


def _reads_and_refuses(scratch: Scratch, before: tuple[str, ...], reason: str) -> None:
    for command in READERS:
        read = scratch.run(*before, "git-pliny", *command)
        assert (read.returncode, read.stderr) == (0, ""), (command, read)
    for command in (("doctor",), ("doctor", "--fix")):
        looked = scratch.run(*before, "git-pliny", *command)
        assert looked.returncode == 1, (command, looked)
        assert reason.lower() in looked.stdout.lower(), (command, looked)
        assert "verifies" in looked.stdout, (command, looked)
        assert "hint: ls -ld " in looked.stderr, (command, looked)
    for command in WRITERS:
        refused = scratch.run(*before, "git-pliny", *command)
        assert refused.returncode == 1, (command, refused)
        assert reason.lower() in refused.stderr.lower(), (command, refused)
        assert "hint: " in refused.stderr
        assert "Traceback" not in refused.stderr


# Held locks


def test_a_held_index_does_not_keep_a_plan_from_running(planned: Scratch) -> None:
    lock = planned.write(".git/index.lock", "")
    planned.pliny("execute")
    planned.pliny("checkpoint", "create", "mine")
    assert lock.exists()


def test_a_rollback_names_the_lock_that_it_waited_for_and_can_be_run_again(done: Scratch) -> None:
    done.git("commit", "-q", "--allow-empty", "-m", "later")
    for name in ("index.lock", "refs/heads/main.lock"):
        lock = done.write(f".git/{name}", "")
        words = fails(done, "rollback", "one", about=f".git/{name}")
        assert f"hint: if no git runs here, remove it: rm '{lock}'" in words
        lock.unlink()
    done.pliny("rollback", "one")
    assert not (done.root / "b.txt").exists()
    assert done.git("log", "-1", "--format=%s") == "plan"
    done.pliny("audit", "verify")


@pytest.mark.parametrize("name", ["refs/pliny/sessions/{}", "refs/notes/pliny/{}", "PLINY_HEAD"])
def test_a_lock_of_ours_that_a_kill_left_is_removed(done: Scratch, name: str) -> None:
    lock = done.write(f".git/{name.format(session_id(done))}.lock", "")
    os.utime(lock, (1, 1))
    done.pliny("execute", "another task")
    done.pliny("checkpoint", "create", "mine", "--session", "pliny.yaml")
    assert not lock.exists()


def test_a_lock_of_ours_that_a_living_git_holds_is_waited_for(done: Scratch) -> None:
    lock = done.write(f".git/refs/pliny/sessions/{session_id(done)}.lock", "")
    with subprocess.Popen(["sh", "-c", f"sleep 1; rm '{lock}'"]):
        done.pliny("checkpoint", "create", "mine")
    assert "mine" in done.session()["checkpoints"]


# Corruption


def spoil_a_line(text: bytes) -> bytes:
    lines = text.splitlines(keepends=True)
    return b"".join([*lines[:1], b"\0\xff\n", *lines[2:]])


@pytest.mark.parametrize(
    ("spoil", "repair"),
    [
        (lambda text: text + b'{"ts":"20', ["torn"]),
        (lambda text: text + b'{"ts":"20\n', ["corrupt"]),
        (spoil_a_line, ["corrupt"]),
        (lambda text: text + os.urandom(100_000) + b"\n", ["corrupt"]),
        (lambda text: text + b"\n" * 1000, ["corrupt"]),
        (lambda text: text[:0], []),
    ],
    ids=["torn", "half", "spoilt", "noise", "empty lines", "emptied"],
)
def test_a_corrupt_journal_is_repaired_and_recorded(
    cut_off: Scratch, spoil: Callable[[bytes], bytes], repair: list[str]
) -> None:
    path = journal(cut_off)
    path.write_bytes(spoil(path.read_bytes()))
    for command in READERS[:-3]:
        cut_off.pliny(*command)
    resumes(cut_off)
    assert kinds(cut_off) == repair


@pytest.mark.parametrize("content", ["", "{", "null", "[1]", '{"schema": 1}', "\0\1\2"])
def test_a_corrupt_session_blob_is_repaired_and_recorded(cut_off: Scratch, content: str) -> None:
    wrong = cut_off.run("git", "hash-object", "-w", "--stdin", stdin=content).stdout.strip()
    cut_off.git("update-ref", f"refs/pliny/sessions/{session_id(cut_off)}", wrong)
    for command in READERS:
        if command != ("audit", "verify"):
            cut_off.pliny(*command)
    resumes(cut_off)
    assert kinds(cut_off) == ["session"]


def test_a_rollback_says_what_it_repaired(done: Scratch) -> None:
    wrong = done.run("git", "hash-object", "-w", "--stdin", stdin="{}").stdout.strip()
    done.git("update-ref", f"refs/pliny/sessions/{session_id(done)}", wrong)
    told = done.pliny("rollback", "one")
    assert "warning: repaired: the session's object was missing or unreadable, and was written anew" in told.stderr


def test_a_session_blob_that_git_lost_is_repaired_and_recorded(cut_off: Scratch) -> None:
    lose(cut_off, f"refs/pliny/sessions/{session_id(cut_off)}")
    for command in READERS:
        if command != ("audit", "verify"):
            cut_off.pliny(*command)
    resumes(cut_off)
    assert kinds(cut_off) == ["session"]


def test_a_lost_note_is_an_error_of_its_session_alone(done: Scratch) -> None:
    notes = f"refs/notes/pliny/{session_id(done)}"
    lost = done.git("ls-tree", "-r", "--name-only", notes).splitlines()[0]
    lose(done, f"{notes}:{lost}")
    before = done.git("for-each-ref")
    for command in (("session", "show"), ("audit", "view"), ("execute", "--rerun", "c")):
        fails(done, *command, about="cannot be read")
    fails(done, "audit", "verify", about="git has lost the note")
    assert done.git("for-each-ref") == before
    listed = json.loads(done.pliny("session", "list", "--json").stdout)
    assert [session["status"] for session in listed] == ["completed"]
    done.git("symbolic-ref", "--delete", "PLINY_HEAD")
    done.pliny("execute", "another task")


def test_lines_of_a_note_that_are_no_entries_are_named_and_left_alone(done: Scratch) -> None:
    start = done.session()["checkpoints"]["start"]
    done.git("notes", f"--ref=pliny/{session_id(done)}", "append", "-m", "\x01 no entry", start)
    assert "no entry" in fails(done, "audit", "verify", about="does not verify")
    done.pliny("checkpoint", "create", "mine")
    assert shown(done)["completed_agents"] == ["a", "b", "c"]


def test_a_lost_checkpoint_is_named_and_the_others_work(done: Scratch) -> None:
    lose(done, f"refs/pliny/checkpoints/{session_id(done)}/one^{{}}")
    fails(done, "audit", "verify", about="one")
    fails(done, "rollback", "one", about="is missing")
    done.pliny("rollback", "two")
    done.pliny("execute", "--resume")
    assert shown(done)["status"] == "completed"


# Clocks


def test_entries_of_the_future_stay_before_those_of_today(cut_off: Scratch) -> None:
    """A clock that was years ahead, and is right again."""
    path = journal(cut_off)
    path.unlink()
    text = subprocess.run(
        [shutil.which("python3") or "python3", "-c", _FUTURE, str(cut_off.root), session_id(cut_off)],
        env=cut_off.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert text.returncode == 0, text.stderr
    resumes(cut_off)
    entries = trail(cut_off)
    assert [entry["ts"] for entry in entries] == sorted(entry["ts"] for entry in entries)
    assert entries[-1]["ts"] > "2099"
    done = cut_off.pliny("rollback", "two", "--json")
    assert [key[0] for key in json.loads(done.stdout)["set_back"]] == ["c"]


_FUTURE = """
import os, sys
from pathlib import Path
from git_pliny.git.repository import discover
from git_pliny.masking import Masker
from git_pliny.model.events import Event, EventType
from git_pliny.store.artifacts import Bounds
from git_pliny.store.run import Run

class Unmasked:
    def mask_bytes(self, data):
        return data

repository = discover(Path(sys.argv[1]), os.environ)
run = Run(repository, sys.argv[2], clock=lambda: 4_070_908_800_000_000, bounds=Bounds(Unmasked(), 1 << 20))
with run:
    run.append(Event(type=EventType.PROMPT))
"""


# What others remove


def test_the_local_folder_can_go_while_an_agent_runs(planned: Scratch) -> None:
    planned.plan(PLAN.replace("echo a >a.txt", "rm -rf .git/pliny; echo a >a.txt"))
    planned.pliny("execute")
    assert shown(planned)["completed_agents"] == ["a", "b", "c"]
    planned.pliny("audit", "verify")


def test_the_local_folder_can_go_afterwards(done: Scratch) -> None:
    shutil.rmtree(done.root / ".git" / "pliny")
    for command in READERS:
        done.pliny(*command)
    done.pliny("execute", "--rerun", "c")
    done.pliny("rollback", "one")
    done.pliny("audit", "verify")


@pytest.mark.parametrize("ref", ["refs/pliny/sessions", "refs/notes/pliny", "refs/pliny/artifacts"])
def test_refs_that_an_agent_deletes_come_back(planned: Scratch, ref: str) -> None:
    planned.plan(PLAN.replace("echo b >b.txt", f"git update-ref -d {ref}/$PLINY_SESSION; echo b >b.txt"))
    planned.pliny("execute")
    assert planned.session()["completed_agents"] == ["a", "b", "c"]
    planned.pliny("audit", "verify")


@pytest.mark.parametrize("target", ["refs/pliny/sessions/00000000-0000-4000-8000-000000000000", "refs/heads/main"])
def test_a_current_session_that_is_none_is_named_and_a_new_one_can_start(done: Scratch, target: str) -> None:
    done.git("symbolic-ref", "PLINY_HEAD", target)
    for command in (("session", "show"), ("audit", "view"), ("rollback", "one"), ("execute", "--resume")):
        assert "hint: " in fails(done, *command)
    done.pliny("session", "list")
    done.pliny("execute")
    assert len(json.loads(done.pliny("session", "list", "--json").stdout)) == 2


def test_a_current_session_that_is_noise_is_named_and_a_new_one_can_start(done: Scratch) -> None:
    done.write(".git/PLINY_HEAD", "noise\n")
    fails(done, "session", "show", about="no current session")
    done.pliny("execute")
    assert done.session()["status"] == "completed"


# Signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("times", [1, 2])
def test_a_signal_ends_a_run_that_can_be_resumed(planned: Scratch, number: signal.Signals, times: int) -> None:
    planned.write("hold", "")
    running = subprocess.Popen(
        ["git-pliny", "execute"], cwd=planned.root, env=planned.environ, stderr=subprocess.PIPE, text=True
    )
    wait_for(planned.root / "held")
    for _ in range(times):
        running.send_signal(number)
        time.sleep(0.1)
    _, words = running.communicate(timeout=60)
    assert running.returncode == 130, words
    assert "hint: git pliny execute --resume" in words
    session = planned.session()
    assert session["status"] == "paused"
    assert session["completed_agents"] == ["a"]
    assert times == 2 or "interrupted" in session["checkpoints"]
    (planned.root / "hold").unlink()
    resumes(planned)
