"""The Python interface to plan manifests: load or create one, check needs, run tasks with retries, show progress.

The names are those of the plan execution system that the project comes from, in Python's spelling. It writes the
manifest after every task and nothing else: sessions, checkpoints and the audit trail are `git pliny execute`'s.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol, Self, TextIO

import msgspec
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from git_pliny.errors import ConfigError, PlinyError
from git_pliny.model.duration import render_duration
from git_pliny.model.failure import Evidence, Failure, classify
from git_pliny.model.settings import Category
from git_pliny.plans.manifest import Iteration, Manifest, Task, new_manifest
from git_pliny.plans.manifest_file import create_manifest, load_manifest, record_task

PlanManifest = Manifest
PlanIteration = Iteration
PlanTask = Task

DEFAULT_STATE_PATH = Path("plan/plan_manifest.json")
SANITY_LIMIT = 100
"""After how many rounds over the iterations a continuous run stops by itself."""


class ErrorCategory(StrEnum):
    """Whether trying again can help."""

    RECOVERABLE = "recoverable"
    FATAL = "fatal"


class ExecutionError(PlinyError):
    """Why a task did not succeed; `failure` says which category that is and from which evidence."""

    def __init__(self, message: str, *, evidence: Evidence | None = None) -> None:
        super().__init__(message)
        self.failure: Failure = classify(evidence or Evidence(tail=message))

    def category(self) -> ErrorCategory:
        """RECOVERABLE errors are retried, FATAL ones fail at once."""
        return ErrorCategory.RECOVERABLE if self.failure.recoverable else ErrorCategory.FATAL


class DependencyNotMetError(ExecutionError):
    """A task that this one needs has not completed; never retried."""

    def __init__(self, dependency: str) -> None:
        super().__init__(f"Dependency task not completed: {dependency}", evidence=Evidence(unmet_needs=(dependency,)))


class RunMode(msgspec.Struct, frozen=True):
    """How many iterations to run; `limit` is None for as many as the plan needs."""

    limit: int | None

    @classmethod
    def bounded(cls, iterations: int) -> Self:
        """At most this many."""
        if iterations < 1:
            raise ConfigError(f"a bounded run needs at least one iteration, not {iterations}")
        return cls(iterations)

    @classmethod
    def continuous(cls) -> Self:
        """Until the plan is complete, with a sanity limit."""
        return cls(None)


class ExecutionConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a `PlanExecutor` does. `context_files` is the text of context files, put before every task's prompt."""

    resume: bool = False
    skip_completed: bool = True
    check_dependencies: bool = True
    state_path: Path = DEFAULT_STATE_PATH
    context_files: str | None = None
    run_mode: RunMode = RunMode(5)


class Model(Protocol):
    """Whatever turns a prompt into an answer; any exception counts as a failure of the task, by its category."""

    def generate(self, prompt: str) -> str: ...


