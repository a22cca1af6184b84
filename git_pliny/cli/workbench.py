"""What every command that writes works with: the repository, the settings in force, the masking, the clock."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import msgspec
import platformdirs

from git_pliny.cli import messages
from git_pliny.cli.invocation import Invocation
from git_pliny.config import Resolved, resolve
from git_pliny.errors import PlanError
from git_pliny.git.repository import Repository, discover
from git_pliny.git.signing import Signer
from git_pliny.masking import Masker
from git_pliny.model.plan import Agent, Plan
from git_pliny.model.settings import Settings
from git_pliny.plans.loading import read_sections
from git_pliny.store.artifacts import Bounds

USER_FOLDER = "pliny"


class Workbench(msgspec.Struct, frozen=True, kw_only=True):
    """One command's surroundings."""

    repository: Repository
    settings: Settings
    masker: Masker
    signer: Signer

    @property
    def bounds(self) -> Bounds:
        """What is stored of files, and what signs checkpoints."""
        return Bounds(self.masker, self.settings.output.limit, self.signer)

    def for_plan(self, here: Invocation, plan: Plan) -> Self:
        """The same, with the secrets masked that the plan itself hands to its agents as variables."""
        agents = (*plan.agents.values(), *plan.resolvers.values())
        given = list({tuple(sorted(agent.env.items())): agent.env for agent in agents if agent.env}.values())
        given += [{"API_KEY": key} for key in _named_keys(here.environ, agents)]
        if not given:
            return self
        return msgspec.structs.replace(self, masker=Masker(here.environ, self.settings.masking, given=given))

    @staticmethod
    def clock() -> int:
        """Microseconds since the epoch."""
        return time.time_ns() // 1000


def _named_keys(environ: Mapping[str, str], agents: Iterable[Agent]) -> set[str]:
    """What stands in the variables that agents name as the one with their key, whatever those are called."""
    named = ((agent.env, agent.model.api_key_env) for agent in agents if agent.model and agent.model.api_key_env)
    return {key for env, name in named if (key := env.get(name, environ.get(name, "")))}


def open_workbench(
    here: Invocation,
    *,
    repository: Repository | None = None,
    plan_file: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Workbench:
    """The repository that the command was called in (found here if not before), with the settings of all layers."""
    repository = repository or discover(here.cwd, here.environ)
    document = read_sections(repository.root, plan_file=plan_file)
    resolved = settings_over(here, document.sections, document.name, overrides or {})
    return Workbench(
        repository=repository,
        settings=resolved.settings,
        masker=Masker(here.environ, resolved.settings.masking),
        signer=_signer(repository, resolved.settings),
    )


def open_workbench_anyway(here: Invocation) -> Workbench:
    """The same where the plan file is broken, with the settings of the other layers: a rollback may mend the file."""
    try:
        return open_workbench(here)
    except PlanError as error:
        settings = settings_over(here, {}, None, {}).settings  # refuses, too, where it is the user's own file
        messages.warning(f"{error.message}; going on without the settings in it")
        masker = Masker(here.environ, settings.masking)
        repository = discover(here.cwd, here.environ)
        return Workbench(repository=repository, settings=settings, masker=masker, signer=_signer(repository, settings))


def _signer(repository: Repository, settings: Settings) -> Signer:
    return Signer(repository, settings.sharing.sign, messages.warning)


def settings_over(
    here: Invocation, sections: Mapping[str, Any], name: str | None, overrides: Mapping[str, Any]
) -> Resolved:
    """All layers of settings, those of a plan file and of the command line among them."""
    return resolve(
        user_file=user_folder() / "config.toml",
        plan_sections=sections,
        plan_file=name,
        environ=here.environ,
        overrides=overrides,
    )


def user_folder() -> Path:
    """Where the user's settings and agents are."""
    return platformdirs.user_config_path(USER_FOLDER)
