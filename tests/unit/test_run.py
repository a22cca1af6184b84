import json
import threading
from collections.abc import Callable

import pytest
from scratch import Scratch
from stores import ended, lone_run, new_session, plan_of, resumed, started

from git_pliny.errors import BusyError, GitError, NotFoundError, PlinyError
from git_pliny.git.refs import RefUpdate, update_refs
from git_pliny.model.events import Event, EventType
from git_pliny.model.fold import fold
from git_pliny.model.session import encode_session
from git_pliny.store import sessions
from git_pliny.store.checkpoints import CheckpointKind, Occasion, read_checkpoint
from git_pliny.store.sessions import read_noted

MANUAL = Occasion(name="mine", exact=True)


def assert_refs_equal_the_trail(scratch: Scratch, session: str) -> None:
    """The session ref is the fold of the notes, byte for byte."""
    noted = read_noted(scratch.repository, session)
    expected = encode_session(fold(session, noted.lines).session()).decode().strip()
    assert scratch.git("cat-file", "blob", f"refs/pliny/sessions/{session}") == expected


def test_a_new_session_reads_in_plain_git(scratch: Scratch) -> None:
    with new_session(scratch, "Tidy the parser") as run:
        pass
    assert scratch.session()["name"] == "Tidy the parser"
    assert scratch.session()["id"] == run.session
    log = scratch.git("log", "--notes=pliny/*", f"refs/pliny/checkpoints/{run.session}/start")
    assert '"type":"session_start"' in log
    assert scratch.git("fsck", "--no-dangling") == ""
    assert_refs_equal_the_trail(scratch, run.session)


def test_entries_move_to_the_notes_and_leave_the_journal(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("a"), started("a"), ended("a"))
        assert len(read_noted(scratch.repository, run.session).lines) == 2
        assert len(sessions.load_lines(scratch.repository, run.session)) == 5
    assert len(read_noted(scratch.repository, run.session).lines) == 5
    assert not (scratch.repository.local / "journal" / run.session).exists()
    assert_refs_equal_the_trail(scratch, run.session)


def test_a_run_that_dies_leaves_its_entries_to_every_reader(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("a"), started("a"))
        run._journal._lock.release()
        assert sessions.load(scratch.repository, run.session).agents["a"].attempts == 1
        assert sessions.load_all(scratch.repository)[0].agents["a"].attempts == 1


def test_a_session_without_a_repository_commit_starts_from_nothing(make_scratch: Callable[..., Scratch]) -> None:
    scratch = make_scratch(commit=False)
    scratch.write("file", "text")
    with new_session(scratch) as run:
        pass
    assert scratch.session()["base"] is None
    assert scratch.git("log", "--format=%P", f"refs/pliny/checkpoints/{run.session}/start") == ""
    assert scratch.git("show", f"refs/pliny/checkpoints/{run.session}/start:file") == "text"


