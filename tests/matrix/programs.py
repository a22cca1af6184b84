"""Installs the programs of coding agents into a folder: npm's below `npm`, each of Python's in an environment of its own."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from coding_agents import PROGRAMS

_NPM = {
    "claude": "@anthropic-ai/claude-code",
    "codex": "@openai/codex",
    "gemini": "@google/gemini-cli",
    "opencode": "opencode-ai",
    "qwen": "@qwen-code/qwen-code",
}
_PYPI = {"aider": "aider-chat", "mini-swe-agent": "mini-swe-agent", "llm": "llm"}
_TIME_LIMIT_S = 900


def folders(place: Path) -> list[Path]:
    """Where programs that were installed into `place` are."""
    return [place / "npm" / "node_modules" / ".bin", *(place / name / "bin" for name in _PYPI)]


def install(place: Path, presets: Iterable[str]) -> None:
    """Install what is not there yet; says what can't be installed, and goes on without it."""
    for preset in presets:
        if any((folder / PROGRAMS[preset]).exists() for folder in folders(place)):
            continue
        print(f"installing {preset}", flush=True)
        for command in _commands(place, preset):
            if not _ran(command):
                print(f"{preset} cannot be installed: {' '.join(command)}", flush=True)
                break


def _commands(place: Path, preset: str) -> list[list[str]]:
    if preset in _NPM:
        return [["npm", "install", "--no-audit", "--no-fund", "--prefix", os.fspath(place / "npm"), _NPM[preset]]]
    venv = place / preset
    pip = [os.fspath(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return [[sys.executable, "-m", "venv", os.fspath(venv)], [*pip, _PYPI[preset]]]


def _ran(command: list[str]) -> bool:
    """Whether it went well; its own words are shown where it did not."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=_TIME_LIMIT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        print(error)
        return False
    if done.returncode:
        print(done.stdout[-500:], done.stderr[-500:])
    return done.returncode == 0
