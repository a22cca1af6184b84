"""Refs that somebody made by hand to do harm: fetched, read and executed, they change nothing but our own refs."""

import json
import os
import re
import subprocess
import zlib
from collections.abc import Callable, Iterator
from hashlib import sha1, sha256
from pathlib import Path
from typing import Any

import pytest
from scratch import Scratch

ID = "11111111-2222-4333-8444-555555555555"
RUN = "aaaaaaaa"
TS = "2026-01-01T00:00:00.{:06d}Z"
ESCAPE = "\x1b]0;owned\x07\x1b[31m\u202e\x9b"
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
READS = (
    ("session", "list"),
    ("session", "list", "--json"),
    ("session", "show", ID),
    ("session", "show", ID, "--json"),
    ("audit", "view", ID),
    ("audit", "summary", ID),
    ("audit", "verify", ID),
    ("checkpoint", "list", "--session", ID),
    ("checkpoint", "diff", "start", "--session", ID),
    ("rollback", "start", "--session", ID, "--dry-run"),
    ("execute", "--session", ID, "--dry-run"),
    ("execute", "--session", ID),
    ("stats",),
    ("status",),
    ("doctor",),
    ("push",),
    ("sync",),
)


class Evil:
    """A repository whose owner writes any object that they like, and pushes it by plain git."""

    def __init__(self, scratch: Scratch, remote: Path) -> None:
        self.scratch, self.remote = scratch, remote
        self.commit = scratch.git("rev-parse", "HEAD")

    def put(self, kind: str, content: bytes) -> str:
        """An object as it is, unchecked."""
        raw = f"{kind} {len(content)}\0".encode() + content
        oid = sha1(raw, usedforsecurity=False).hexdigest()
        path = self.scratch.root / ".git/objects" / oid[:2] / oid[2:]
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            path.write_bytes(zlib.compress(raw, 1))
        return oid

    def blob(self, content: bytes | str) -> str:
        return self.put("blob", content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)

    def tree(self, *entries: tuple[str, str, str]) -> str:
        """From (mode, name, oid), in the order given."""
        rows = (f"{mode} {name}".encode() + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries)
        return self.put("tree", b"".join(rows))

    def commit_of(self, tree: str, message: str = "x") -> str:
        who = "Eve <eve@example.com> 1700000000 +0000"
        return self.put("commit", f"tree {tree}\nauthor {who}\ncommitter {who}\n\n{message}\n".encode())

    def tag(self, oid: str, kind: str, message: str = "x") -> str:
        text = f"object {oid}\ntype {kind}\ntag x\ntagger Eve <e@example.com> 1700000000 +0000\n\n{message}\n"
        return self.put("tag", text.encode())

    def ref(self, name: str, oid: str) -> None:
        self.scratch.git("update-ref", name, oid)

    def note(self, lines: bytes) -> None:
        folder = self.tree(("100644", self.commit[2:], self.blob(lines)))
        self.ref(f"refs/notes/pliny/{ID}", self.commit_of(self.tree(("40000", self.commit[:2], folder))))

    def entries(self, *events: tuple[str, dict[str, Any]], **keys: Any) -> bytes:
        """Lines of a trail, chained as they should be."""
        prev, lines = sha256(ID.encode()).hexdigest(), []
        for number, (kind, data) in enumerate(events, start=1):
            head = {"ts": TS.format(number), "run": RUN, "seq": number, "type": kind}
            line = json.dumps({**head, **keys, "data": data, "prev": prev}).encode()
            prev = sha256(line).hexdigest()
            lines.append(line)
        return b"".join(line + b"\n" for line in lines)

    def session(self, *events: tuple[str, dict[str, Any]], blob: bytes = b"{}", **keys: Any) -> None:
        start = ("session_start", {"name": "n", "clone": "0" * 16})
        self.ref(f"refs/pliny/sessions/{ID}", self.blob(blob))
        self.note(self.entries(start, *events, **keys))

    def checkpoint(self, tree: str, trailers: str = "", name: str = "start") -> tuple[str, dict[str, Any]]:
        """A checkpoint's ref, and the entry that names it."""
        text = f"checkpoint\n\nPliny-Session: {ID}\n{trailers or f'Pliny-Head: {self.commit} refs/heads/main'}"
        commit = self.commit_of(tree, text)
        self.ref(f"refs/pliny/checkpoints/{ID}/{name}", self.tag(commit, "commit", text))
        return "checkpoint", {"name": name, "commit": commit, "kind": "start", "taken_at": TS.format(0)}

    def push(self) -> None:
        self.scratch.git("push", "-q", "-f", str(self.remote), "refs/pliny/*:refs/pliny/*", "refs/notes/*:refs/notes/*")


