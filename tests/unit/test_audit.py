"""A session verifies where its trail is whole, and every way to break it is found and told from what a kill leaves."""

import threading
from collections.abc import Callable
from itertools import count

import msgspec
import pytest
from scratch import Scratch
from stores import clock, ended, lone_run, new_session, plan_of, resumed, started
from tampering import (
    HOSTILE,
    drop,
    edit_notes,
    half_deleted_session,
    lose,
    put_blob,
    put_session,
    replace,
    spoil,
    whole_session,
)

from git_pliny.git.refs import RefUpdate, update_refs
from git_pliny.model.events import Chain, Event, EventType
from git_pliny.store import sessions
from git_pliny.store.audit import Check, Report, Severity, verify
from git_pliny.store.checkpoints import Occasion
from git_pliny.store.journal import journal_files, journal_folder


def verified(scratch: Scratch, session: str) -> Report:
    return verify(scratch.repository, session)


def messages(report: Report, severity: Severity = Severity.PROBLEM) -> list[str]:
    return [finding.message for finding in report.findings if finding.severity is severity]


def dead_journal(scratch: Scratch, session: str, *events: Event, tail: bytes = b"") -> str:
    """The journal of a run that was killed: its lines, and `tail` after them."""
    run = f"{next(_RUNS):08x}"
    chain = Chain(session=session, run=run, after=clock())
    lines = [chain.link(event, clock()) for event in events]
    folder = journal_folder(scratch.repository.local, session)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{run}.jsonl").write_bytes(b"".join(line.raw + b"\n" for line in lines) + tail)
    return run


_RUNS = count(0xABCD0000)


def test_a_whole_session_verifies(scratch: Scratch) -> None:
    report = verified(scratch, whole_session(scratch))
    assert (report.ok, report.findings) == (True, [])
    assert (report.entries, report.runs, report.checkpoints) == (8, 1, 2)


def test_a_session_of_several_runs_verifies(scratch: Scratch) -> None:
    session = whole_session(scratch)
    with resumed(scratch, session) as (run, _):
        run.append(Event(type=EventType.SESSION_RESUME))
    with lone_run(scratch, session) as run:
        run.checkpoint(Occasion(name="mine", exact=True))
    report = verified(scratch, session)
    assert (report.ok, report.runs) == (True, 3)


def test_a_session_verifies_while_its_run_writes(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("a"), started("a"))
        report = verified(scratch, run.session)
    assert (report.ok, report.entries) == (True, 4)


def test_a_session_verifies_at_any_moment_while_another_thread_flushes(scratch: Scratch) -> None:
    done = threading.Event()

    def work() -> None:
        with new_session(scratch) as run:
            made.append(run.session)
            for number in range(12):
                run.append(started("a", number + 1), ended("a", number + 1))
                run.checkpoint(Occasion(name=f"c{number}"))
        done.set()

    made: list[str] = []
    thread = threading.Thread(target=work)
    thread.start()
    while not done.is_set():
        if made:
            assert messages(verified(scratch, made[0])) == []
    thread.join()


def test_a_line_that_was_changed_breaks_the_chain_at_the_next_one(scratch: Scratch) -> None:
    session = whole_session(scratch)
    edit_notes(
        scratch,
        session,
        replace(b'"type":"agent_start","phase":"p","agent":"a"', b'"type":"agent_start","phase":"p","agent":"c"'),
    )
    first = verified(scratch, session).problems[0]
    assert (first.check, first.seq) == (Check.CHAIN, 5)
    assert "does not follow from the one before" in first.message


def test_a_line_that_was_left_out_is_missed_with_its_number(scratch: Scratch) -> None:
    session = whole_session(scratch)
    edit_notes(scratch, session, drop(b'"agent_start","phase":"p","agent":"a"'))
    first = verified(scratch, session).problems[0]
    assert (first.message, first.seq) == (f"entry 4 of run {first.run} is missing", 5)


def test_several_missing_lines_are_named_together(scratch: Scratch) -> None:
    session = whole_session(scratch)
    edit_notes(scratch, session, drop(b'"agent":"a"'))
    assert any("entries 4 to 5 of run" in message for message in messages(verified(scratch, session)))


