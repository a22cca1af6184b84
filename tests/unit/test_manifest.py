"""Plan manifests: read with places, turned into plans, and written back without losing anything."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_pliny.errors import ConfigError, NotFoundError, PlanError, StorageError
from git_pliny.model.plan import Agent, ManifestLink, Phase, Plan
from git_pliny.plans import jsontext, manifest_file
from git_pliny.plans.jsontext import Change
from git_pliny.plans.manifest import Iteration, IterationStatus, Manifest, Task, new_manifest
from git_pliny.plans.manifest_file import create_manifest, load_manifest, record_task
from git_pliny.plans.positions import Place

AT = "2025-01-02T03:04:05.000006Z"
PRINTED = """\
{
    "requirement_id": "R-1",
    "project_name": "Parser",
    "x-tool": {"deep": [1.50, 1e3, "é"]},
    "iterations": [
        {
            "id": "I1", "number": 1, "name": "First", "status": "not_started", "goal": "kept",
            "tasks": [
                {"id": "I1.T1", "number": 1, "title": "Lex", "description": "Write a lexer.", "agent_id": "coder",
                 "dependencies": [], "acceptance_criteria": ["It lexes", "It is tested"], "completed": true},
                {"id": "I1.T2", "title": "Parse", "agent_id": "coder", "dependencies": ["I1.T1"], "estimate": 3}
            ]
        },
        {
            "id": "I2", "number": 2, "name": "Second", "status": "not_started",
            "tasks": [{"id": "I2.T1", "agent_id": "reviewer", "dependencies": ["I1.T2"], "completed": false}]
        }
    ],
    "progress": 0
}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "plan" / "plan_manifest.json"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode())
    return path


def read(folder: Path, text: str) -> Manifest:
    return load_manifest(write(folder, text), folder)


def coder(name: str, place: Place) -> Agent:
    if name == "unknown":
        raise place.error("nobody defines it")
    return Agent(name=name, run=f"./{name}", timeout_s=5, needs=("something",), title="An agent", prompt="Be brief.\n")


def planned(manifest: Manifest) -> Plan:
    return manifest.to_plan(coder, path="plan/plan_manifest.json")


def of(*tasks: dict[str, Any], **more: Any) -> str:
    return json.dumps({"project_name": "P", "iterations": [{"id": "I1", "tasks": list(tasks)}], **more})


def task(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "agent_id": "coder", **more}


# Reading


def test_a_manifest_is_read_with_its_types(tmp_path: Path) -> None:
    manifest = read(tmp_path, PRINTED)
    assert (manifest.requirement_id, manifest.project_name, manifest.progress) == ("R-1", "Parser", 33)
    assert manifest.iterations[0].status is IterationStatus.NOT_STARTED
    assert manifest.task("I1.T1") == Task(
        id="I1.T1",
        number="1",
        title="Lex",
        description="Write a lexer.",
        agent_id="coder",
        acceptance_criteria=("It lexes", "It is tested"),
        completed=True,
    )
    assert str(manifest.place("iterations", 0, "tasks", 1, "agent_id").error("x")) == "plan/plan_manifest.json:11:63: x"


def test_null_stands_for_what_is_not_there(tmp_path: Path) -> None:
    manifest = read(tmp_path, of(task("T", description=None, dependencies=None, completed=None), requirement_id=None))
    assert manifest.task("T") == Task(id="T", agent_id="coder")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1:1: this is not JSON: Expecting value"),
        ("{", "1:2: this is not JSON: Expecting property name enclosed in double quotes"),
        ('{"a": 1,\n}', "2:1: this is not JSON: Expecting property name enclosed in double quotes"),
        ('{"a": 1} x', "1:10: this is not JSON: Extra data"),
        ('{"a": "\t"}', "1:8: this is not JSON: Invalid control character at"),
        ("[]", "1:1: the manifest must be a mapping, not a list"),
        ('{"a": 1, "a": 2}', "1:10: the key `a` stands here twice"),
        ('{"a": NaN}', "1:7: `NaN` is no number in JSON"),
        ('{"x": ' + '{"x": ' * 60 + "1" + "}" * 61, "1:301: this is nested more than 50 levels deep"),
        ("[" * 60 + "]" * 60, "1:51: this is nested more than 50 levels deep"),
        ('{"iterations": {}}', "1:16: `iterations` must be a list, not a mapping"),
        ('{"iterations": [{"tasks": []}]}', "1:17: `iterations[0]` has no `id`"),
        ('{"iterations": [{"id": "I1", "tasks": [{"id": "T"}]}]}', "1:40: `iterations[0].tasks[0]` has no `agent_id`"),
        ('{"iterations": [{"id": "I1", "status": "complete"}]}', '1:40: `iterations[0].status` must be one of `not_started`, `in_progress`, `completed`, `failed`, not `"complete"`; did you mean `completed`?'),
        (of(task("T", completed="yes")), '1:107: `iterations[0].tasks[0].completed` must be true or false, not `"yes"`'),
        (of(task("T", dependencies=[[]])), "1:111: `iterations[0].tasks[0].dependencies[0]` must be a name, not a list"),
        (of(task("a\nb")), '1:68: `iterations[0].tasks[0].id` must be a name of 1 to 255 visible characters, without spaces around it, not `"a\\nb"`'),
        (of(task("T", title="\ud800")), '1:103: `iterations[0].tasks[0].title` must be a text without NUL and lone surrogates, not `"\\ud800"`'),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_manifest_is_named_at_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(PlanError) as caught:
        read(tmp_path, text)
    assert caught.value.message == f"plan/plan_manifest.json:{message}"