class CommandModel(msgspec.Struct, frozen=True):
    """A command as a model: the prompt on standard input, the answer on standard output. A string is for the shell."""

    command: str | tuple[str, ...]
    timeout_s: float | None = None

    def generate(self, prompt: str) -> str:
        """The command's output; ExecutionError where it fails."""
        argv = ["/bin/sh", "-c", self.command] if isinstance(self.command, str) else list(self.command)
        try:
            done = subprocess.run(
                argv, input=prompt, capture_output=True, text=True, timeout=self.timeout_s, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise ExecutionError(f"no end after {self.timeout_s} s", evidence=Evidence(timed_out=True)) from error
        except OSError as error:
            evidence = Evidence(launch_errno=error.errno, launch_error=str(error))
            raise ExecutionError(str(error), evidence=evidence) from error
        if done.returncode != 0:
            tail = (done.stdout + done.stderr)[-16_384:]
            signal = -done.returncode if done.returncode < 0 else None
            evidence = Evidence(exit_code=done.returncode if signal is None else None, signal=signal, tail=tail)
            raise ExecutionError(tail.strip() or f"exit status {done.returncode}", evidence=evidence)
        return done.stdout


class TaskResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a task went: its answer, or the error of its last attempt."""

    task_id: str
    success: bool
    response: str | None = None
    error: ExecutionError | None = None
    attempts: int = 1


class PlanExecutor:
    """Executes the tasks of a manifest. `sleep` waits between attempts, in seconds."""

    def __init__(self, config: ExecutionConfig | None = None, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.config = config or ExecutionConfig()
        self._sleep = sleep

    @classmethod
    def with_config(cls, config: ExecutionConfig) -> Self:
        """An executor with this configuration."""
        return cls(config)

    def load_manifest(
        self, path: Path | None = None, *, requirement_id: str = "", project_name: str = "plan"
    ) -> PlanManifest:
        """The manifest at `path` (by default the configured one), created empty where the file is missing."""
        place = path or self.config.state_path
        if not place.exists():
            create_manifest(place, new_manifest(requirement_id, project_name))
        return load_manifest(place)

    def check_dependencies(self, manifest: PlanManifest, task: PlanTask) -> None:
        """Raise DependencyNotMetError for the first task that `task` needs and that is not completed."""
        for dependency in manifest.unmet(task):
            raise DependencyNotMetError(dependency)

    def execute_task(self, task: PlanTask, model: Model) -> TaskResult:
        """One attempt."""
        return self.execute_task_with_retry(task, model, 0)

    def execute_task_with_retry(
        self, task: PlanTask, model: Model, max_retries: int = 3, base_delay_ms: int = 1000
    ) -> TaskResult:
        """Attempts until one succeeds, fails fatally, or `max_retries` are used; waits base * 2^attempt in between."""
        retrying = Retrying(
            stop=stop_after_attempt(max_retries + 1),
            wait=wait_exponential(multiplier=base_delay_ms / 1000),
            retry=retry_if_exception(_is_recoverable),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            response = retrying(self._attempt, task, model)
        except ExecutionError as error:
            attempts = int(retrying.statistics["attempt_number"])
            return TaskResult(task_id=task.id, success=False, error=error, attempts=attempts)
        attempts = int(retrying.statistics["attempt_number"])
        return TaskResult(task_id=task.id, success=True, response=response, attempts=attempts)

    def execute_plan(
        self, manifest: PlanManifest, model_for: Callable[[PlanTask], Model]
    ) -> Iterator[tuple[TaskResult, PlanManifest]]:
        """Run the tasks by the run mode, writing the manifest back after each; stops after one that failed.

        Gives each task's result with the manifest as it is then. With `resume`, what is on disk counts, not `manifest`.
        """
        current = load_manifest(self.config.state_path) if self.config.resume else manifest
        limit = SANITY_LIMIT if self.config.run_mode.limit is None else self.config.run_mode.limit
        open_ones = [each for each in current.iterations if self._to_run(each)]
        for iteration in open_ones[:limit]:
            for task in self._to_run(iteration):
                result = self._execute_checked(current, task, model_for)
                current = self._save(task, success=result.success)
                yield result, current
                if not result.success:
                    return

    def calculate_progress(self, manifest: PlanManifest) -> int:
        """Percent of the tasks that are completed, 0 to 100."""
        return manifest.progress

    def print_progress(
        self,
        manifest: PlanManifest,
        execution_iteration: int,
        elapsed_s: float,
        current_task: str | None = None,
        *,
        file: TextIO | None = None,
    ) -> None:
        """Write a line: percent, tasks, iteration, time, the task under way."""
        tasks = list(manifest.tasks())
        done = sum(task.completed for task in tasks)
        line = f"[{manifest.progress:3d}%] {done}/{len(tasks)} tasks, iteration {execution_iteration}"
        line += f", {render_duration(elapsed_s)}" + (f": {current_task}" if current_task else "")
        (file or sys.stdout).write(line + "\n")

    def _to_run(self, iteration: PlanIteration) -> list[PlanTask]:
        return [task for task in iteration.tasks if not (self.config.skip_completed and task.completed)]

    def _execute_checked(
        self, manifest: PlanManifest, task: PlanTask, model_for: Callable[[PlanTask], Model]
    ) -> TaskResult:
        if self.config.check_dependencies:
            try:
                self.check_dependencies(manifest, task)
            except DependencyNotMetError as error:
                return TaskResult(task_id=task.id, success=False, error=error, attempts=0)
        return self.execute_task_with_retry(task, model_for(task))

    def _save(self, task: PlanTask, *, success: bool) -> PlanManifest:
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return record_task(self.config.state_path, task.id, at, completed=success)

    def _attempt(self, task: PlanTask, model: Model) -> str:
        context = self.config.context_files
        prompt = f"{context.rstrip()}\n\n{task.prompt}" if context else task.prompt
        try:
            return model.generate(prompt)
        except ExecutionError:
            raise
        except Exception as error:  # a model may be any code: what it raises is evidence
            status = getattr(error, "status_code", None)
            evidence = Evidence(
                exception=type(error).__name__,
                http_status=status if isinstance(status, int) else None,
                tail=str(error),
            )
            raise ExecutionError(str(error) or type(error).__name__, evidence=evidence) from error


def _is_recoverable(error: BaseException) -> bool:
    return isinstance(error, ExecutionError) and error.category() is ErrorCategory.RECOVERABLE


__all__ = [
    "Category",
    "CommandModel",
    "DependencyNotMetError",
    "ErrorCategory",
    "ExecutionConfig",
    "ExecutionError",
    "Model",
    "PlanExecutor",
    "PlanIteration",
    "PlanManifest",
    "PlanTask",
    "RunMode",
    "TaskResult",
]
