"""What agents that ask a model need on this machine, checked before anything runs: the extra, and their keys."""

import re
import shlex
import sys
from collections.abc import Collection, Mapping
from importlib import metadata, util
from pathlib import Path

from git_pliny.errors import ConfigError
from git_pliny.executor.options import Order
from git_pliny.model.endpoint import PROVIDERS
from git_pliny.model.plan import Agent
from git_pliny.plans.checks import CHECKS
from git_pliny.runners.model import EXTRA, PACKAGES

PACKAGE = "git-pliny"

_HEADER = re.compile(r"[!-~]+")


def check_models(order: Order, completed: Collection[str]) -> None:
    """ConfigError for the first agent that may run and can't ask its model."""
    plan, options = order.plan, order.options
    asked = plan.agents if options.only is None else options.only
    for name, agent in (plan.agents | plan.resolvers).items():
        is_left = name in plan.resolvers or (name in asked and (name not in completed or name in options.rerun))
        if agent.model is not None and is_left:
            _check(agent, order.environ)


def _check(agent: Agent, environ: Mapping[str, str]) -> None:
    assert agent.model is not None  # noqa: S101 - only such agents are looked at
    where = f"{agent.source}: agent '{agent.name}' asks the model {agent.model.full_name}"
    if not all(util.find_spec(package) for package in PACKAGES):
        raise ConfigError(f"{where}; the packages for that are not installed", hint=install_command())
    endpoint = agent.model.endpoint({**environ, **agent.env})
    if CHECKS["url"](endpoint.base_url):  # the plan's own was checked as it was read
        told = " or ".join(PROVIDERS[agent.model.provider].addresses)
        raise ConfigError(
            f"{where}; what {told} holds is not an address", hint="it should look like http://localhost:8000/v1"
        )
    if endpoint.lacks_key:
        names = agent.model.key_variables()
        others = f" (nor {', '.join(names[1:])})" if names[1:] else ""
        raise ConfigError(f"{where}; its key {names[0]} is not set{others}", hint=f"export {names[0]}=…")
    if endpoint.key and not _HEADER.fullmatch(endpoint.key):
        told = " or ".join(agent.model.key_variables())
        raise ConfigError(f"{where}; what {told} holds is no key: it has line breaks, spaces or foreign letters")


def install_command() -> str:
    """The command that adds to this very installation what the extra needs, wherever the rest of it came from."""
    environment = Path(sys.prefix)
    if "pipx" in environment.parts:
        return shlex.join(["pipx", "inject", PACKAGE, *_wanted()])
    if environment.parts[-3:-1] == ("uv", "tools"):
        return shlex.join(["uv", "pip", "install", "--python", sys.executable, *_wanted()])
    return shlex.join([sys.executable, "-m", "pip", "install", *_wanted()])


def _wanted() -> list[str]:
    """What the extra asks for, as this installation's own metadata says."""
    try:
        told = metadata.requires(PACKAGE) or ()
    except metadata.PackageNotFoundError:
        told = ()
    parts = [(wanted.strip(), marker) for wanted, _, marker in (each.partition(";") for each in told)]
    own = [wanted for wanted, marker in parts if f"'{EXTRA}'" in marker.replace('"', "'")]
    return [wanted for wanted in own if not wanted.startswith(PACKAGE)] or [f"{PACKAGE}[{EXTRA}]"]
