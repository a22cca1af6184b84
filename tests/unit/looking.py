"""Calling commands as `main` does, with what the terminal is like."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from scratch import Scratch

from git_pliny.cli.invocation import Invocation

NOW = 1_700_010_000.0
"""A few hours after the clock of `stores` began."""


def invocation(scratch: Scratch, *, env: Mapping[str, str] | None = None, **settings: Any) -> Invocation:
    return Invocation(cwd=scratch.root, environ={**scratch.environ, **(env or {})}, now=NOW, **settings)


def on_terminal(scratch: Scratch, *, width: int = 80, env: Mapping[str, str] | None = None) -> Invocation:
    return invocation(scratch, stdout_is_terminal=True, stderr_is_terminal=True, width=width, env=env)


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    """What was printed as data since the last look; nothing of it steers a terminal."""
    text = capsys.readouterr().out
    assert all(character.isprintable() or character in "\n\t" for character in text.replace("\x1b[", ""))
    return text


def printed_json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(printed(capsys))
