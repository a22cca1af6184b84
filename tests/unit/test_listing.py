"""The quick list of sessions says what the sessions say, whatever its file holds."""

import threading

import pytest
from scratch import Scratch
from stores import ended, lone_run, new_session, plan_of, started
from tampering import HOSTILE, put_session, whole_session

from git_pliny.model.events import Event, EventType
from git_pliny.model.session import Session, SessionStatus
from git_pliny.store import sessions
from git_pliny.store.listing import Listed, list_sessions


def listed(scratch: Scratch) -> list[Listed]:
    return list_sessions(scratch.repository)


def facts(session: Session) -> tuple[object, ...]:
    done = sum(record.status.done for record in session.agents.values())
    return session.id, session.name, session.status, session.last_activity, done, len(session.agents)


def agrees(scratch: Scratch) -> bool:
    """Whether the list says what `load_all` says, with its file and without it."""
    expected = [facts(session) for session in sessions.load_all(scratch.repository)]
    first, second = listed(scratch), listed(scratch)
    shown = [(it.id, it.name, it.status, it.last_activity, it.done, it.agents) for it in first]
    return first == second and shown == expected


def test_there_is_nothing_to_list_before_the_first_session(scratch: Scratch) -> None:
    assert listed(scratch) == []


def test_a_session_is_listed_with_its_progress(scratch: Scratch) -> None:
    session = whole_session(scratch)
    [found] = listed(scratch)
    assert (found.id, found.name, found.status) == (session, "Tidy the parser", SessionStatus.IN_PROGRESS)
    assert (found.done, found.agents, found.ran) == (1, 2, True)


def test_sessions_are_listed_oldest_first(scratch: Scratch) -> None:
    made = [whole_session(scratch) for _ in range(3)]
    assert [found.id for found in listed(scratch)] == made
    assert agrees(scratch)


def test_a_session_that_went_on_is_listed_as_it_is_now(scratch: Scratch) -> None:
    session = whole_session(scratch)
    assert listed(scratch)[0].done == 1
    with lone_run(scratch, session) as run:
        run.append(started("b", 2), ended("b", 2))
    assert listed(scratch)[0].done == 2
    assert agrees(scratch)


def test_what_is_only_in_a_journal_counts(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("a"), started("a"), ended("a"))
        assert listed(scratch)[0].done == 1


def test_packed_refs_are_listed(scratch: Scratch) -> None:
    whole_session(scratch)
    scratch.git("pack-refs", "--all")
    assert agrees(scratch)


def test_a_deleted_session_is_forgotten(scratch: Scratch) -> None:
    one, two = whole_session(scratch), whole_session(scratch)
    assert len(listed(scratch)) == 2
    for prefix in (sessions.SESSIONS, sessions.NOTES):
        scratch.git("update-ref", "-d", prefix + one)
    assert [found.id for found in listed(scratch)] == [two]


@pytest.mark.parametrize("content", [*HOSTILE, b'{"version":2,"facts":{}}', b'{"version":1,"facts":{"x":1}}'])
def test_a_list_file_of_any_other_content_is_not_read(scratch: Scratch, content: bytes) -> None:
    whole_session(scratch)
    (scratch.repository.local / "cache").mkdir()
    (scratch.repository.local / "cache" / "sessions.json").write_bytes(content)
    assert agrees(scratch)


def test_a_list_file_that_cannot_be_written_only_makes_it_slower(scratch: Scratch) -> None:
    whole_session(scratch)
    (scratch.repository.local / "cache").write_text("a file where a folder should be")
    assert agrees(scratch)


def test_a_session_ref_of_any_other_content_is_folded_from_its_trail(scratch: Scratch) -> None:
    session = whole_session(scratch)
    for content in HOSTILE:
        put_session(scratch, session, content)
        assert [found.name for found in listed(scratch)] == ["Tidy the parser"]
        assert agrees(scratch)


def test_a_session_object_under_another_ones_name_is_not_believed(scratch: Scratch) -> None:
    one, two = whole_session(scratch), whole_session(scratch)
    scratch.git("update-ref", sessions.SESSIONS + one, sessions.SESSIONS + two)
    assert sorted(found.id for found in listed(scratch)) == sorted([one, two])
    assert agrees(scratch)


def test_a_session_ref_that_names_no_blob_is_folded_from_its_trail(scratch: Scratch) -> None:
    session = whole_session(scratch)
    scratch.git("update-ref", sessions.SESSIONS + session, "HEAD")
    assert [found.name for found in listed(scratch)] == ["Tidy the parser"]
    assert agrees(scratch)


def test_a_session_whose_object_is_missing_is_folded_from_its_trail(scratch: Scratch) -> None:
    session = whole_session(scratch)
    oid = scratch.git("rev-parse", sessions.SESSIONS + session)
    (scratch.root / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    assert [found.name for found in listed(scratch)] == ["Tidy the parser"]
    assert agrees(scratch)


def test_refs_that_are_none_of_ours_are_passed_over(scratch: Scratch) -> None:
    scratch.git("update-ref", "refs/pliny/sessions/not-an-id", "HEAD")
    assert listed(scratch) == []
    assert agrees(scratch)


def test_only_a_session_that_ran_and_that_nobody_works_on_is_interrupted(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        assert not listed(scratch)[0].interrupted
        run.append(plan_of("a"), started("a"))
        assert not listed(scratch)[0].interrupted
    assert listed(scratch)[0].interrupted


def test_a_session_that_ended_just_after_it_was_read_is_not_interrupted(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("a"), started("a"))
        read = listed(scratch)[0]
        run.append(ended("a"), Event(type=EventType.SESSION_END, data={"status": "completed"}))
    assert read.status is SessionStatus.IN_PROGRESS
    assert not read.interrupted


def test_a_session_that_ends_while_the_list_is_read_is_not_interrupted(scratch: Scratch) -> None:
    told = []
    for number in range(6):
        with new_session(scratch, str(number)) as run:
            run.append(plan_of("a"), started("a"))
            thread = threading.Thread(target=lambda: told.extend(listed(scratch)))
            thread.start()
            run.append(ended("a"), Event(type=EventType.SESSION_END, data={"status": "completed"}))
        thread.join()
    assert [found.name for found in told if found.interrupted] == []


def test_a_session_that_was_killed_is_interrupted(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        session = run.session
    lone = lone_run(scratch, session)
    lone.append(plan_of("a"), started("a"))
    lone.close(flush=False)
    assert listed(scratch)[0].interrupted
