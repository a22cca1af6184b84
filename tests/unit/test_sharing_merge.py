"""What clones know of one session merges to the same bytes, whoever merges what first, and nothing is lost."""

from collections.abc import Iterable, Mapping
from itertools import permutations
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scratch import Scratch

from git_pliny.git.notes import read_notes
from git_pliny.git.objects import MODE_FILE, ObjectReader
from git_pliny.git.writer import ObjectWriter, TreeNode, write_notes
from git_pliny.model.events import Chain, Event, EventType, Line, parse_lines, union
from git_pliny.model.fold import fold
from git_pliny.model.names import encode
from git_pliny.model.session import AuditHead, encode_session
from git_pliny.sharing.layout import Refs, TagRef
from git_pliny.sharing.merge import Merger
from git_pliny.store import tombstones

SESSION = "6b3940bc-5e98-4ed9-bdae-2b4fdb6da5b2"
IDENT = "A <a@b> 1700000000 +0000"
START = 1_700_000_000_000_000

names = st.sampled_from(["start", "start", "one", "One", "two", "one.2"])
steps = st.lists(
    st.tuples(
        st.sampled_from(["agent", "fail", "checkpoint", "checkpoint", "delete", "plan"]), names, st.integers(0, 9)
    ),
    max_size=8,
)
clones = st.lists(steps, min_size=3, max_size=3)


class Clone(NamedTuple):
    """What one clone knows: its refs, its entries, and the paths of its artifacts."""

    refs: Refs
    lines: list[Line]
    paths: set[bytes]


class Workshop:
    """Makes clones and merges them, all in one repository."""

    def __init__(self, scratch: Scratch) -> None:
        self.repository = scratch.repository
        self.reader = ObjectReader(self.repository)
        self.writer = ObjectWriter(self.repository)
        empty = self.writer.tree({})
        self.commits = [
            self.writer.commit(tree=empty, parents=[], author=IDENT, message=f"{number}\n") for number in range(120)
        ]
        self.tags = {
            commit: self.writer.tag(target=commit, name=f"t/{number}", tagger=IDENT, message="t\n")
            for number, commit in enumerate(self.commits)
        }
        self.writer.write()
        self._free = iter(())

    def world(self, chosen: list[list[tuple[str, str, int]]]) -> list[Clone]:
        """A clone for each list of steps, all of them from one that had begun the session."""
        commits = iter(self.commits)
        base = self._steps("00000000", [("checkpoint", "start", 0), ("agent", "one", 0)], commits, ())
        return [
            self._clone(union(base, self._steps(f"{number:08x}", each, commits, base)))
            for number, each in enumerate(chosen, start=1)
        ]

    def _steps(
        self, run: str, each: Iterable[tuple[str, str, int]], commits: Iterable[str], known: Iterable[Line]
    ) -> list[Line]:
        chain = Chain(session=SESSION, run=run, after=START)
        lines = [*known]
        for kind, name, late in each:
            state = fold(SESSION, union(lines))
            event = self._event(kind, name, state.checkpoints, commits)
            if event is not None:
                lines.append(chain.link(event, START + 1000 * late))
        return lines

    def _event(self, kind: str, name: str, known: Mapping[str, object], commits: Iterable[str]) -> Event | None:
        if kind == "plan":
            plan = self.writer.blob(b"a plan of %s" % name.encode())
            return Event(type=EventType.PLAN_CHANGE, data={"plan": plan, "agents": {name: "p"}})
        if kind == "checkpoint":
            return Event(type=EventType.CHECKPOINT, data={"name": name, "commit": next(iter(commits))})
        if kind == "delete":
            found = known.get(name)
            commit = getattr(found, "commit", None)
            return commit and Event(type=EventType.CHECKPOINT_DELETE, data={"name": name, "commit": commit})
        status = "completed" if kind == "agent" else "failed"
        return Event(type=EventType.AGENT_END, phase="p", agent=name, attempt=1, data={"status": status})

    def _clone(self, lines: list[Line]) -> Clone:
        state = fold(SESSION, lines)
        notes: dict[str, list[Line]] = {}
        root = TreeNode()
        paths = set()
        target = self.commits[0]
        for line in lines:
            notes.setdefault(target, []).append(line)
            target = str(line.entry.data.get("commit", target))
            if line.entry.type == EventType.AGENT_END:
                name = f"{line.entry.seq}-{line.entry.run}.log".encode()
                root.folder(b"outputs", {}).put(name, self.writer.blob(line.raw))
                paths.add(b"outputs/" + name)
            if line.entry.type == EventType.PLAN_CHANGE:
                root.put(b"plan.json", str(line.entry.data["plan"]))
        texts = {commit: self.writer.blob(b"".join(each.raw + b"\n" for each in own)) for commit, own in notes.items()}
        refs = Refs(
            blob=self.writer.blob(encode_session(state.session())),
            notes=self._commit(write_notes(self.writer, texts)),
            artifacts=self._commit(root.write(self.writer)),
            checkpoints={
                encode(name): TagRef(self.tags[known.commit], known.commit) for name, known in state.checkpoints.items()
            },
        )
        self.writer.write()
        return Clone(refs, lines, paths)

    def _commit(self, tree: str) -> str:
        return self.writer.commit(tree=tree, parents=[], author=IDENT, message="m\n")

    def merged(self, *each: Refs) -> Refs:
        """One after another into the first."""
        first, *rest = each
        for other in rest:
            first = Merger(self.reader, self.writer).merge(SESSION, first, other).refs
            self.writer.write()
        return first

    def held(self, refs: Refs) -> tuple[object, ...]:
        """All that is the same in clones that know the same."""
        assert refs.notes and refs.artifacts  # noqa: PT018 - every clone here has both
        trees = [self.reader.resolve(f"{tip}^{{tree}}") for tip in (refs.notes, refs.artifacts)]
        return (refs.blob, *trees, sorted((name, tag.commit) for name, tag in refs.checkpoints.items()))

    def lines(self, refs: Refs) -> list[Line]:
        notes = read_notes(self.reader, refs.notes or "", width=40)
        return union(*(parse_lines(self.reader.blob(oid) or b"") for oid in notes.values()))