@pytest.fixture
def evil(scratch: Scratch, tmp_path: Path) -> Evil:
    scratch.write("readme", "hello\n")
    scratch.commit()
    remote = tmp_path / "remote.git"
    scratch.git("clone", "-q", "--bare", ".", str(remote))
    return Evil(scratch, remote)


@pytest.fixture
def victim(evil: Evil, tmp_path: Path) -> Scratch:
    evil.scratch.git("clone", "-q", str(evil.remote), str(tmp_path / "victim"))
    return Scratch(root=tmp_path / "victim", environ=evil.scratch.environ)


def outside(victim: Scratch) -> dict[str, bytes]:
    """Everything that is neither ours nor an object: files, hooks, configuration, branches."""
    found = {}
    for parent, folders, names in os.walk(victim.root.parent):
        skipped = ("objects", "pliny", "pliny-remotes", "pliny-merges", "logs", "notes", "remote.git", "home")
        folders[:] = [name for name in folders if name not in skipped]
        for name in names:
            path = Path(parent, name)
            if name not in ("index", "FETCH_HEAD", "packed-refs", "PLINY_HEAD") and not path.is_symlink():
                found[str(path)] = path.read_bytes()
    return {name: text for name, text in found.items() if "/.git/config" not in name}


def endured(victim: Scratch, *more: tuple[str, ...]) -> Iterator[subprocess.CompletedProcess[str]]:
    """Fetch what the remote has, and run every command on it: none may trip, steer the terminal, or write elsewhere."""
    before = outside(victim)
    for command in (("fetch",), *READS, *more, ("fetch",)):
        done = subprocess.run(
            ["git", "pliny", *command],
            cwd=victim.root,
            env=victim.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
        text = (done.stdout + done.stderr).decode()
        assert done.returncode in (0, 1, 4), (command, done.returncode, text[-3000:])
        assert "Traceback" not in text, (command, text)
        assert not STEERING.search(text), (command, STEERING.search(text), text)
        yield subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())
    assert outside(victim) == before
    shown = victim.run("git", "fsck", "--connectivity-only", "--no-dangling")
    assert "missing" not in shown.stdout + shown.stderr, shown


def _artifacts(evil: Evil, *entries: tuple[str, str, str]) -> None:
    evil.session(evil.checkpoint(evil.tree()))
    evil.ref(f"refs/pliny/artifacts/{ID}", evil.commit_of(evil.tree(*entries)))


def climbing_paths(evil: Evil) -> None:
    hook = evil.blob("#!/bin/sh\ntouch /tmp/owned\n")
    up = evil.tree(("100755", "x", hook))
    inner = evil.tree(("40000", "..", evil.tree(("40000", ".git", evil.tree(("40000", "hooks", up))))))
    _artifacts(evil, ("100644", "../../.git/hooks/x", hook), ("40000", "..", inner), ("40000", ".git", up))


def links(evil: Evil) -> None:
    link = evil.blob("../../.git/hooks")
    place = evil.tree(("120000", "1-aaaaaaaa", link), ("160000", "2-aaaaaaaa", "1" * 40), ("40000", "3", evil.tree()))
    _artifacts(evil, ("40000", "deliverables", evil.tree(("40000", "a", place), ("120000", "b", link))))


