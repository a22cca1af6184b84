"""What plan files give can always be executed from a session that keeps it."""

from pathlib import Path

import msgspec
import pytest

from git_pliny.errors import ConfigError
from git_pliny.model.codec import encode_plan
from git_pliny.model.plan import Agent, Phase, Plan
from git_pliny.plans.loading import load
from git_pliny.plans.stored import LARGEST, stored_plan

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").rglob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_taken_back_as_it_was(path: Path) -> None:
    plan = load(path.parent, plan_file=path).plan
    assert stored_plan(encode_plan(plan)) == msgspec.structs.replace(plan, manifest=None)


@pytest.mark.parametrize("framework", ["rise", "care"])
def test_a_framework_with_the_agents_that_come_along_is_taken_back(tmp_path: Path, framework: str) -> None:
    plan = load(tmp_path, framework=framework, use="claude").plan
    assert stored_plan(encode_plan(plan)) == plan


def test_a_manifest_is_taken_back_without_its_file(tmp_path: Path) -> None:
    file = tmp_path / "plan/plan_manifest.json"
    file.parent.mkdir()
    task = (
        '{"id": "I1.T1", "number": 1, "title": "Do it", "agent_id": "worker", "dependencies": [], "completed": false}'
    )
    head = '{"requirement_id": "R", "project_name": "p", "progress": 0, "iterations": [{"id": "I1", "number": 1, "name": "x"'
    file.write_text(f'{head}, "status": "not_started", "tasks": [{task}]}}]}}')
    (tmp_path / "pliny.yaml").write_text("agents: {worker: {run: 'true'}}")
    plan = load(tmp_path).plan
    assert plan.manifest is not None
    assert stored_plan(encode_plan(plan)) == msgspec.structs.replace(plan, manifest=None)


def test_a_plan_of_ten_thousand_agents_is_taken_back_and_a_larger_text_than_any_is_none() -> None:
    names = tuple(f"a{number}" for number in range(10_000))
    agents = {name: Agent(name=name, run="true", needs=names[:1] if name != "a0" else ()) for name in names}
    plan = Plan(name="n", phases=(Phase(name="p", agents=names),), agents=agents)
    assert stored_plan(encode_plan(plan)) == plan
    with pytest.raises(ConfigError, match="is none"):
        stored_plan(encode_plan(plan) + b" " * LARGEST)
