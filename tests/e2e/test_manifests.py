"""`git pliny execute` on a plan manifest: iterations of tasks, written back one by one."""

import json
from typing import Any

from scratch import Scratch
from told import checkpoints, course, entries, statuses

PATH = "plan/plan_manifest.json"


def task(name: str, *dependencies: str, **keys: object) -> dict[str, Any]:
    return {
        "id": name,
        "number": name.split(".T")[1],
        "title": f"Title of {name}",
        "description": f"Do {name}.",
        "agent_id": "worker",
        "dependencies": list(dependencies),
        "acceptance_criteria": [f"{name} is done"],
        "completed": False,
        **keys,
    }


def manifest(*iterations: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "requirement_id": "REQ-7",
        "project_name": "Widgets",
        "x-owner": {"team": "red", "since": 2.5},
        "iterations": [
            {
                "id": f"I{number}",
                "number": str(number),
                "name": f"Iteration {number}",
                "status": "not_started",
                "goal": "kept",
                "tasks": tasks,
            }
            for number, tasks in enumerate(iterations, 1)
        ],
        "progress": 0,
    }


def set_up(
    scratch: Scratch, content: dict[str, Any], *, worker: str = "echo $PLINY_AGENT >> log; cat > prompt"
) -> None:
    scratch.write(PATH, json.dumps(content, indent=4))
    scratch.write(".pliny/agents/worker", f"#!/bin/sh\n{worker}\n", executable=True)


def read(scratch: Scratch) -> dict[str, Any]:
    found = json.loads((scratch.root / PATH).read_text())
    assert isinstance(found, dict)
    return found


def log(scratch: Scratch) -> list[str]:
    path = scratch.root / "log"
    return path.read_text().split() if path.exists() else []


def completed(scratch: Scratch) -> list[str]:
    return [task["id"] for each in read(scratch)["iterations"] for task in each["tasks"] if task["completed"]]


def test_tasks_run_in_order_and_are_written_back_one_by_one_with_everything_else_kept(scratch: Scratch) -> None:
    content = manifest(
        [task("I1.T1", "I1.T2", estimate="3h"), task("I1.T2")], [task("I2.T1", "I1.T1"), task("I2.T2", completed=True)]
    )
    seen = 'python3 -c \'import json; print(json.load(open("plan/plan_manifest.json"))["progress"])\' >> seen'
    set_up(scratch, content, worker=f"echo $PLINY_AGENT >> log; cat > prompt; {seen}")
    done = scratch.pliny("execute")
    assert log(scratch) == ["I1.T2", "I1.T1", "I2.T1"]
    assert (scratch.root / "seen").read_text().split() == ["0", "50", "75"]
    after = read(scratch)
    assert after.pop("updated_at").startswith("20")
    for iteration in content["iterations"]:
        iteration["status"] = "completed"
        for each in iteration["tasks"]:
            each["completed"] = True
    assert after == {**content, "progress": 100}
    assert list(after)[:3] == ["requirement_id", "project_name", "x-owner"]
    assert '\n    "requirement_id"' in (scratch.root / PATH).read_text()
    assert "Do I2.T1." in (scratch.root / "prompt").read_text()
    assert "- I2.T1 is done" in (scratch.root / "prompt").read_text()
    assert statuses(scratch)["I2.T2"] == "skipped"
    assert checkpoints(scratch) == ["start", "I1", "I2"]
    assert scratch.session()["name"] == "Widgets"
    assert "[ 75%] I2.T1 (Title of I2.T1): started" in done.stderr
    assert "I2.T2 (Title of I2.T2): skipped, completed in the manifest" in done.stderr


def test_five_iterations_run_unless_told_otherwise_and_the_next_execute_goes_on(scratch: Scratch) -> None:
    set_up(scratch, manifest(*([task(f"I{number}.T1")] for number in range(1, 9))))
    done = scratch.pliny("execute")
    assert log(scratch) == [f"I{number}.T1" for number in range(1, 6)]
    assert scratch.session()["status"] == "paused"
    assert read(scratch)["progress"] == 62
    assert "paused: the limit of iterations is reached: 5" in done.stderr
    assert "git pliny execute --resume --continuous" in done.stderr
    session = scratch.session()["id"]
    scratch.pliny("execute", "--iterations", "1")
    assert log(scratch)[5:] == ["I6.T1"]
    scratch.pliny("execute", "--resume")
    assert log(scratch)[6:] == ["I7.T1", "I8.T1"]
    assert (scratch.session()["id"], scratch.session()["status"]) == (session, "completed")
    assert [each["status"] for each in read(scratch)["iterations"]] == ["completed"] * 8


def test_continuous_runs_to_the_end_but_not_past_the_sanity_limit(scratch: Scratch) -> None:
    set_up(scratch, manifest(*([task(f"I{number}.T1")] for number in range(1, 9))))
    done = scratch.pliny("execute", "--continuous", env={"PLINY_CONFIG_EXECUTION__SANITY_LIMIT": "6"})
    assert len(log(scratch)) == 6
    assert "the limit of iterations is reached: 6" in done.stderr
    scratch.pliny("execute", "--continuous")
    assert len(log(scratch)) == 8
    assert scratch.session()["status"] == "completed"