def test_a_missing_first_line_is_missed(scratch: Scratch) -> None:
    session = whole_session(scratch)
    edit_notes(scratch, session, drop(b"session_start"))
    assert messages(verified(scratch, session))[0].startswith("entry 1 of run")


def test_two_lines_that_claim_one_place_are_found(scratch: Scratch) -> None:
    session = whole_session(scratch)
    edit_notes(scratch, session, lambda lines: [*lines, *replace(b"session_start", b"session_xtart")(lines[:1])])
    assert any("is there twice" in message for message in messages(verified(scratch, session)))


def test_time_that_does_not_go_on_is_found(scratch: Scratch) -> None:
    session = whole_session(scratch)
    chain = Chain(session=session, run="0badc10c", after=0)
    lines = [chain.link(started("a"), 5_000_000), chain.link(ended("a"), 6_000_000)]
    late = lines[0].raw.replace(b"1970-01-01T00:00:05", b"1970-01-01T00:00:07")
    edit_notes(scratch, session, lambda known: [*known, late, lines[1].raw])
    assert any("is not later than the one before" in message for message in messages(verified(scratch, session)))


def test_lines_cut_off_at_the_end_are_missed_by_the_tag_that_names_them(scratch: Scratch) -> None:
    session = whole_session(scratch)
    edit_notes(scratch, session, drop(b'"agent_end","phase":"p","agent":"a"'))
    edit_notes(scratch, session, drop(b'"checkpoint","phase":"p"'))
    edit_notes(scratch, session, drop(b'"agent":"b"'))
    assert any("checkpoint p names entry 5 of run" in message for message in messages(verified(scratch, session)))


