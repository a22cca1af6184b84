"""Which runner executes an agent: found by the key that defines what the agent does."""

from collections.abc import Mapping

from git_pliny.errors import ConfigError
from git_pliny.model.plan import Agent
from git_pliny.runners.base import Runner
from git_pliny.runners.check import CheckedRunner
from git_pliny.runners.command import CommandRunner
from git_pliny.runners.model import ModelRunner
from git_pliny.runners.preset import PresetRunner

RUNNERS: Mapping[str, Runner] = {"model": ModelRunner(), "use": PresetRunner(), "run": CommandRunner()}

CHECKED: Mapping[str, Runner] = {key: CheckedRunner(runner) for key, runner in RUNNERS.items()}


def runner_for(agent: Agent) -> Runner:
    """The runner of the agent's kind; ConfigError where its definition does not say what to run."""
    for key, runner in RUNNERS.items():
        if getattr(agent, key, None):
            return runner if agent.check is None else CHECKED[key]
    raise ConfigError(
        f"agent {agent.name!r} has nothing to run", hint=f"give it `run: COMMAND` in {agent.source or 'the plan file'}"
    )
