from typing import Any

import pytest
from scratch import Scratch
from stores import ended, new_session, plan_of, resumed, started

from git_pliny.errors import NotFoundError, WouldOverwriteError
from git_pliny.git.restore import apply_restore
from git_pliny.model.events import Event, EventType
from git_pliny.model.session import AgentStatus, SessionStatus
from git_pliny.store import rollback
from git_pliny.store.checkpoints import Occasion
from git_pliny.store.run import Run


def work(run: Run, scratch: Scratch, agent: str, phase: str = "p") -> None:
    """An agent that writes a file of its name, and a checkpoint after it."""
    run.append(Event(type=EventType.PHASE_BEGIN, phase=phase))
    run.append(Event(type=EventType.AGENT_START, phase=phase, agent=agent, attempt=1))
    scratch.write(f"{agent}.txt", agent)
    run.append(
        Event(type=EventType.AGENT_END, phase=phase, agent=agent, attempt=1, data={"status": "completed"}),
        Event(type=EventType.PHASE_END, phase=phase),
    )
    run.checkpoint(Occasion(name=f"cp-{agent}"))


def names(scratch: Scratch) -> set[str]:
    return {path.name for path in scratch.root.glob("*.txt")}


def test_a_rollback_restores_files_and_sets_back_what_ended_since(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("a", "b"))
        work(run, scratch, "a")
        work(run, scratch, "b")
        done = rollback.roll_back(run, rollback.find_checkpoint(run, "cp-a"), keep_head=False)
        assert [key.agent for key in done.set_back] == ["b"]
    assert names(scratch) == {"a.txt"}
    session = scratch.session()
    assert session["agents"]["b"]["status"] == "rolled-back"
    assert session["status"] == "paused"
    assert "before-rollback" in session["checkpoints"]


def test_a_rollback_can_be_undone_and_redone(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("a", "b"))
        work(run, scratch, "a")
        work(run, scratch, "b")
        rollback.roll_back(run, rollback.find_checkpoint(run, "cp-a"), keep_head=False)
        rollback.roll_back(run, rollback.last_rollback(run.state), keep_head=False, undo=True)
        assert names(scratch) == {"a.txt", "b.txt"}
        assert run.state.session().completed_agents == ["a", "b"]
        assert run.state.status is SessionStatus.COMPLETED
        rollback.roll_back(run, rollback.last_rollback(run.state), keep_head=False, undo=True)
        assert names(scratch) == {"a.txt"}


def test_an_undo_after_what_ran_meanwhile_counts_the_earlier_attempt_again(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("a"))
        work(run, scratch, "a")
        rollback.roll_back(run, rollback.find_checkpoint(run, "start"), keep_head=False)
        run.append(started("a", 2), ended("a", 2, "failed"))
        rollback.roll_back(run, rollback.last_rollback(run.state), keep_head=False, undo=True)
        assert names(scratch) == {"a.txt"}
        assert run.state.session().agents["a"].status is AgentStatus.COMPLETED
        assert run.state.session().agents["a"].ended_at is not None
        assert run.state.status is SessionStatus.COMPLETED


def test_an_undo_that_brings_a_failed_agent_back_does_not_complete_the_session(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("a"), started("a"), ended("a", 1, "failed"))
        rollback.roll_back(run, rollback.find_checkpoint(run, "start"), keep_head=False)
        rollback.roll_back(run, rollback.last_rollback(run.state), keep_head=False, undo=True)
        assert run.state.session().agents["a"].status is AgentStatus.FAILED
        assert run.state.status is SessionStatus.PAUSED


@pytest.mark.parametrize(
    "last",
    [
        Event(type=EventType.SESSION_ARCHIVE),
        Event(type=EventType.SESSION_END, data={"status": "paused", "reason": "the limit of rounds is reached"}),
    ],
    ids=["archived", "paused"],
)
def test_a_rollback_that_sets_nothing_back_leaves_the_session_as_it_stands(scratch: Scratch, last: Event) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("a"))
        work(run, scratch, "a")
        run.append(last)
        before = run.state.status
        scratch.write("later.txt", "later")
        rollback.roll_back(run, rollback.find_checkpoint(run, "cp-a"), keep_head=False)
        assert run.state.status is before
        rollback.roll_back(run, rollback.last_rollback(run.state), keep_head=False, undo=True)
        assert run.state.status is before
    assert names(scratch) == {"a.txt", "later.txt"}