def test_a_last_line_that_was_changed_is_found_by_the_tag_that_names_it(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        run.append(started("a"))
        run.checkpoint(Occasion(name="x"))
    edit_notes(scratch, run.session, drop(b'"checkpoint","data":{"name":"x"'))
    edit_notes(scratch, run.session, replace(b'"agent":"a"', b'"agent":"z"'))
    assert any(
        "was changed after checkpoint x was taken" in message for message in messages(verified(scratch, run.session))
    )


def test_every_line_that_is_no_entry_is_found(scratch: Scratch) -> None:
    session = whole_session(scratch)
    planted = [line for line in HOSTILE if line]
    edit_notes(scratch, session, lambda lines: [*planted, *lines])
    found = [finding.message for finding in verified(scratch, session).problems if finding.check is Check.LINES]
    assert len(found) == 2 * len(planted)
    assert found[0].startswith("line 1 of the note on ")


def test_a_session_object_of_any_other_content_is_found(scratch: Scratch) -> None:
    session = whole_session(scratch)
    for content in HOSTILE:
        put_session(scratch, session, content)
        assert messages(verified(scratch, session)) == ["the session's object is not what its entries add up to"]


def test_one_changed_byte_of_the_session_object_is_found(scratch: Scratch) -> None:
    session = whole_session(scratch)
    raw = scratch.repository.git("cat-file", "blob", sessions.SESSIONS + session)
    put_session(scratch, session, raw.replace(b'"name": "Tidy', b'"name": "tidy'))
    assert [finding.check for finding in verified(scratch, session).problems] == [Check.SESSION]


def test_a_session_ref_that_was_removed_is_found(scratch: Scratch) -> None:
    session = whole_session(scratch)
    scratch.git("update-ref", "-d", sessions.SESSIONS + session)
    assert any("no session object" in message for message in messages(verified(scratch, session)))


def test_notes_that_were_removed_are_found(scratch: Scratch) -> None:
    session = whole_session(scratch)
    scratch.git("update-ref", "-d", sessions.NOTES + session)
    assert not verified(scratch, session).ok


def test_a_checkpoint_without_its_ref_is_found(scratch: Scratch) -> None:
    session = whole_session(scratch)
    scratch.git("update-ref", "-d", f"{sessions.CHECKPOINTS}{session}/p")
    assert messages(verified(scratch, session)) == ["checkpoint 'p' has no ref"]


def test_a_checkpoint_ref_that_was_moved_is_found(scratch: Scratch) -> None:
    session = whole_session(scratch)
    other = scratch.git("rev-parse", f"{sessions.CHECKPOINTS}{session}/start")
    scratch.git("update-ref", f"{sessions.CHECKPOINTS}{session}/p", other)
    assert any(message.startswith("checkpoint 'p' was ") for message in messages(verified(scratch, session)))


@pytest.mark.parametrize("target", ["HEAD", "HEAD^{tree}"])
def test_a_checkpoint_ref_that_is_no_tag_is_found(scratch: Scratch, target: str) -> None:
    session = whole_session(scratch)
    scratch.git("update-ref", f"{sessions.CHECKPOINTS}{session}/p", scratch.git("rev-parse", target))
    assert any("is no tag of a commit" in message for message in messages(verified(scratch, session)))


def test_a_checkpoint_ref_that_nobody_recorded_is_found(scratch: Scratch) -> None:
    session = whole_session(scratch)
    scratch.git("update-ref", f"{sessions.CHECKPOINTS}{session}/planted", put_blob(scratch, b"x"))
    assert messages(verified(scratch, session)) == ["no entry names the checkpoint ref planted"]


def test_a_note_on_another_commit_is_found(scratch: Scratch) -> None:
    session = whole_session(scratch)
    scratch.git("notes", f"--ref=pliny/{session}", "add", "-m", "", "--allow-empty", "HEAD")
    assert [finding.check for finding in verified(scratch, session).problems] == [Check.NOTES]


def test_entries_in_the_journal_of_a_killed_run_count(scratch: Scratch) -> None:
    session = whole_session(scratch)
    dead_journal(scratch, session, Event(type=EventType.SESSION_RESUME), started("b", 2))
    report = verified(scratch, session)
    assert (report.ok, report.entries, report.findings) == (True, 10, [])


def test_a_torn_last_line_is_only_remarked_on(scratch: Scratch) -> None:
    session = whole_session(scratch)
    run = dead_journal(scratch, session, started("b", 2), tail=b'{"ts":"2023-')
    report = verified(scratch, session)
    assert report.ok
    assert messages(report, Severity.REMARK) == [
        f"the last line in the journal of run {run} was cut off; the next run records that"
    ]


def test_a_bad_line_within_a_journal_is_a_problem_until_a_repair_owns_up_to_it(scratch: Scratch) -> None:
    session = whole_session(scratch)
    run = dead_journal(scratch, session, started("b", 2), ended("b", 2), started("b", 3))
    path = journal_folder(scratch.repository.local, session) / f"{run}.jsonl"
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([lines[0], b"garbage", *lines[2:]]))
    assert f"1 of the lines in the journal of run {run} can't be read as entries" in messages(
        verified(scratch, session)
    )
    with resumed(scratch, session):
        pass
    report = verified(scratch, session)
    assert report.ok
    assert messages(report, Severity.REMARK) == [f"entry 2 of run {run} is missing, as a repair says"]


def test_a_gap_that_another_runs_repair_speaks_of_stays_a_problem(scratch: Scratch) -> None:
    session = whole_session(scratch)
    with lone_run(scratch, session) as run:
        run.append(Event(type=EventType.REPAIR, data={"kind": "corrupt", "run": "12345678"}))
    edit_notes(scratch, session, drop(b'"agent_start","phase":"p","agent":"a"'))
    assert any("entry 4" in message for message in messages(verified(scratch, session)))


def test_an_unfinished_flush_is_only_remarked_on(scratch: Scratch) -> None:
    session = whole_session(scratch)
    before = scratch.git("rev-parse", sessions.SESSIONS + session)
    with lone_run(scratch, session) as run:
        run.append(started("b", 2))
        content = journal_files(scratch.repository.local, session)[0].read_bytes()
    path = journal_folder(scratch.repository.local, session) / f"{run.id}.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    scratch.git("update-ref", sessions.SESSIONS + session, before)
    report = verified(scratch, session)
    assert report.ok
    assert "a run was killed while it wrote the session's object" in messages(report, Severity.REMARK)[0]