def artifacts_of_another_kind(evil: Evil) -> None:
    evil.session(evil.checkpoint(evil.tree()))
    evil.ref(f"refs/pliny/artifacts/{ID}", evil.blob("no tree"))


def wrong_types(evil: Evil) -> None:
    kinds = [
        "session_start", "session_resume", "session_end", "session_archive", "plan_change", "round_begin", "phase_begin",
        "phase_end", "agent_start", "agent_end", "agent_block", "agent_skip", "agent_rerun", "retry", "error", "hold",
        "checkpoint", "checkpoint_delete", "rollback_begin", "rollback", "repair", "merge", "workspace_change", "budget",
        "spend", "prompt", "llm_request", "llm_response", "tool_start", "tool_end", "what", ESCAPE,
    ]  # fmt: skip
    values: list[Any] = [None, 1, -1, 1e308, "x", ESCAPE, [], [[]], {}, {"a": None}, True, 2**63, "\ud800"]
    names = (
        "name status plan agents commit set_back round reset tokens cost_usd duration_s file use task clone host user"
        " took_over error score summary verdict conflicts session framework base before provider until kind spent words"
        " delay_s attempts reason message category exit_code"
    )
    events = [(kind, dict.fromkeys(names.split(), value)) for kind in kinds for value in values]
    evil.session(evil.checkpoint(evil.tree()), *events, phase="p", agent="a", attempt=1)


def numbers_without_measure(evil: Evil) -> None:
    big = 10**18
    evil.session(
        evil.checkpoint(evil.tree()),
        ("plan_change", {"plan": "1" * 40, "agents": {"a": "p"}}),
        ("budget", {"cost_usd": 1e308, "tokens": big, "time_s": 1e308}),
        ("hold", {"provider": "p", "until": "9999-99-99T99:99:99.999999Z", "delay_s": 1e308}),
        ("round_begin", {"round": big}),
        ("agent_start", {}),
        ("agent_end", {"status": "completed", "duration_s": 1e308, "exit_code": big, "score": 1e308,
                       "spent": {"tokens": {"input": big, "output": -big}, "cost_usd": 1e9}}),
        ("error", {"duration_s": -1e308, "spent": {"tokens": {"input": 2**62, "output": 2**62}}}),
        phase="p", agent="a", attempt=2**31,
    )  # fmt: skip


def bombs(evil: Evil) -> None:
    start, many = evil.entries(("session_start", {"name": "n"})), ",".join(f'"{each}":0' for each in range(10**6))
    head = b'{"ts":"2026-01-01T00:00:01.000000Z","run":"bbbbbbbb","seq":1,"type":"x","data":'
    tail = b',"prev":"' + b"0" * 64 + b'"}\n'
    data = [
        b"[" * 10**5,
        b'{"a":' * 10**5,
        b"NaN",
        b"9" * 10**5,
        b'{"a":1,"a":2}',
        b'{"a":1e99999}',
        b"{%s}" % many.encode(),
    ]
    evil.ref(f"refs/pliny/sessions/{ID}", evil.blob(b"[" * 10**6))
    evil.note(start + b"".join(head + each + tail for each in data) + b"\0" * 1000 + b"\n{}\n")


def steering_names(evil: Evil) -> None:
    plan = {
        "name": ESCAPE,
        "phases": [{"name": "p", "agents": ["a"]}],
        "agents": {"a": {"name": "a", "run": f"echo {ESCAPE}"}},
    }
    oid = evil.blob(json.dumps(plan))
    evil.session(
        evil.checkpoint(evil.tree()),
        ("plan_change", {"plan": oid, "agents": {ESCAPE: ESCAPE, "a": "p"}, "framework": ESCAPE, "file": ESCAPE}),
        ("checkpoint", {"name": ESCAPE, "commit": "1" * 40}),
        ("agent_start", {}),
        ("agent_end", {"status": "failed", "summary": ESCAPE, "verdict": ESCAPE,
                       "error": {"category": ESCAPE, "recoverable": True, "reason": ESCAPE, "message": ESCAPE}}),
        ("phase_begin", {"clone": "1" * 16}),
        ("session_resume", {"clone": "1" * 16, "host": ESCAPE, "user": ESCAPE}),
        ("agent_start", {}),
        ("session_end", {"status": "failed", "reason": ESCAPE}),
        phase=ESCAPE, agent=ESCAPE, attempt=1,
    )  # fmt: skip
    evil.ref(f"refs/pliny/artifacts/{ID}", evil.commit_of(evil.tree(("100644", "plan.json", oid))))