def test_before_and_after_find_checkpoints_around_agents_and_phases(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("a", "b"))
        work(run, scratch, "a", "research")
        work(run, scratch, "b", "fix")
        found = {
            name: rollback.find_checkpoint(run, name).name
            for name in ("before-a", "after-a", "before-fix", "after-fix", "after-research")
        }
        assert found == {
            "before-a": "start",
            "after-a": "cp-a",
            "before-fix": "cp-a",
            "after-fix": "cp-b",
            "after-research": "cp-a",
        }
        with pytest.raises(NotFoundError, match="did you mean 'cp-b'"):
            rollback.find_checkpoint(run, "cp-bb")


def test_an_interrupted_rollback_is_finished_by_the_next_run(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("a", "b"))
        work(run, scratch, "a")
        work(run, scratch, "b")

        def killed(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(rollback, "apply_restore", killed)
            with pytest.raises(KeyboardInterrupt):
                rollback.roll_back(run, rollback.find_checkpoint(run, "cp-a"), keep_head=False)
    with resumed(scratch, run.session) as (after, _):
        assert rollback.finish_interrupted(after) is not None
        assert after.state.agents["b"].status is AgentStatus.ROLLED_BACK
        assert rollback.finish_interrupted(after) is None
    assert names(scratch) == {"a.txt"}


def test_a_rollback_that_was_cut_off_and_run_again_is_undone_as_one(
    scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("a", "b"))
        work(run, scratch, "a")
        work(run, scratch, "b")

        def killed_half_way(*_: object, **__: object) -> None:
            (scratch.root / "b.txt").unlink()
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(rollback, "apply_restore", killed_half_way)
            with pytest.raises(KeyboardInterrupt):
                rollback.roll_back(run, rollback.find_checkpoint(run, "cp-a"), keep_head=False)
    with resumed(scratch, run.session) as (after, _):
        rollback.roll_back(after, rollback.find_checkpoint(after, "cp-a"), keep_head=False)
        rollback.roll_back(after, rollback.last_rollback(after.state), keep_head=False, undo=True)
        assert after.state.session().completed_agents == ["a", "b"]
    assert names(scratch) == {"a.txt", "b.txt"}


def test_a_refused_rollback_changes_nothing_and_is_not_finished_later(scratch: Scratch) -> None:
    scratch.write(".gitignore", "*.log\n")
    scratch.write("keep", "tracked")
    scratch.commit()
    with new_session(scratch) as run:
        (scratch.root / "keep").unlink()
        scratch.write(".gitignore", "*.log\nkeep/\n")
        scratch.write("keep/precious", "mine")
        with pytest.raises(WouldOverwriteError, match="keep"):
            rollback.roll_back(run, rollback.find_checkpoint(run, "start"), keep_head=False)
        assert list(run.state.checkpoints) == ["start"]
        assert rollback.finish_interrupted(run) is None
    assert (scratch.root / "keep" / "precious").read_text() == "mine"


def test_what_is_in_the_way_only_after_the_check_is_refused_with_its_checkpoint_kept(
    scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    with new_session(scratch) as run:
        run.append(plan_of("a"))
        work(run, scratch, "a")

        def edited_meanwhile(*arguments: Any, **options: Any) -> None:
            scratch.write("a.txt", "mine")
            apply_restore(*arguments, **options)

        with monkeypatch.context() as patch:
            patch.setattr(rollback, "apply_restore", edited_meanwhile)
            with pytest.raises(WouldOverwriteError, match=r"a\.txt"):
                rollback.roll_back(run, rollback.find_checkpoint(run, "start"), keep_head=False)
        assert "before-rollback" in run.state.checkpoints
        assert rollback.finish_interrupted(run) is None
        rollback.roll_back(run, rollback.find_checkpoint(run, "start"), keep_head=False)
        assert names(scratch) == set()
        rollback.roll_back(run, rollback.last_rollback(run.state), keep_head=False, undo=True)
    assert (scratch.root / "a.txt").read_text() == "mine"


def test_without_a_rollback_there_is_nothing_to_undo(scratch: Scratch) -> None:
    with new_session(scratch) as run:
        with pytest.raises(NotFoundError, match="no rollback to undo"):
            rollback.last_rollback(run.state)
        run.append(plan_of("a"), started("a"), ended("a"))
        assert rollback.plan_rollback(run, run.state.checkpoints["start"]).before is None