def test_checkpoints_form_a_line_with_head_and_the_index_as_further_parents(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        scratch.write("staged", "1")
        scratch.git("add", "staged")
        one, _, _ = run.checkpoint(MANUAL)
        scratch.commit("second")
        two, _, _ = run.checkpoint(Occasion(name="two", kind=CheckpointKind.PHASE, phase="p"))
    start = scratch.session()["checkpoints"]["start"]
    parents = scratch.git("log", "-1", "--format=%P", one.commit).split()
    assert parents[0] == start
    assert scratch.git("log", "-1", "--format=%s", parents[1]) == "index on main"
    assert scratch.git("log", "-1", "--format=%P", two.commit).split() == [one.commit, scratch.git("rev-parse", "HEAD")]
    stored = read_checkpoint(lone_run(scratch, run.session).reader, one.commit)
    assert stored.index_tree is not None
    assert stored.head.ref == "refs/heads/main"


def test_the_trailers_of_a_checkpoint_say_where_it_belongs(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        run.checkpoint(Occasion(name="error-a\nPliny-Head: forged", phase="p", agent="a", attempt=2))
    ref = [line for line in scratch.git("for-each-ref", "refs/pliny/checkpoints").splitlines() if "error-a" in line]
    tag = scratch.git("cat-file", "-p", ref[0].split()[0])
    head = scratch.git("rev-parse", "HEAD")
    for trailer in ("Phase: p", "Agent: a", "Attempt: 2", f"Head: {head} refs/heads/main", f"Session: {run.session}"):
        assert tag.count(f"\nPliny-{trailer}\n") == 1
    assert f"\nPliny-Audit: {run.id}:" in tag
    assert "\nPliny-Head: forged" not in tag


def test_a_taken_name_is_an_error_for_a_user_and_a_number_for_an_automatic_one(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        run.checkpoint(MANUAL)
        with pytest.raises(PlinyError, match="has a checkpoint 'mine' already"):
            run.checkpoint(MANUAL)
        with pytest.raises(PlinyError, match="already"):
            run.checkpoint(Occasion(name="MINE", exact=True))
        assert run.checkpoint(Occasion(name="mine"))[0].name == "mine.2"
        assert run.checkpoint(Occasion(name="mine"))[0].name == "mine.3"


def test_a_deleted_checkpoint_leaves_no_ref_and_frees_its_name(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        run.checkpoint(MANUAL)
        run.delete_checkpoint("mine")
        assert "mine" not in scratch.git("for-each-ref", "refs/pliny")
        run.checkpoint(MANUAL)
    assert list(scratch.session()["checkpoints"]) == ["start", "mine"]
    with pytest.raises(NotFoundError):
        lone_run(scratch, run.session).delete_checkpoint("other")


def test_a_second_process_is_refused_with_who_holds_the_session(scratch: Scratch) -> None:
    with (
        new_session(scratch) as run,
        pytest.raises(BusyError, match=r"held by process \d+"),
        resumed(scratch, run.session),
    ):
        pass


def test_a_run_without_the_lock_adds_entries_beside_the_holder(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("a"), started("a"))
        with lone_run(scratch, run.session) as inner:
            inner.checkpoint(MANUAL)
        run.append(ended("a"))
    session = scratch.session()
    assert list(session["checkpoints"]) == ["start", "mine"]
    assert session["completed_agents"] == ["a"]
    assert len(session["audit"]["heads"]) == 2
    assert_refs_equal_the_trail(scratch, run.session)


def test_many_runs_at_once_lose_no_entry(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        pass

    def work(number: int) -> None:
        with lone_run(scratch, run.session) as own:
            for attempt in range(1, 4):
                own.append(started(f"agent-{number}", attempt))
                own.checkpoint(Occasion(name=f"c-{number}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    session = scratch.session()
    assert session["audit"]["entries"] == 2 + 6 * 3 * 2
    assert len(session["checkpoints"]) == 1 + 6 * 3
    assert_refs_equal_the_trail(scratch, run.session)
    scratch.git("fsck", "--strict")


def test_a_foreign_note_on_a_checkpoint_is_kept_out_of_the_trail(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        start = run.state.checkpoints["start"].commit
        scratch.git("notes", f"--ref=pliny/{run.session}", "append", "-m", "a word of mine", start)
        run.append(started("a"))
    assert [line.entry.type for line in read_noted(scratch.repository, run.session).lines][-1] == "agent_start"
    assert_refs_equal_the_trail(scratch, run.session)


def test_a_session_is_found_by_prefix_name_and_as_the_current_one(scratch: Scratch) -> None:
    with new_session(scratch, "one") as one:
        pass
    with new_session(scratch, "two") as two:
        pass
    repository = scratch.repository
    assert sessions.resolve(repository, one.session[:10]) == one.session
    assert sessions.resolve(repository, "one") == one.session
    assert sessions.resolve(repository, None) == two.session
    with pytest.raises(NotFoundError, match="no session 'zzz'"):
        sessions.resolve(repository, "zzz")


def test_without_any_session_there_is_no_current_one(scratch: Scratch) -> None:
    with pytest.raises(NotFoundError, match="no current session"):
        sessions.resolve(scratch.repository, None)


def test_hostile_refs_under_sessions_are_passed_over(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        pass
    blob = scratch.run("git", "hash-object", "-w", "--stdin", stdin='{"id": 5}').stdout.strip()
    for name in ("evil", "11111111-2222-3333-4444-555555555555"):
        update_refs(scratch.repository, [RefUpdate(f"refs/pliny/sessions/{name}", blob, None)])
    assert [session.id for session in sessions.load_all(scratch.repository)] == [run.session]


def test_a_plan_that_is_kept_can_be_read_with_plain_git(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        oid = run.keep_plan(b'{"name": "plan"}\n')
        run.append(Event(type=EventType.PLAN_CHANGE, data={"plan": oid, "agents": {}}))
    shown = scratch.git("show", f"refs/pliny/artifacts/{run.session}:plan.json")
    assert json.loads(shown) == {"name": "plan"}
    assert scratch.session()["plan"] == oid


def test_a_session_that_cannot_be_begun_leaves_nothing_behind(
    scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise GitError("cannot read secret.txt: permission denied")

    monkeypatch.setattr("git_pliny.store.run.capture", refuse)
    with pytest.raises(GitError, match=r"secret\.txt"), new_session(scratch):
        pass
    assert sessions.session_ids(scratch.repository) == []
    assert scratch.git("for-each-ref", "refs/pliny") == ""


def test_notes_whose_ref_is_deleted_while_a_run_goes_on_come_back_with_it(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("a"), started("a"))
        run.flush()
        scratch.git("update-ref", "-d", f"refs/notes/pliny/{run.session}")
        run.append(ended("a"))
    noted = [line.entry.type for line in read_noted(scratch.repository, run.session).lines]
    assert noted == ["session_start", "checkpoint", "plan_change", "agent_start", "agent_end", "repair"]
    assert_refs_equal_the_trail(scratch, run.session)


def test_a_session_ref_that_is_deleted_while_a_run_goes_on_comes_back_with_it(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        scratch.git("update-ref", "-d", f"refs/pliny/sessions/{run.session}")
        run.append(plan_of("a"))
    assert_refs_equal_the_trail(scratch, run.session)