def test_endless_nesting_is_an_error_and_no_recursion(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="nested more than 50 levels deep"):
        read(tmp_path, "[" * 200_000)


def test_a_number_of_any_length_is_no_matter(tmp_path: Path) -> None:
    assert (
        read(
            tmp_path, of(task("T", number=1), progress=0).replace('"progress": 0', f'"progress": {"9" * 9999}')
        ).progress
        == 0
    )


@settings(deadline=None, max_examples=60)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["iterations", "tasks", "id", "agent_id", "status", "completed", "x"]), inner
            )
        ),
        max_leaves=20,
    )
)
def test_no_json_gives_anything_but_a_manifest_or_an_error_with_a_place(document: object) -> None:
    tree = jsontext.parse(json.dumps(document), "m.json")
    assert json.loads(tree.text) == document
    try:
        manifest = manifest_file._manifest(tree, "m.json")
    except PlanError as error:
        message = error.message
        assert message.startswith("m.json:1:")
        assert "\n" not in message
    else:
        assert isinstance(document, dict)
        assert 0 <= manifest.progress <= 100


# Plans


def test_iterations_become_phases_and_tasks_agents(tmp_path: Path) -> None:
    plan = planned(read(tmp_path, PRINTED))
    assert plan.name == "Parser"
    assert plan.phases == (
        Phase(name="I1", agents=("I1.T1", "I1.T2"), title="First"),
        Phase(name="I2", agents=("I2.T1",), title="Second"),
    )
    assert plan.manifest == ManifestLink(path="plan/plan_manifest.json", completed=("I1.T1",))
    assert plan.agents["I1.T2"] == Agent(
        name="I1.T2",
        run="./coder",
        timeout_s=5,
        needs=("I1.T1",),
        title="Parse",
        prompt="Be brief.\n\n# Parse\n",
        source="plan/plan_manifest.json:11",
    )


def test_a_task_s_prompt_has_title_description_and_criteria(tmp_path: Path) -> None:
    assert read(tmp_path, PRINTED).task("I1.T1").prompt == (
        "# Lex\n\nWrite a lexer.\n\nAcceptance criteria:\n\n- It lexes\n- It is tested\n"
    )


def test_an_iteration_without_tasks_is_no_phase(tmp_path: Path) -> None:
    text = json.dumps({"iterations": [{"id": "I0"}, {"id": "I1", "tasks": [task("T")]}], "requirement_id": "R"})
    plan = planned(read(tmp_path, text))
    assert ([phase.name for phase in plan.phases], plan.name) == (["I1"], "R")


def test_a_dependency_on_a_completed_task_of_a_later_iteration_is_met(tmp_path: Path) -> None:
    later = {"id": "I2", "tasks": [task("T2", completed=True)]}
    text = json.dumps({"iterations": [{"id": "I1", "tasks": [task("T1", dependencies=["T2"])]}, later]})
    assert planned(read(tmp_path, text)).agents["T1"].needs == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (json.dumps({"iterations": [{"id": "I1", "tasks": [task("T1", dependencies=["T2"])]}, {"id": "I2", "tasks": [task("T2")]}]}),
         "1:91: task `T1` needs `T2`, which runs in a later phase"),
        (of(task("T1"), task("T2", dependencies=["T", "T1"])), "1:147: task `T2` needs `T`, which is no task of this plan; did you mean `T2`?"),
        (of(task("T1", dependencies=["T2"]), task("T2", dependencies=["T1"])), "1:112: tasks need each other in a circle: `T1` → `T2` → `T1`"),
        (of(task("T1", dependencies=["T1"])), "1:112: task `T1` needs itself"),
        (of(task("T1"), task("T1")), "1:103: task `T1` is there twice; the first is in line 1"),
        (of(task("T1"), task("t1")), "1:103: task `t1` and task `T1` differ in case only"),
        (json.dumps({"iterations": [{"id": "I1", "tasks": [task("T1")]}, {"id": "I1", "tasks": [task("T2")]}]}), "1:84: iteration `I1` is there twice"),
        (of({"id": "T1", "agent_id": "unknown"}), "1:86: nobody defines it"),
        ("{}", "1:1: the manifest has no tasks"),
        ('{\n"iterations": []}', "2:15: the manifest has no tasks"),
    ],
)  # fmt: skip
def test_a_manifest_that_can_not_run_is_refused_at_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(PlanError) as caught:
        planned(read(tmp_path, text))
    assert caught.value.message == f"plan/plan_manifest.json:{message}"


