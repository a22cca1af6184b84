"""Attempts of agents for tests of runners: the first one of a session, with its files in a folder of its own."""

import os
from pathlib import Path
from typing import Any

from git_pliny.model.plan import Agent
from git_pliny.runners.base import Attempt


def attempt_of(agent: Agent, root: Path, **of: Any) -> Attempt:
    """The attempt of `agent` at `root`, other than usual in what `of` says."""
    usual: dict[str, Any] = {
        "session": "s",
        "run": "0badcafe",
        "phase": "p",
        "number": 1,
        "environ": dict(os.environ),
        "folder": root / "output" / f"{agent.name}@1",
        "grace_s": 0.2,
    }
    return Attempt(agent=agent, root=root, **(usual | of))
