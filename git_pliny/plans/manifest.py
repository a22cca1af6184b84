"""Plan manifests (`plan_manifest.json`, DESIGN section 5) as values: iterations of tasks, and what is done of them.

Their files are `manifest_file`'s business. Keys that are not named here stay in the file and are not looked at.
"""

from collections.abc import Callable, Collection, Iterator
from enum import StrEnum

import msgspec

from git_pliny.errors import ConfigError, NotFoundError
from git_pliny.model.plan import Agent, ManifestLink, Phase, Plan
from git_pliny.model.prompt import with_task
from git_pliny.plans.nodes import Mapping, place_of
from git_pliny.plans.positions import Place, quoted, suggestion
from git_pliny.plans.prompts import parse_template
from git_pliny.plans.rules import Member, check_names, check_needs
from git_pliny.plans.schema import Name, Text, Words

ResolveAgent = Callable[[str, Place], Agent]
"""Finds the agent that a task names at a place, or raises an error that begins with that place."""

_ALL = 100


class IterationStatus(StrEnum):
    NOT_STARTED = "not_started"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"


class TaskMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """What else a task says; `check` is a command that decides whether it is done, in the forms of an agent's `run`."""

    check: Text | Words | None = None


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One unit of work, given to the agent `agent_id`; `dependencies` are the ids of tasks."""

    id: Name
    number: str = ""
    title: str = ""
    description: str = ""
    agent_id: Name
    dependencies: tuple[Name, ...] = ()
    acceptance_criteria: tuple[str, ...] = ()
    completed: bool = False
    metadata: TaskMetadata | None = None

    @property
    def words(self) -> str:
        """Title and description, as Markdown."""
        parts = [f"# {self.title or self.id}", self.description]
        return "\n\n".join(part.strip() for part in parts if part.strip())

    @property
    def prompt(self) -> str:
        """What the agent is told, as Markdown."""
        criteria = "Acceptance criteria:\n\n" + "\n".join(f"- {each}" for each in self.acceptance_criteria)
        return "\n\n".join([self.words, criteria.strip()] if self.acceptance_criteria else [self.words]) + "\n"


class Iteration(msgspec.Struct, frozen=True, kw_only=True):
    """Tasks that belong together; iterations run one after another."""

    id: Name
    number: str = ""
    name: str = ""
    status: IterationStatus = IterationStatus.NOT_STARTED
    tasks: tuple[Task, ...] = ()

    def with_task(self, task: Task, failed: Collection[str]) -> "Iteration":
        """The iteration with `task` in the place of the one that has its id, and the status that follows."""
        tasks = tuple(task if each.id == task.id else each for each in self.tasks)
        changed = msgspec.structs.replace(self, tasks=tasks)
        return msgspec.structs.replace(changed, status=changed.status_after(failed))

    def status_after(self, failed: Collection[str]) -> IterationStatus:
        """What the status is when the tasks named by `failed` have failed for good."""
        done = [task.completed for task in self.tasks]
        if all(done):
            return IterationStatus.COMPLETED
        if any(task.id in failed and not task.completed for task in self.tasks):
            return IterationStatus.FAILED
        return IterationStatus.IN_PROGRESS if any(done) else IterationStatus.NOT_STARTED


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of the file; `updated_at` is a time as its writer wrote it."""

    requirement_id: str = ""
    project_name: str = ""
    iterations: tuple[Iteration, ...] = ()
    updated_at: str | None = None