def test_a_manifest_that_was_never_a_file_is_refused_without_a_line() -> None:
    with pytest.raises(PlanError, match=r"^the manifest: the manifest has no tasks$"):
        planned(new_manifest("R", "P"))


# Progress


def made(*iterations: list[bool]) -> Manifest:
    return Manifest(
        iterations=tuple(
            Iteration(
                id=f"I{number}",
                tasks=tuple(
                    Task(id=f"I{number}.T{index}", agent_id="a", completed=done) for index, done in enumerate(tasks)
                ),
            )
            for number, tasks in enumerate(iterations)
        )
    )


@pytest.mark.parametrize(
    ("iterations", "progress"),
    [
        ([], 0),
        ([[]], 0),
        ([[False]], 0),
        ([[True, False], [False]], 33),
        ([[True] * 199 + [False]], 99),
        ([[True]], 100),
    ],
)
def test_progress_is_the_share_of_completed_tasks_and_100_only_for_all(
    iterations: list[list[bool]], progress: int
) -> None:
    assert made(*iterations).progress == progress


def test_a_completed_task_moves_its_iteration_on() -> None:
    manifest = made([False, False], [False])
    once = manifest.with_task_completed("I0.T0", AT)
    twice = once.with_task_completed("I0.T1", AT)
    assert [each.iterations[0].status.value for each in (manifest, once, twice)] == [
        "not_started",
        "in_progress",
        "completed",
    ]
    assert (twice.iterations[1], twice.updated_at) == (manifest.iterations[1], AT)
    assert once.unmet(Task(id="x", agent_id="a", dependencies=("I0.T0", "I0.T1", "no"))) == ("I0.T1", "no")


def test_a_failed_task_fails_its_iteration_until_it_completes() -> None:
    failed = made([False, False]).with_task_failed("I0.T0", AT)
    beside = failed.with_task_completed("I0.T1", AT, failed=["I0.T0"])
    mended = beside.with_task_completed("I0.T0", AT)
    assert [each.iterations[0].status.value for each in (failed, beside, mended)] == ["failed", "failed", "completed"]
    assert not failed.task("I0.T0").completed


def test_an_unknown_task_is_not_found_with_the_nearest_one() -> None:
    with pytest.raises(NotFoundError, match=r"^the manifest has no task `I0.T9`; did you mean `I0.T0`\?$"):
        made([False]).with_task_completed("I0.T9", AT)


# Writing


def recorded(path: Path, name: str, **how: Any) -> Manifest:
    return record_task(path, name, AT, **{"completed": True, **how})


def test_a_written_task_changes_nothing_but_its_values(tmp_path: Path) -> None:
    path = write(tmp_path, PRINTED)
    manifest = recorded(path, "I1.T2", root=tmp_path)
    expected = (
        PRINTED.replace('"estimate": 3}', '"estimate": 3, "completed": true}')
        .replace('"status": "not_started", "goal"', '"status": "completed", "goal"')
        .replace('"progress": 0\n', f'"progress": 66,\n    "updated_at": "{AT}"\n')
    )
    assert path.read_text() == expected
    assert load_manifest(path, tmp_path).iterations == manifest.iterations


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_indentation_and_mark_stay(tmp_path: Path, end: str) -> None:
    text = "\ufeff" + json.dumps(json.loads(of(task("T", completed=False), status=1)), indent="\t").replace("\n", end)
    path = write(tmp_path, text)
    recorded(path, "T")
    written = path.read_bytes().decode()
    assert written.startswith("\ufeff{" + end + '\t"project_name"')
    assert written.count("\n") == written.count(end)
    assert f'"completed": true{end}\t\t\t\t}}' in written
    assert f',{end}\t"updated_at": "{AT}"{end}}}' in written