def test_a_failed_task_fails_its_iteration_blocks_what_depends_on_it_and_is_run_again(scratch: Scratch) -> None:
    content = manifest(
        [task("I1.T1"), task("I1.T2")], [task("I2.T1", "I1.T2"), task("I2.T2")], [task("I3.T1", "I2.T1")]
    )
    set_up(scratch, content, worker="echo $PLINY_AGENT >> log; [ $PLINY_AGENT != I1.T2 ] || [ -e go ]")
    scratch.pliny("execute", exits=3)
    after = read(scratch)
    assert [each["status"] for each in after["iterations"]] == ["failed", "not_started", "not_started"]
    assert (completed(scratch), after["progress"]) == (["I1.T1"], 20)
    assert statuses(scratch) == {
        "I1.T1": "completed",
        "I1.T2": "failed",
        "I2.T1": "blocked",
        "I2.T2": "pending",
        "I3.T1": "blocked",
    }
    scratch.write("go", "")
    scratch.write(PATH, json.dumps(content))  # as a kill before the write-back leaves it
    scratch.pliny("execute")
    assert log(scratch) == ["I1.T1", "I1.T2", "I1.T2", "I2.T1", "I2.T2", "I3.T1"]
    assert completed(scratch) == ["I1.T1", "I1.T2", "I2.T1", "I2.T2", "I3.T1"]
    assert [each["status"] for each in read(scratch)["iterations"]] == ["completed"] * 3
    assert read(scratch)["progress"] == 100


def test_only_selects_an_iteration_or_a_task_with_dependencies_checked(scratch: Scratch) -> None:
    set_up(scratch, manifest([task("I1.T1"), task("I1.T2")], [task("I2.T1", "I1.T1"), task("I2.T2")]))
    refused = scratch.pliny("execute", "--only", "I2.T1", exits=1)
    assert "agent I2.T1 needs I1.T1, which has not completed" in refused.stderr
    scratch.pliny("execute", "--only", "I1.T1")
    scratch.pliny("execute", "--only", "I2")
    assert log(scratch) == ["I1.T1", "I2.T1", "I2.T2"]
    assert [each["status"] for each in read(scratch)["iterations"]] == ["in_progress", "completed"]
    scratch.pliny("execute")
    assert log(scratch)[3:] == ["I1.T2"]


def test_a_new_session_skips_what_the_manifest_calls_completed_unless_it_is_to_be_rerun(scratch: Scratch) -> None:
    set_up(scratch, manifest([task("I1.T1"), task("I1.T2", "I1.T1")]))
    scratch.pliny("execute")
    told = entries(scratch.pliny("execute", "--json", "Once more"))
    assert course(told, "agent_start", "agent_skip") == ["agent_skip I1.T1", "agent_skip I1.T2"]
    assert scratch.session()["status"] == "completed"
    scratch.pliny("execute", "--rerun", "I1.T2")
    assert log(scratch) == ["I1.T1", "I1.T2", "I1.T2"]


def test_a_write_back_keeps_what_the_user_edits_meanwhile(scratch: Scratch) -> None:
    content = manifest([task("I1.T1")])
    set_up(scratch, content, worker=f'sed -i.bak \'s/"goal": "kept"/"goal": "edited"/\' {PATH}')
    scratch.pliny("execute", "--plan", PATH)
    after = read(scratch)
    assert (after["iterations"][0]["goal"], after["progress"]) == ("edited", 100)


def test_a_rollback_takes_the_manifest_back_too_and_the_tasks_run_again(scratch: Scratch) -> None:
    set_up(scratch, manifest([task("I1.T1")], [task("I2.T1", "I1.T1")], [task("I3.T1")]))
    scratch.write(".gitignore", "log\n")
    scratch.pliny("execute")
    scratch.pliny("rollback", "after-I1")
    assert (completed(scratch), read(scratch)["progress"]) == (["I1.T1"], 33)
    assert statuses(scratch) == {"I1.T1": "completed", "I2.T1": "rolled-back", "I3.T1": "rolled-back"}
    scratch.pliny("execute")
    assert log(scratch) == ["I1.T1", "I2.T1", "I3.T1", "I2.T1", "I3.T1"]
    assert read(scratch)["progress"] == 100
    scratch.pliny("rollback", "start")
    assert read(scratch)["progress"] == 0
    scratch.pliny("rollback", "--undo")
    assert read(scratch)["progress"] == 100
    assert set(statuses(scratch).values()) == {"completed"}


def test_settings_and_agents_of_a_pliny_yaml_without_phases_hold_for_a_manifest(scratch: Scratch) -> None:
    set_up(scratch, manifest([task("I1.T1")], [task("I2.T1")]))
    scratch.plan(
        """
        execution: {iterations: 1, checkpoint: agent}
        agents: {worker: {run: "echo own $PLINY_AGENT >> log; cat > prompt", prompt: Be brief., timeout: 1m}}
        """
    )
    scratch.pliny("execute")
    assert log(scratch) == ["own", "I1.T1"]
    assert checkpoints(scratch) == ["start", "I1.T1"]
    assert (scratch.root / "prompt").read_text().startswith("Be brief.\n\n# Title of I1.T1\n\nDo I1.T1.")


def test_a_manifest_that_cannot_be_run_is_refused_with_its_place(scratch: Scratch) -> None:
    for broken, message in (
        (manifest([task("I1.T1", "I9.T9")]), "I9.T9"),
        (manifest([task("I1.T1", "I1.T2"), task("I1.T2", "I1.T1")]), "I1.T1"),
        (manifest([task("I1.T1", agent_id="wroker")]), "did you mean `worker`"),
    ):
        set_up(scratch, broken)
        refused = scratch.pliny("execute", exits=1).stderr
        assert f"error: {PATH}:" in refused
        assert message in refused
    assert scratch.git("for-each-ref", "refs/pliny") == ""