def odd_tags(evil: Evil) -> None:
    commit = evil.commit_of(evil.tree())
    inner = evil.tag(commit, "commit")
    outer = inner
    for _ in range(200):
        outer = evil.tag(outer, "tag")
    tree, blob = evil.tree(), evil.blob("x")
    made = {"tag": outer, "tree": evil.tag(tree, "tree"), "blob": evil.tag(blob, "blob"), "bare": blob, "plain": commit}
    for name, oid in made.items():
        evil.ref(f"refs/pliny/checkpoints/{ID}/{name}", oid)
    events = [
        ("checkpoint", {"name": name, "commit": commit if name in ("tag", "plain") else oid})
        for name, oid in made.items()
    ]
    evil.session(evil.checkpoint(tree), *events, ("checkpoint", {"name": "nowhere", "commit": "f" * 40}))


def odd_refs(evil: Evil) -> None:
    evil.session(evil.checkpoint(evil.tree()))
    commit = evil.commit_of(evil.tree())
    for name in ("sessions/--exec=touch", "sessions/x/y", "checkpoints/x", f"checkpoints/{ID}/a/b", "artifacts/\u202eab",
                 f"checkpoints/{ID}/%2E%2E%2F%2E%2E", f"checkpoints/{ID}/-x", "what/ever", f"tombstones/{ID}/x"):  # fmt: skip
        evil.ref(f"refs/pliny/{name}", commit)
    evil.ref("refs/notes/pliny/--x", commit)


def a_forged_chain(evil: Evil) -> None:
    lines = evil.entries(("session_start", {"name": "n"}), ("agent_end", {"status": "completed"}), agent="a", attempt=1)
    forged = lines.replace(b'"seq": 2', b'"seq": 1')
    evil.ref(f"refs/pliny/sessions/{ID}", evil.blob("{}"))
    evil.note(lines + forged + forged.replace(b'"completed"', b'"failed"') + lines.replace(b"2026-", b"9999-"))


def a_cut_off_rollback_and_merge(evil: Evil) -> None:
    hostile = evil.tree(("100644", "pliny.yaml", evil.blob("agents: {a: {run: touch /tmp/owned}}")))
    kind, made = evil.checkpoint(hostile)
    end = {"status": "completed"}
    merge = {"before": evil.tree(), "after": hostile, "commit": made["commit"], "end": end}
    begun = {"name": "start", "commit": made["commit"], "before": "start"}
    plan = ("plan_change", {"plan": "1" * 40, "agents": {"a": "p"}})
    evil.session((kind, made), plan, ("merge", merge), ("rollback_begin", begun), phase="p", agent="a", attempt=1)


def a_checkpoint_over_gits_folder(evil: Evil, ref: str = "refs/heads/../../hooks/x") -> None:
    hook = evil.blob("#!/bin/sh\ntouch /tmp/owned\n")
    hooks = evil.tree(("100755", "post-checkout", hook))
    git = evil.tree(("40000", "hooks", hooks))
    link = evil.blob(".git/hooks")
    tree = evil.tree(("40000", ".GIT", git), ("40000", ".git", git), ("120000", "a", link), ("40000", "a", hooks))
    evil.session(evil.checkpoint(tree, f"Pliny-Head: {evil.commit} {ref}"))


