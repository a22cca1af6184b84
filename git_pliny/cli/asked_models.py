"""What agents that ask a model need on this machine, checked before anything runs: the extra, and their keys."""

import json
import shlex
import sys
from collections.abc import Collection, Mapping
from importlib import metadata, util
from pathlib import Path
from urllib.parse import unquote, urlsplit

from git_pliny.errors import ConfigError
from git_pliny.executor.options import Order
from git_pliny.model.plan import Agent
from git_pliny.runners.model import EXTRA, PACKAGES

_INSTALLED = ("lib", "git-pliny", "venv")
"""Where install.sh puts its virtual environment, below the prefix."""


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
    if agent.model.endpoint({**environ, **agent.env}).lacks_key:
        names = agent.model.key_variables()
        others = f" (nor {', '.join(names[1:])})" if names[1:] else ""
        raise ConfigError(f"{where}; its key {names[0]} is not set{others}", hint=f"export {names[0]}=…")


def install_command() -> str:
    """The command that adds the extra to this very installation."""
    environment, source = Path(sys.prefix), _source()
    if environment.parts[-3:] == _INSTALLED and source and (source / "install.sh").is_file():
        prefix = environment.parents[2]
        return shlex.join([str(source / "install.sh"), "--prefix", str(prefix), "--with", EXTRA])
    what = f"git-pliny[{EXTRA}] @ {source.as_uri()}" if source else f"git-pliny[{EXTRA}]"
    if "pipx" in environment.parts:
        return shlex.join(["pipx", "install", "--force", what])
    if environment.parts[-3:-1] == ("uv", "tools"):
        return shlex.join(["uv", "tool", "install", "--force", what])
    return shlex.join([sys.executable, "-m", "pip", "install", what])


def _source() -> Path | None:
    """The checkout that this was installed from (PEP 610), if it is there."""
    try:
        told = metadata.distribution("git-pliny").read_text("direct_url.json")
        url = urlsplit(json.loads(told or "{}").get("url", ""))
    except (metadata.PackageNotFoundError, ValueError, AttributeError):
        return None
    path = Path(unquote(url.path))
    return path if url.scheme == "file" and path.is_dir() else None
