"""Random edits by isolated agents come to what `git merge` makes of the same edits as branches, in the same order."""

from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from places import Make
from scratch import Scratch
from told import Entry, entries

AGENTS = ("one", "two", "three")
TEXT = "".join(f"line {number}\n" for number in range(1, 10))
PLAN = """
execution: {parallel: true, jobs: 3, isolation: worktree}
agents:
  one: {run: sh "$EDITS/one"}
  two: {run: sh "$EDITS/two"}
  three: {run: sh "$EDITS/three"}
"""
TOGETHER = 'touch "$EDITS/$PLINY_AGENT.began"\nwhile [ "$(ls "$EDITS" | grep -c began)" != 3 ]; do sleep 0.01; done\n'
"""Else one that starts late stands on what another has made."""

PATHS = st.sampled_from(["a", "b", "dir/a", "dir/b", "dir", "new"])
WORDS = st.sampled_from(["x", "y"])


def edit(path: str, line: int, word: str) -> str:
    return f"test -f {path} && sed '{line}s/$/ {word}/' {path} > .edited && cat .edited > {path}; rm -f .edited"


def write(path: str, word: str) -> str:
    return f"rm -rf {path}; mkdir -p {Path(path).parent}; echo {word} > {path}"


def rename(path: str, to: str) -> str:
    return f"mkdir -p {Path(to).parent}; mv {path} {to}"


EDITS = st.lists(
    st.one_of(
        st.builds(edit, PATHS, st.integers(1, 9), WORDS),
        st.builds(edit, PATHS, st.integers(1, 9), WORDS),
        st.builds(write, PATHS, WORDS),
        st.builds(rename, PATHS, PATHS),
        PATHS.map(lambda path: f"rm -rf {path}"),
        PATHS.map(lambda path: f"chmod +x {path}"),
        PATHS.map(lambda path: f"ln -sfn a {path}"),
    ),
    max_size=4,
).map("\n".join)

NUMBERS = count()


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=st.tuples(EDITS, EDITS, EDITS))
def test_what_agents_make_is_what_git_merge_makes_of_it(make_scratch: Make, edits: tuple[str, str, str]) -> None:
    scratch = make_scratch(f"repo-{next(NUMBERS)}")
    for path in ("a", "b", "dir/a", "dir/b"):
        scratch.write(path, TEXT.replace("line", path))
    scratch.plan(PLAN)
    scratch.commit()
    folder = scratch.root.with_name(f"{scratch.root.name}-edits")
    folder.mkdir()
    for name, text in zip(AGENTS, edits, strict=True):
        (folder / name).write_text(f"{TOGETHER}{{\n:\n{text}\n}} 2>/dev/null || :\n")
    done = scratch.run("git", "pliny", "execute", "--json", env={"EDITS": str(folder)})
    assert done.returncode in (0, 3), done.stderr
    told = [entry for entry in entries(done) if entry["type"] == "agent_end"]
    expected = as_branches(scratch, dict(zip(AGENTS, edits, strict=True)), [entry["agent"] for entry in told])
    assert {entry["agent"]: conflicted(entry) for entry in told} == expected.conflicts
    scratch.git("add", "-A")
    assert scratch.git("write-tree") == expected.tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What git makes of the edits; the paths that conflict, by agent."""

    tree: str
    conflicts: dict[str, set[str]]


def as_branches(scratch: Scratch, edits: dict[str, str], order: list[str]) -> Expected:
    """Merge the edits of each agent as a branch; one that conflicts is left out."""
    root = scratch.root.with_name(f"{scratch.root.name}-branches")
    scratch.git("clone", "-q", str(scratch.root), str(root))
    clone = replace(scratch, root=root)
    for name, text in edits.items():
        clone.git("checkout", "-q", "-b", name, "origin/main")
        clone.run("sh", "-c", text)
        clone.commit(name)
    clone.git("checkout", "-q", "main")
    conflicts = {name: merge(clone, name) for name in order}
    return Expected(tree=clone.git("rev-parse", "HEAD^{tree}"), conflicts=conflicts)


def merge(clone: Scratch, branch: str) -> set[str]:
    """Merge a branch, or find the paths that conflict."""
    done = clone.run("git", "merge", "--no-edit", "-q", branch)
    listed = clone.git("ls-files", "--unmerged", "-z").split("\0")
    unmerged = {side_removed(record.partition("\t")[2]) for record in listed if record}
    # Git may report a conflict, and call the merge clean (seen in 2.39).
    assert done.returncode == (1 if unmerged else 0) or "CONFLICT" in done.stdout, (done.stdout, done.stderr)
    clone.git("reset", "-q", "--hard", "ORIG_HEAD" if "CONFLICT" in done.stdout and not unmerged else "HEAD")
    return unmerged


def conflicted(end: Entry) -> set[str]:
    return {side_removed(path) for path, _ in end["data"].get("conflicts", [])}


def side_removed(path: str) -> str:
    """Git names what stands where the other side has a folder after the side: `file~branch`."""
    return path.partition("~")[0]