HARM = [
    climbing_paths, links, artifacts_of_another_kind, wrong_types, numbers_without_measure, bombs, steering_names, odd_tags,
    odd_refs, a_forged_chain, a_cut_off_rollback_and_merge, a_checkpoint_over_gits_folder,
]  # fmt: skip


@pytest.mark.parametrize("harm", HARM, ids=lambda harm: harm.__name__)
def test_hostile_refs_are_endured(evil: Evil, victim: Scratch, harm: Callable[[Evil], None]) -> None:
    victim.plan("agents: {a: {run: 'true'}}")
    harm(evil)
    evil.push()
    for _ in endured(victim):
        pass


@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/heads/../../hooks/x", "detached"])
def test_a_rollback_to_a_hostile_checkpoint_never_reaches_gits_own_folder(
    evil: Evil, victim: Scratch, ref: str
) -> None:
    a_checkpoint_over_gits_folder(evil, ref)
    evil.push()
    victim.pliny("fetch")
    hooks = sorted((victim.root / ".git/hooks").iterdir())
    for options in ((), ("--keep-head",)):
        done = victim.run("git", "pliny", "rollback", "start", "--session", ID, *options)
        assert done.returncode in (1, 4), done
        assert "Traceback" not in done.stderr
    assert sorted((victim.root / ".git/hooks").iterdir()) == hooks
    assert victim.git("rev-parse", "HEAD") == evil.commit
    assert (victim.root / "readme").read_text() == "hello\n"


def folded(evil: Evil, leaf: str, names: list[str], depth: int) -> str:
    """A tree that stands for `len(names)` to the power of `depth` files."""
    tree = evil.tree(("100644", "00", evil.blob(leaf)))
    for _ in range(depth):
        tree = evil.tree(*(("40000", name, tree) for name in names))
    return tree


def test_trees_that_never_end_are_refused_or_folded(evil: Evil, victim: Scratch) -> None:
    victim.plan("agents: {a: {run: cat, prompt: '{{ deliverables.b }}', needs: [b]}, b: {run: 'true'}}")
    ten = [f"{number:02x}" for number in range(10)]
    ended = ("agent_end", {"status": "completed"})
    for leaf in ("x", "y"):
        bomb = folded(evil, leaf, ten, 30)
        attempt = evil.tree(("40000", f"1-{RUN}", bomb))
        evil.session(evil.checkpoint(evil.tree()), ended, ("prompt", {"leaf": leaf}), phase="p", agent="b", attempt=1)
        folders = evil.tree(("40000", "b", attempt))
        evil.ref(f"refs/pliny/artifacts/{ID}", evil.commit_of(evil.tree(("40000", "deliverables", folders))))
        evil.push()
        victim.pliny("fetch")
    evil.ref(f"refs/notes/pliny/{ID}", evil.commit_of(folded(evil, "{}", ten, 19)))
    evil.push()
    assert "there are more than" in victim.pliny("fetch", exits=1).stderr
    assert victim.pliny("audit", "verify", ID, exits=1).stdout


def test_folders_in_folders_without_end_are_refused(evil: Evil, victim: Scratch) -> None:
    for leaf in ("x", "y"):
        evil.session(evil.checkpoint(evil.tree()), ("prompt", {"leaf": leaf}))
        evil.ref(f"refs/pliny/artifacts/{ID}", evil.commit_of(folded(evil, leaf, ["a"], 1500)))
        evil.push()
        told = victim.pliny("fetch", exits=0 if leaf == "x" else 1).stderr
    assert "refused session 11111111: there are artifacts below more than 100 folders" in told


def test_a_note_of_300_mib_is_refused(evil: Evil, victim: Scratch) -> None:
    evil.session(evil.checkpoint(evil.tree()))
    evil.note(b"\n" * (300 << 20))
    evil.push()
    assert "larger than 256 MiB" in victim.pliny("fetch", exits=1).stderr
    assert "there is no session" in victim.pliny("session", "show", ID, exits=1).stderr