class Manifest(Content, frozen=True, kw_only=True):
    """A manifest, with the places of its file where it was read from one."""

    file: str = "the manifest"
    node: Mapping | None = None

    @property
    def progress(self) -> int:
        """How many of a hundred tasks are completed, rounded down, so that 100 means all; 0 where there is no task."""
        done = [task.completed for task in self.tasks()]
        return len([each for each in done if each]) * _ALL // len(done) if done else 0

    def tasks(self) -> Iterator[Task]:
        """Every task in order."""
        return (task for iteration in self.iterations for task in iteration.tasks)

    def task(self, task_id: str) -> Task:
        """The task of that id; NotFoundError where there is none."""
        for task in self.tasks():
            if task.id == task_id:
                return task
        near = suggestion(task_id, [task.id for task in self.tasks()])
        raise NotFoundError(f"{self.file} has no task {quoted(task_id)}{near}")

    def unmet(self, task: Task) -> tuple[str, ...]:
        """The dependencies of `task` that are not completed, or no tasks at all."""
        completed = {each.id for each in self.tasks() if each.completed}
        return tuple(each for each in task.dependencies if each not in completed)

    def with_task_completed(self, task_id: str, at: str, *, failed: Collection[str] = ()) -> "Manifest":
        """The manifest once the task is completed; `failed` are the tasks that have failed for good by now."""
        done = msgspec.structs.replace(self.task(task_id), completed=True)
        return self._with(done, at, failed)

    def with_task_failed(self, task_id: str, at: str, *, failed: Collection[str] = ()) -> "Manifest":
        """The manifest once the task has failed for good: its iteration has, the task itself stays to be done."""
        return self._with(self.task(task_id), at, {*failed, task_id})

    def _with(self, task: Task, at: str, failed: Collection[str]) -> "Manifest":
        iterations = tuple(
            each.with_task(task, failed) if task.id in {other.id for other in each.tasks} else each
            for each in self.iterations
        )
        return msgspec.structs.replace(self, iterations=iterations, updated_at=at)

    def place(self, *path: str | int) -> Place:
        """Where the value at `path` stands, as in `place("iterations", 0, "tasks", 1, "agent_id")`."""
        return Place(self.file) if self.node is None else place_of(self.node, *path)

    def to_plan(self, resolve_agent: ResolveAgent, *, path: str, context: tuple[str, ...] = ()) -> Plan:
        """Iterations as phases and tasks as agents; `path` is the file's, relative to the repository root.

        A dependency on a completed task of a later iteration is met, and no need any more.
        """
        members = self._members()
        if not members:
            raise self.place("iterations").error("the manifest has no tasks", hint="add tasks to its `iterations`")
        self._check(members)
        agents = {task.id: self._agent(task, members, resolve_agent, place) for task, place in self._placed()}
        return Plan(
            name=self.project_name or self.requirement_id or self.file,
            phases=tuple(
                Phase(name=each.id, agents=tuple(task.id for task in each.tasks), title=each.name)
                for each in self.iterations
                if each.tasks
            ),
            agents=agents,
            context=context,
            manifest=ManifestLink(path=path, completed=tuple(task.id for task in self.tasks() if task.completed)),
        )

    def _placed(self) -> Iterator[tuple[Task, tuple[str | int, ...]]]:
        for number, iteration in enumerate(self.iterations):
            for index, task in enumerate(iteration.tasks):
                yield task, ("iterations", number, "tasks", index)

    def _members(self) -> dict[str, Member]:
        """Every task with its needs; a dependency that is completed already counts only where it comes earlier."""
        found: dict[str, Member] = {}
        later = {task.id: path[1] for task, path in self._placed() if task.completed}
        for task, path in self._placed():
            place = self.place(*path, "id")
            if task.id in found:
                raise place.error(
                    f"task {quoted(task.id)} is there twice; the first is in line {found[task.id].place.line}"
                )
            phase = int(path[1])
            needs = {
                each: self.place(*path, "dependencies", index)
                for index, each in enumerate(task.dependencies)
                if int(later.get(each, 0)) <= phase
            }
            found[task.id] = Member(name=task.id, phase=phase, place=place, needs=needs)
        return found

    def _check(self, members: dict[str, Member]) -> None:
        seen: dict[str, Place] = {}
        for number, iteration in enumerate(self.iterations):
            place = self.place("iterations", number, "id")
            if iteration.id in seen:
                raise place.error(f"iteration {quoted(iteration.id)} is there twice")
            seen[iteration.id] = place
        names = [("iteration", name, place) for name, place in seen.items()]
        check_names(names + [("task", member.name, member.place) for member in members.values()])
        check_needs(members, noun="task")

    def _agent(
        self, task: Task, members: dict[str, Member], resolve_agent: ResolveAgent, path: tuple[str | int, ...]
    ) -> Agent:
        agent = resolve_agent(task.agent_id, self.place(*path, "agent_id"))
        return msgspec.structs.replace(
            agent,
            name=task.id,
            needs=tuple(members[task.id].needs),
            prompt=_prompt(agent, task),
            task=task.words if agent.template else None,
            acceptance_criteria=task.acceptance_criteria if agent.template else (),
            check=(task.metadata.check if task.metadata else None) or agent.check,
            title=task.title,
            source=str(self.place(*path)),
        )


def _prompt(agent: Agent, task: Task) -> str:
    """What the agent's own prompt says and does not say of the task; the task's own words are no template."""
    if not agent.prompt:
        return task.prompt
    if agent.template:
        names = parse_template(agent.prompt).names
        return with_task(agent.prompt, names=names, criteria=bool(task.acceptance_criteria))
    return f"{agent.prompt.rstrip()}\n\n{task.prompt}"


def new_manifest(requirement_id: str, project_name: str) -> Manifest:
    """A manifest without iterations yet."""
    if not project_name:
        raise ConfigError("a manifest needs a project name")
    return Manifest(requirement_id=requirement_id, project_name=project_name)