def test_what_the_user_changes_meanwhile_stays(tmp_path: Path) -> None:
    path = write(tmp_path, PRINTED)
    load_manifest(path)
    edited = PRINTED.replace('"I2.T1"', '"I2.T7"').replace('"completed": true', '"completed": false')
    path.write_text(edited)
    recorded(path, "I1.T2")
    data = json.loads(path.read_text())
    assert [each["completed"] for each in data["iterations"][0]["tasks"]] == [False, True]
    assert (data["iterations"][1]["tasks"][0]["id"], data["progress"]) == ("I2.T7", 33)


def test_a_failure_is_written_as_the_iteration_s_status(tmp_path: Path) -> None:
    path = write(tmp_path, PRINTED)
    recorded(path, "I1.T2", completed=False)
    data = json.loads(path.read_text())
    assert (data["iterations"][0]["status"], data["progress"], data["updated_at"]) == ("failed", 33, AT)
    recorded(path, "I2.T1", failed=["I1.T2"])
    assert [each["status"] for each in json.loads(path.read_text())["iterations"]] == ["failed", "completed"]


def test_recording_again_or_a_task_that_is_gone_leaves_the_file_alone(tmp_path: Path) -> None:
    path = write(tmp_path, PRINTED)
    recorded(path, "I1.T2")
    before = path.stat()
    recorded(path, "I1.T2")
    recorded(path, "gone")
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_file_that_the_user_has_broken_meanwhile_is_not_written(tmp_path: Path) -> None:
    path = write(tmp_path, PRINTED[:-5])
    with pytest.raises(PlanError, match="this is not JSON"):
        recorded(path, "I1.T2")
    assert path.read_text() == PRINTED[:-5]


def test_tasks_recorded_at_once_are_all_written(tmp_path: Path) -> None:
    names = [f"T{number}" for number in range(12)]
    path = write(tmp_path, of(*(task(name) for name in names)))
    threads = [threading.Thread(target=recorded, args=(path, name)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert load_manifest(path).progress == 100
    assert [each.name for each in path.parent.iterdir()] == ["plan_manifest.json"]


def test_a_new_manifest_is_written_whole_and_never_over_another(tmp_path: Path) -> None:
    path = tmp_path / "plan" / "plan_manifest.json"
    create_manifest(path, new_manifest("R-1", "Änderung"))
    assert json.loads(path.read_text("utf-8")) == {
        "requirement_id": "R-1",
        "project_name": "Änderung",
        "iterations": [],
        "progress": 0,
    }
    assert "Änderung" in path.read_text("utf-8")
    with pytest.raises(ConfigError, match="exists already"):
        create_manifest(path, new_manifest("R-2", "Other"))


def test_a_created_manifest_reads_back_as_it_was(tmp_path: Path) -> None:
    path, manifest = tmp_path / "m.json", made([True, False], [False]).with_task_completed("I1.T0", AT)
    create_manifest(path, manifest)
    assert load_manifest(path).iterations == manifest.iterations


def test_a_folder_that_can_not_be_made_is_an_error_of_the_environment(tmp_path: Path) -> None:
    (tmp_path / "plan").write_text("a file")
    with pytest.raises(StorageError, match="can't be made"):
        create_manifest(tmp_path / "plan" / "m.json", new_manifest("R", "P"))


def test_a_manifest_without_a_project_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="needs a project name"):
        new_manifest("R", "")


# Changing values in JSON text

KEYS = st.sampled_from(["a", "b", "status", "progress"])
DOCUMENTS = st.dictionaries(
    KEYS,
    st.recursive(
        st.integers() | st.text() | st.none(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


@settings(deadline=None, max_examples=80)
@given(
    DOCUMENTS,
    st.dictionaries(KEYS, st.integers() | st.text() | st.booleans(), max_size=3),
    st.sampled_from([None, 0, 1, "\t"]),
)
def test_a_changed_text_has_the_new_values_and_all_the_others(
    document: dict[str, Any], new: dict[str, Any], indent: Any
) -> None:
    tree = jsontext.parse(json.dumps(document, indent=indent), "m.json")
    text = jsontext.changed(tree, [Change((), key, value) for key, value in new.items()])
    assert list(json.loads(text).items()) == list((document | new).items())


def test_keys_are_added_the_way_the_last_one_stands(tmp_path: Path) -> None:
    tree = jsontext.parse('{\n  "a": {},\n  "b": {"c": 1}\n}', "m.json")
    text = jsontext.changed(tree, [Change(("a",), "x", 1), Change(("b",), "y", value=True), Change((), "z", "v")])
    assert text == '{\n  "a": {"x": 1},\n  "b": {"c": 1, "y": true},\n  "z": "v"\n}'