def test_what_a_remote_says_does_not_steer_the_terminal(evil: Evil, victim: Scratch) -> None:
    victim.plan("agents: {a: {run: 'true'}}")
    victim.pliny("execute")
    hook = evil.remote / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\nprintf '\\033]0;owned\\007\\033[2J\\302\\233now\\n' >&2\nexit 1\n")
    hook.chmod(0o755)
    refused = victim.pliny("push", exits=1)
    assert "owned" in refused.stderr
    assert not STEERING.search(refused.stderr)


AGENT = {"name": "a", "run": "true"}
PLANS: dict[str, dict[str, Any]] = {
    "unknown": {"phases": [{"name": "p", "agents": ["b"]}], "agents": {"a": AGENT}},
    "twice": {"phases": [{"name": "p", "agents": ["a", "a"]}], "agents": {"a": AGENT}},
    "unplaced": {"phases": [{"name": "p", "agents": ["a"]}], "agents": {"a": AGENT, "b": {**AGENT, "name": "b"}}},
    "empty": {"phases": [], "agents": {}},
    "circle": {"phases": [{"name": "p", "agents": ["a"]}], "agents": {"a": {**AGENT, "needs": ["a"]}}},
    "stranger": {"phases": [{"name": "p", "agents": ["a"]}], "agents": {"a": {**AGENT, "needs": ["x"]}}},
    "other name": {"phases": [{"name": "p", "agents": ["a"]}], "agents": {"a": {**AGENT, "name": "b"}}},
    "name": {"phases": [{"name": ESCAPE, "agents": ["a"]}], "agents": {"a": AGENT}},
    "path": {"phases": [{"name": "p", "agents": ["a"]}], "agents": {"a": {**AGENT, "deliverables": ["../../x"]}}},
    "file": {
        "phases": [{"name": "p", "agents": ["a"]}],
        "agents": {"a": {**AGENT, "use": {"preset": "x", "files": {"../../x": ""}}}},
    },
    "variable": {"phases": [{"name": "p", "agents": ["a"]}], "agents": {"a": {**AGENT, "env": {"A=B": "c"}}}},
    "timeout": {"phases": [{"name": "p", "agents": ["a"]}], "agents": {"a": {**AGENT, "timeout_s": 1e300}}},
    "masked": {"phases": [{"name": "p", "agents": ["a"]}], "agents": {"a": {**AGENT, "run": "x [masked:token]"}}},
    "template": {
        "phases": [{"name": "p", "agents": ["a"]}],
        "agents": {"a": {**AGENT, "template": True, "prompt": "{{ x."}},
    },
    "provider": {
        "phases": [{"name": "p", "agents": ["a"]}],
        "agents": {"a": {"name": "a", "run": [], "model": {"provider": "x", "name": "y"}}},
    },
    "nothing": {"phases": [{"name": "p", "agents": ["a"]}], "agents": {"a": {"name": "a", "run": " "}}},
    "rounds": {"phases": [{"name": "p", "agents": ["a"]}], "agents": {"a": AGENT}, "rounds": {"verdict": "q"}},
    "types": {"phases": 7, "agents": []},
}


@pytest.mark.parametrize("name", PLANS)
def test_a_stored_plan_that_no_file_could_give_is_refused_even_when_approved(
    evil: Evil, victim: Scratch, name: str
) -> None:
    oid = evil.blob(json.dumps({"name": "n", **PLANS[name]}))
    evil.session(evil.checkpoint(evil.tree()), ("plan_change", {"plan": oid, "agents": {"a": "p"}}))
    evil.ref(f"refs/pliny/artifacts/{ID}", evil.commit_of(evil.tree(("100644", "plan.json", oid))))
    evil.push()
    victim.pliny("fetch")
    refused = victim.pliny("execute", "--session", ID, exits=1)
    assert "error: the plan that is stored with the session" in refused.stderr
    assert not STEERING.search(refused.stderr)
