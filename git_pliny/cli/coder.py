"""`--use`: which coding agent runs the agents that do not say it themselves, named or chosen."""

import sys
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

from git_pliny.cli import invocation, messages
from git_pliny.cli.declare import option
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.workbench import Workbench, settings_over, user_folder
from git_pliny.errors import ConfigError, UsageError
from git_pliny.git.repository import discover
from git_pliny.model.preset import Preset
from git_pliny.model.settings import Settings
from git_pliny.plans.coder import ChoosePreset
from git_pliny.plans.loading import LoadedPlan, load, read_sections
from git_pliny.plans.preset_files import Presets
from git_pliny.runners.installed import found

_TYPED = 80
_INIT = "git pliny init"


def _names() -> list[tuple[str, str]]:
    here = invocation.of_this_process()
    document = read_sections(discover(here.cwd, here.environ).root)
    return [(each.name, each.title) for each in document.presets(user_folder() / "presets").all.values()]


Use = Annotated[
    str | None,
    option(
        "--use",
        metavar="PRESET",
        help="The coding agent, such as claude, for agents that do not name one.",
        autocompletion=_names,
    ),
]


def load_plan(
    here: Invocation,
    bench: Workbench,
    *,
    plan_file: Path | None,
    framework: str | None,
    use: str | None,
    overrides: Mapping[str, Any],
    command: str,
    without_plan: str = _INIT,
) -> LoadedPlan:
    """The plan, with the settings of all layers; `command` is what was typed, `without_plan` what helps."""

    def settings_of(sections: Mapping[str, Any]) -> Settings:
        return settings_over(here, sections, None, overrides).settings

    return load(
        bench.repository.root,
        plan_file=plan_file,
        framework=framework,
        user_agents_dir=user_folder() / "agents",
        user_presets_dir=user_folder() / "presets",
        settings_of=settings_of,
        use=use,
        choose_preset=chooser(here, bench.repository.root, command),
        without_plan=without_plan,
    )


def chooser(here: Invocation, root: Path, command: str) -> ChoosePreset:
    """Takes the only preset that is installed; of several the one that a user at the terminal picks.

    `command` is what to type with `--use PRESET` behind it.
    """

    def choose(presets: Presets) -> str:
        here_now = found(presets.all.values(), here.environ, root)
        match here_now:
            case []:
                raise _nothing_installed(presets, command)
            case [only]:
                messages.note(f"using {only.name}, the only coding agent that is installed here")
                return only.name
        return _picked(here, here_now, command)

    return choose


def command_of(framework: str | None, task: str | None) -> str:
    """The command that was typed, with its task where that is short enough to be typed again."""
    chosen = "" if framework is None else f" --framework {quote(framework)}"
    words = "" if task is None else f" {quote(task)}" if len(task) <= _TYPED and task.isprintable() else ' "TASK"'
    return f"git pliny execute{chosen}{words}"


def instead_of_plan(task: str | None, use: str | None) -> str:
    """The command to type where there is no plan: one that needs none, if it was said what is to be done."""
    if task is None and use is None:
        return _INIT
    return command_of("rise", task or "WHAT IS TO BE DONE") + ("" if use is None else f" --use {quote(use)}")


def check_coder(loaded: LoadedPlan, use: str | None, *, task: str | None) -> None:
    """Refuse a `--use` that nothing takes, and built-in agents that have no task."""
    if use is not None and loaded.use is None:
        raise UsageError(
            f"--use {use}: every agent of this plan says itself what runs it",
            hint="git pliny execute --dry-run, or --framework rise for a plan of agents that do not",
        )
    if loaded.is_built_in and not task and not loaded.plan.task:
        framework = loaded.plan.framework or "rise"
        used = "" if use is None else f" --use {quote(use)}"
        raise UsageError(
            f"the agents of framework {framework} need a task",
            hint=f'git pliny execute --framework {framework}{used} "WHAT IS TO BE DONE"',
        )


def _nothing_installed(presets: Presets, command: str) -> ConfigError:
    first = next((each for each in presets.all.values() if each.name == "claude"), None)
    hint = f"{first.install}; then: {command} --use claude" if first and first.install else "git pliny agents list"
    return ConfigError("no coding agent is installed here that could run the plan", hint=hint)


def _picked(here: Invocation, installed: list[Preset], command: str) -> str:
    names = [each.name for each in installed]
    if here.stdin_is_terminal and here.stderr_is_terminal:
        sys.stderr.write(f"Which coding agent? {', '.join(names)}: ")
        sys.stderr.flush()
        said = sys.stdin.readline().strip()
        if said in names:
            return said
    commands = "\nhint: ".join(f"{command} --use {quote(name)}" for name in names)
    raise UsageError(f"several coding agents are installed here: {', '.join(names)}; say which one", hint=commands)
