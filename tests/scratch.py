"""A scratch repository for tests: real git, the installed `git pliny`, nothing of the user's."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from git_pliny.git.repository import Repository, discover


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratch:
    """A worktree, and programs run in it in an environment of its own."""

    root: Path
    environ: dict[str, str] = field(repr=False)

    @property
    def repository(self) -> Repository:
        return discover(self.root, self.environ)

    def run(
        self, *command: str, env: Mapping[str, str] | None = None, cwd: Path | None = None, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=cwd or self.root,
            env={**self.environ, **(env or {})},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    def git(self, *arguments: str) -> str:
        done = self.run("git", *arguments)
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout.strip()

    def pliny(self, *arguments: str, exits: int = 0, **options: Any) -> subprocess.CompletedProcess[str]:
        done = self.run("git", "pliny", *arguments, **options)
        assert done.returncode == exits, (arguments, done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def session(self) -> dict[str, Any]:
        """The current session as plain git shows it."""
        found = json.loads(self.git("show", "PLINY_HEAD"))
        assert isinstance(found, dict)
        return found

    def write(self, path: str, text: str, *, executable: bool = False) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        if executable:
            file.chmod(0o755)
        return file

    def plan(self, text: str) -> None:
        self.write("pliny.yaml", text)

    def commit(self, message: str = "work") -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)


def sealed(home: Path) -> dict[str, str]:
    """An environment with nothing of the user's in it; coverage of child processes passes through."""
    home.mkdir(parents=True, exist_ok=True)
    config = home / "gitconfig"
    config.write_text(
        "[user]\n\tname = Ada Tester\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n"
        "[advice]\n\tdetachedHead = false\n"
    )
    kept = {name: value for name, value in os.environ.items() if name.startswith(("COVERAGE", "COV_"))}
    return {
        **kept,
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(config),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_PAGER": "cat",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }
