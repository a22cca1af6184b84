import io
import json
from pathlib import Path

import pytest

from git_pliny.api import (
    CommandModel,
    DependencyNotMetError,
    ErrorCategory,
    ExecutionConfig,
    ExecutionError,
    PlanExecutor,
    PlanManifest,
    PlanTask,
    RunMode,
)
from git_pliny.errors import ConfigError

TASK = PlanTask(id="I1.T1", agent_id="a", title="First", description="Do it.", acceptance_criteria=("it works",))


class Script:
    """A model that plays what it is given: answers, and exceptions to raise."""

    def __init__(self, *moves: str | Exception) -> None:
        self.moves = list(moves)
        self.prompts: list[str] = []

    def generate(self, prompt: str) -> str:
        self.prompts.append(prompt)
        move = self.moves.pop(0)
        if isinstance(move, Exception):
            raise move
        return move


def task(number: str, *needs: str, completed: bool = False) -> dict[str, object]:
    return {"id": number, "agent_id": "a", "title": number, "dependencies": list(needs), "completed": completed}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A manifest of two iterations with two tasks each."""
    path = tmp_path / "plan" / "plan_manifest.json"
    path.parent.mkdir()
    iterations = [
        {"id": f"I{number}", "tasks": [task(f"I{number}.T1"), task(f"I{number}.T2", f"I{number}.T1")]}
        for number in (1, 2)
    ]
    path.write_text(json.dumps({"requirement_id": "R", "project_name": "demo", "iterations": iterations}))
    return path


def test_the_default_configuration_is_the_documented_one() -> None:
    config = ExecutionConfig()
    assert (config.resume, config.skip_completed, config.check_dependencies) == (False, True, True)
    assert config.state_path == Path("plan/plan_manifest.json")
    assert config.context_files is None
    assert config.run_mode == RunMode.bounded(5)


def test_a_missing_manifest_is_created(tmp_path: Path) -> None:
    path = tmp_path / "plan" / "plan_manifest.json"
    executor = PlanExecutor()
    manifest = executor.load_manifest(path, requirement_id="REQ-1", project_name="demo")
    assert (manifest.requirement_id, manifest.iterations) == ("REQ-1", ())
    assert executor.load_manifest(path).project_name == "demo"
    assert executor.calculate_progress(manifest) == 0


def test_a_rate_limit_is_retried_with_doubling_waits() -> None:
    waits: list[float] = []
    limited = ExecutionError("Rate limit exceeded (429)")
    model = Script(limited, limited, limited, "done")
    result = PlanExecutor(sleep=waits.append).execute_task_with_retry(TASK, model, 3, 1000)
    assert (result.success, result.response, result.attempts) == (True, "done", 4)
    assert waits == [1.0, 2.0, 4.0]


def test_retries_end_and_the_last_error_is_told() -> None:
    limited = ExecutionError("Rate limit exceeded")
    result = PlanExecutor(sleep=lambda _: None).execute_task_with_retry(TASK, Script(*[limited] * 9), 2, 1)
    assert (result.success, result.attempts) == (False, 3)
    assert result.error is limited


@pytest.mark.parametrize("words", ["Unauthorized (401)", "Missing configuration: api_key", "Agent not found: x"])
def test_a_fatal_error_fails_at_once(words: str) -> None:
    error = ExecutionError(words)
    assert error.category() is ErrorCategory.FATAL
    result = PlanExecutor(sleep=lambda _: pytest.fail("waited")).execute_task_with_retry(TASK, Script(error), 3, 1000)
    assert result.attempts == 1


def test_any_exception_of_a_model_is_evidence() -> None:
    class HTTPError(Exception):
        status_code = 503

    result = PlanExecutor().execute_task(TASK, Script(HTTPError("no")))
    assert result.error is not None
    assert result.error.category() is ErrorCategory.RECOVERABLE
    again = PlanExecutor().execute_task(TASK, Script(TimeoutError()))
    assert again.error is not None
    assert again.error.category() is ErrorCategory.RECOVERABLE


def test_context_and_acceptance_criteria_are_in_the_prompt() -> None:
    model = Script("ok")
    PlanExecutor.with_config(ExecutionConfig(context_files="# Notes")).execute_task(TASK, model)
    assert model.prompts[0].startswith("# Notes\n\n# First")
    assert "- it works" in model.prompts[0]


def test_an_unmet_dependency_is_fatal_and_named(state: Path) -> None:
    executor = PlanExecutor()
    manifest = executor.load_manifest(state)
    with pytest.raises(DependencyNotMetError, match=r"Dependency task not completed: I1\.T1") as unmet:
        executor.check_dependencies(manifest, manifest.task("I1.T2"))
    assert unmet.value.category() is ErrorCategory.FATAL
    executor.check_dependencies(manifest, manifest.task("I1.T1"))


def run(executor: PlanExecutor, manifest: PlanManifest, model: Script) -> list[str]:
    return [result.task_id for result, _ in executor.execute_plan(manifest, lambda _: model)]


def test_a_bounded_run_stops_after_its_iterations_and_a_resumed_one_goes_on(state: Path) -> None:
    config = ExecutionConfig(state_path=state, run_mode=RunMode.bounded(1))
    executor = PlanExecutor.with_config(config)
    assert run(executor, executor.load_manifest(), Script("1", "2")) == ["I1.T1", "I1.T2"]
    manifest = executor.load_manifest()
    assert executor.calculate_progress(manifest) == 50
    resumed = PlanExecutor.with_config(ExecutionConfig(state_path=state, resume=True, run_mode=RunMode.continuous()))
    assert run(resumed, manifest, Script("3", "4")) == ["I2.T1", "I2.T2"]
    assert json.loads(state.read_text())["progress"] == 100


def test_a_failed_task_ends_the_run_and_is_written_back(state: Path) -> None:
    executor = PlanExecutor.with_config(ExecutionConfig(state_path=state))
    ((result, manifest),) = executor.execute_plan(executor.load_manifest(), lambda _: Script(ExecutionError("401")))
    assert not result.success
    assert manifest.iterations[0].status == "failed"


def test_a_dependency_that_failed_is_not_run_into(state: Path) -> None:
    text = state.read_text().replace('"dependencies": []', '"dependencies": ["I2.T2"]', 1)
    state.write_text(text)
    executor = PlanExecutor.with_config(ExecutionConfig(state_path=state))
    ((result, _),) = executor.execute_plan(executor.load_manifest(), lambda _: Script())
    assert isinstance(result.error, DependencyNotMetError)
    assert result.attempts == 0


def test_a_run_needs_at_least_one_iteration() -> None:
    with pytest.raises(ConfigError):
        RunMode.bounded(0)


def test_progress_is_a_line(state: Path) -> None:
    shown = io.StringIO()
    executor = PlanExecutor()
    executor.print_progress(executor.load_manifest(state), 1, 120.0, "Task 1.1", file=shown)
    assert shown.getvalue() == "[  0%] 0/4 tasks, iteration 1, 2m: Task 1.1\n"


def test_a_command_can_be_the_model() -> None:
    assert CommandModel("cat").generate("hello") == "hello"
    assert CommandModel(("tr", "a-z", "A-Z")).generate("hello") == "HELLO"


@pytest.mark.parametrize(
    ("model", "category"),
    [
        (CommandModel("exit 75"), ErrorCategory.RECOVERABLE),
        (CommandModel("exit 3"), ErrorCategory.FATAL),
        (CommandModel("kill -9 $$"), ErrorCategory.FATAL),
        (CommandModel(("no-such-program",)), ErrorCategory.FATAL),
        (CommandModel("sleep 5", 0.05), ErrorCategory.RECOVERABLE),
    ],
)
def test_a_command_that_fails_is_categorised(model: CommandModel, category: ErrorCategory) -> None:
    with pytest.raises(ExecutionError) as failed:
        model.generate("")
    assert failed.value.category() is category