@pytest.fixture
def workshop(scratch: Scratch) -> Workshop:
    return Workshop(scratch)


often = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@often
@given(chosen=clones)
def test_in_whatever_order_clones_merge_they_hold_the_same(
    workshop: Workshop, chosen: list[list[tuple[str, str, int]]]
) -> None:
    world = [clone.refs for clone in workshop.world(chosen)]
    found = {workshop.held(workshop.merged(*order)).__repr__() for order in permutations(world)}
    one, two, three = world
    found.add(workshop.held(workshop.merged(one, workshop.merged(two, three))).__repr__())
    found.add(workshop.held(workshop.merged(workshop.merged(two, one), workshop.merged(three, one))).__repr__())
    assert len(found) == 1


@often
@given(chosen=clones)
def test_merging_again_changes_nothing(workshop: Workshop, chosen: list[list[tuple[str, str, int]]]) -> None:
    one, two, _ = (clone.refs for clone in workshop.world(chosen))
    both = workshop.merged(one, two)
    assert workshop.merged(both, both) == both
    assert workshop.merged(both, two) == both
    assert workshop.held(workshop.merged(two, both)) == workshop.held(both)


@often
@given(chosen=clones)
def test_no_entry_no_artifact_and_no_checkpoint_is_lost(
    workshop: Workshop, chosen: list[list[tuple[str, str, int]]]
) -> None:
    world = workshop.world(chosen)
    merged = workshop.merged(*(clone.refs for clone in world))
    lines = union(*(clone.lines for clone in world))
    assert workshop.lines(merged) == lines
    folder = workshop.reader.tree(workshop.reader.tree(merged.artifacts or "")[b"outputs"].oid)
    assert {b"outputs/" + name for name in folder} == set().union(*(clone.paths for clone in world))
    deleted = {str(each.entry.data["commit"]) for each in lines if each.entry.type == EventType.CHECKPOINT_DELETE}
    made = {str(each.entry.data["commit"]) for each in lines if each.entry.type == EventType.CHECKPOINT}
    assert {tag.commit for tag in merged.checkpoints.values()} == made - deleted
    assert len({name.lower() for name in merged.checkpoints}) == len(merged.checkpoints)


