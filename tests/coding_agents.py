"""The real programs of coding agents, pointed at a model's server of a test and at nothing of the user's."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

Json = dict[str, Any]

PROGRAMS = {
    "claude": "claude",
    "codex": "codex",
    "gemini": "gemini",
    "opencode": "opencode",
    "qwen": "qwen",
    "aider": "aider",
    "mini-swe-agent": "mini",
    "llm": "llm",
}
"""Which program each preset calls."""

MAKES = "echo made > made.txt"
_SUBMITS = " && echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
_EDIT = "made.txt\n```\nmade\n```\n"


def places() -> str:
    """The PATH in which the programs are looked for: `PLINY_TEST_AGENTS` names folders above the usual ones."""
    return os.pathsep.join(filter(None, (os.environ.get("PLINY_TEST_AGENTS"), os.environ["PATH"])))


def is_installed(preset: str) -> bool:
    return shutil.which(PROGRAMS[preset], path=places()) is not None


def settle(home: Path) -> None:
    """What the programs ask their user at the first start, answered in the home of a test."""
    (home / ".gemini").mkdir(parents=True, exist_ok=True)
    key = {"security": {"auth": {"selectedType": "gemini-api-key"}}}
    (home / ".gemini" / "settings.json").write_text(json.dumps(key))


def prompt(preset: str, command: str = MAKES) -> str:
    """What has the agent make `made.txt`: by a tool call, where it has tools."""
    if preset == "aider":
        return f"[[answer: {_EDIT}]]"
    return f"[[run: {command}{_SUBMITS if preset == 'mini-swe-agent' else ''}]]"


def entry(preset: str, address: str) -> Json:
    """The agent's keys in a plan, but for its prompt."""
    return {"use": preset, **_ENTRIES[preset](address)}


def _claude(address: str) -> Json:
    return {"allow": "Bash", "env": {"ANTHROPIC_BASE_URL": address, "ANTHROPIC_API_KEY": "k"}}


def _codex(address: str) -> Json:
    return {
        "allow": "danger-full-access",
        "model": "gpt-5",
        "args": ["--config", f'openai_base_url="{address}/v1"'],
        "env": {"CODEX_API_KEY": "k"},
    }


def _gemini(address: str) -> Json:
    return {
        "allow": "run_shell_command",
        "model": "gemini-2.5-pro",
        "env": {"GOOGLE_GEMINI_BASE_URL": address, "GEMINI_API_KEY": "k"},
    }


def _opencode(address: str) -> Json:
    provider = {"npm": "@ai-sdk/openai-compatible", "options": {"baseURL": f"{address}/v1", "apiKey": "k"}}
    config = {"provider": {"here": {**provider, "models": {"m": {"name": "m"}}}}, "small_model": "here/m"}
    env = {"OPENCODE_CONFIG_CONTENT": json.dumps(config), "OPENCODE_DISABLE_MODELS_FETCH": "1"}
    return {"model": "here/m", "env": env}


def _qwen(address: str) -> Json:
    return {
        "allow": "run_shell_command",
        "model": "m",
        "args": ["--auth-type", "openai"],
        "env": {"OPENAI_BASE_URL": f"{address}/v1", "OPENAI_API_KEY": "k"},
    }


def _aider(address: str) -> Json:
    return {
        "model": "openai/m",
        "args": ["--no-analytics", "--no-show-model-warnings", "--no-gitignore", "--edit-format", "whole"],
        "env": {"OPENAI_API_BASE": f"{address}/v1", "OPENAI_API_KEY": "k", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
    }


def _mini(address: str) -> Json:
    env = {"OPENAI_API_BASE": f"{address}/v1", "OPENAI_API_KEY": "k", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    return {"model": "openai/m", "env": {**env, "MSWEA_COST_TRACKING": "ignore_errors"}}


def _llm(address: str) -> Json:
    return {"model": "gpt-4o-mini", "env": {"OPENAI_BASE_URL": f"{address}/v1", "OPENAI_API_KEY": "k"}}


_ENTRIES: dict[str, Callable[[str], Json]] = {
    "claude": _claude,
    "codex": _codex,
    "gemini": _gemini,
    "opencode": _opencode,
    "qwen": _qwen,
    "aider": _aider,
    "mini-swe-agent": _mini,
    "llm": _llm,
}