def test_a_checkpoint_whose_entry_a_kill_prevented_is_only_remarked_on(scratch: Scratch) -> None:
    session = whole_session(scratch)
    tag = scratch.git("rev-parse", f"{sessions.CHECKPOINTS}{session}/p")
    update_refs(scratch.repository, [RefUpdate(f"{sessions.CHECKPOINTS}{session}/again", tag, None)])
    report = verified(scratch, session)
    assert report.ok
    assert messages(report, Severity.REMARK) == ["no entry names checkpoint again yet; the next run adds one"]


def test_a_deleted_checkpoint_whose_ref_a_kill_left_is_only_remarked_on(scratch: Scratch) -> None:
    session = whole_session(scratch)
    ref = f"{sessions.CHECKPOINTS}{session}/p"
    tag = scratch.git("rev-parse", ref)
    with lone_run(scratch, session) as run:
        run.delete_checkpoint("p")
    assert verified(scratch, session).findings == []
    scratch.git("update-ref", ref, tag)
    assert messages(verified(scratch, session), Severity.REMARK) == [
        "checkpoint p was deleted, and its ref is still there"
    ]


def test_a_tag_of_another_session_is_no_unfinished_checkpoint(scratch: Scratch) -> None:
    other, session = whole_session(scratch), whole_session(scratch)
    tag = scratch.git("rev-parse", f"{sessions.CHECKPOINTS}{other}/p")
    scratch.git("update-ref", f"{sessions.CHECKPOINTS}{session}/stray", tag)
    assert any("no entry names the checkpoint ref stray" in message for message in messages(verified(scratch, session)))


def test_entries_with_data_of_every_shape_verify(scratch: Scratch) -> None:
    session = whole_session(scratch)
    shapes: list[dict[str, object]] = [{"commit": ["x"], "name": {}}, {"kind": ["torn"], "run": {}}, {"run": 2**70}]
    with lone_run(scratch, session) as run:
        for data in shapes:
            run.append(*(Event(type=kind, data=data) for kind in (EventType.CHECKPOINT, EventType.REPAIR)))
    assert verified(scratch, session).ok


@pytest.mark.parametrize("harm", [lose, spoil])
@pytest.mark.parametrize(
    "what", ["{notes}", "{notes}^{{tree}}", "{session}", "{checkpoint}", "{checkpoint}^{{commit}}"]
)
def test_an_object_that_git_has_lost_is_a_problem(scratch: Scratch, what: str, harm: Callable[..., None]) -> None:
    session = whole_session(scratch)
    names = {
        "notes": sessions.NOTES + session,
        "session": sessions.SESSIONS + session,
        "checkpoint": f"{sessions.CHECKPOINTS}{session}/p",
    }
    harm(scratch, what.format(**names))
    assert not verified(scratch, session).ok


def test_a_note_that_git_has_lost_is_named(scratch: Scratch) -> None:
    session = whole_session(scratch)
    commit = scratch.git("rev-parse", f"{sessions.CHECKPOINTS}{session}/p^{{commit}}")
    lose(scratch, scratch.git("notes", f"--ref=pliny/{session}", "list", commit))
    found = messages(verified(scratch, session))
    assert found[0] == f"git has lost the note on {commit[:12]}; a clone can bring it back"


def test_a_session_whose_deletion_a_kill_cut_off_is_said_to_be_just_that(scratch: Scratch) -> None:
    session = half_deleted_session(scratch)
    assert messages(verified(scratch, session)) == ["the session was deleted, and a kill left a part of it"]


def test_what_is_found_is_the_same_in_json(scratch: Scratch) -> None:
    session = whole_session(scratch)
    scratch.git("update-ref", "-d", f"{sessions.CHECKPOINTS}{session}/p")
    report = verified(scratch, session)
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report


def test_verifying_changes_nothing(scratch: Scratch) -> None:
    session = whole_session(scratch)
    before = scratch.git("for-each-ref"), sorted(scratch.repository.local.iterdir())
    verified(scratch, session)
    assert (scratch.git("for-each-ref"), sorted(scratch.repository.local.iterdir())) == before