@often
@given(chosen=clones)
def test_clones_that_both_took_in_the_other_come_to_the_same_commits(
    workshop: Workshop, chosen: list[list[tuple[str, str, int]]]
) -> None:
    one, two, _ = (clone.refs for clone in workshop.world(chosen))
    assert workshop.merged(one, two) == workshop.merged(two, one)


def stone(workshop: Workshop, lines: Iterable[Line], at: str = "2026-01-01T00:00:00.000000Z") -> Refs:
    heads: AuditHead = fold(SESSION, lines).session().audit
    made = workshop.writer.blob(tombstones.written(SESSION, heads.heads, at))
    workshop.writer.write()
    return Refs(tombstone=made)


@often
@given(chosen=clones)
def test_a_deleted_session_does_not_come_back_from_a_clone_that_knows_no_more(
    workshop: Workshop, chosen: list[list[tuple[str, str, int]]]
) -> None:
    one, two, _ = workshop.world(chosen)
    everything = union(one.lines, two.lines)
    buried = stone(workshop, everything)
    for clone in (one, two):
        assert workshop.merged(clone.refs, buried) == buried
        assert workshop.merged(buried, clone.refs) == buried


def test_a_deleted_session_with_entries_that_were_not_known_is_kept(workshop: Workshop) -> None:
    one, two, _ = workshop.world([[("agent", "one", 1)], [("agent", "two", 2)], []])
    merged = Merger(workshop.reader, workshop.writer).merge(SESSION, two.refs, stone(workshop, one.lines))
    assert merged.revived
    assert workshop.held(merged.refs) == workshop.held(two.refs)


def test_two_tombstones_become_one_that_says_what_both_say(workshop: Workshop) -> None:
    one, two, _ = workshop.world([[("agent", "one", 1)], [("agent", "two", 2)], []])
    first, second = stone(workshop, one.lines), stone(workshop, two.lines, "2026-02-01T00:00:00.000000Z")
    both = workshop.merged(first, second)
    assert both == workshop.merged(second, first)
    raw = workshop.reader.blob(both.tombstone or "") or b""
    assert tombstones.covers(raw, union(one.lines, two.lines))
    assert tombstones.deleted_at(raw) == "2026-02-01T00:00:00.000000Z"


def test_a_tombstone_that_guesses_what_was_written_deletes_nothing(workshop: Workshop) -> None:
    one, *_ = workshop.world([[("agent", "one", 1)], [], []])
    heads = {line.entry.run: f"{line.entry.seq}:{'0' * 64}" for line in one.lines}
    guess = workshop.writer.blob(tombstones.written(SESSION, heads, "2026-01-01T00:00:00.000000Z"))
    workshop.writer.write()
    assert workshop.merged(one.refs, Refs(tombstone=guess)).notes == one.refs.notes


def test_notes_in_another_layout_are_written_as_ours_are(workshop: Workshop) -> None:
    one, two, _ = workshop.world([[("agent", "one", 1)], [("agent", "two", 2)], []])
    root = TreeNode()
    for commit, oid in read_notes(workshop.reader, two.refs.notes or "", width=40).items():
        root.put(commit.encode(), oid, MODE_FILE)
    flat = workshop._commit(root.write(workshop.writer))
    workshop.writer.write()
    other = Refs(blob=two.refs.blob, notes=flat, artifacts=two.refs.artifacts, checkpoints=two.refs.checkpoints)
    assert workshop.held(workshop.merged(one.refs, other)) == workshop.held(workshop.merged(one.refs, two.refs))
    assert workshop.held(workshop.merged(Refs(), other)) == workshop.held(two.refs)
