"""`git pliny init`: a starter plan, and the hooks where they are asked for."""

import os
from pathlib import Path
from typing import Annotated

from git_pliny.cli import messages
from git_pliny.cli.declare import option
from git_pliny.cli.hooks import tell_installed
from git_pliny.cli.invocation import Invocation
from git_pliny.errors import PlinyError, StorageError
from git_pliny.git import hooks
from git_pliny.git.repository import discover
from git_pliny.git.transport import remember, remotes
from git_pliny.plans.loading import MANIFEST, PLAN_FILE
from git_pliny.sharing.layout import remote_of

STARTER = """\
# The plan that `git pliny execute` runs. What it would do: git pliny execute --dry-run
# This one only looks at the repository, and writes what it finds to pliny-start/.

task: Get to know this repository

execution:
  checkpoint: phase  # when the workspace is kept by itself: after each phase, each agent, or manual
  jobs: 4            # how many agents run at the same time at most

# An agent is one unit of work: a line for the shell, run at the root of the repository. An agent that a phase names and
# that is not defined here is looked for in .pliny/agents/: a program of that name.
agents:
  files:
    run: mkdir -p pliny-start && git ls-files | wc -l > pliny-start/files.txt
    timeout: 1m
  history:
    run: mkdir -p pliny-start && (git log --oneline -5 || echo no commits yet) > pliny-start/history.txt
    timeout: 1m
  report:
    needs: [files, history]
    run: |
      {
        echo "# $(basename "$PWD")"
        echo "Tracked files: $(cat pliny-start/files.txt)"
        echo "Last commits:"
        cat pliny-start/history.txt
      } > pliny-start/report.md
    deliverables: [pliny-start/report.md]  # must be there in the end, and is kept with the session

# Phases run one after another. The agents of a parallel phase run together, each as soon as what it needs is done.
phases:
  - name: look
    parallel: true
    agents: [files, history]
  - name: tell
    agents: [report]

# What fails for a passing cause is tried again. Delays are milliseconds; an exponential one doubles each time.
error_handling:
  retry_strategies:
    network: {max_retries: 3, backoff: exponential, initial_delay: 1000}
"""


Hooks = Annotated[bool, option("--hooks", help="Also put the git hooks into place, as git pliny hooks install does.")]


def init_command(here: Invocation, *, with_hooks: Hooks = False) -> None:
    """Write a starter pliny.yaml.

    It stands in the root of the repository, explains itself, and runs as it is. A plan that is there already is left
    alone. From then on, a git fetch from the remotes that are configured brings in copies of the sessions there, too,
    which git pliny fetch takes in.
    """
    repository = discover(here.cwd, here.environ)
    root = repository.root
    for name in remotes(repository):
        if remember(repository, remote_of(repository, name)[0]):
            messages.note(f"git fetch {name} brings in copies of the sessions there from now on")
    if with_hooks:
        tell_installed(here, hooks.install(repository))
    for name in (PLAN_FILE, "pliny.yml", MANIFEST):
        if os.path.lexists(root / name):
            raise _taken(name)
    _write(root / PLAN_FILE)
    messages.note(f"wrote {os.path.relpath(root / PLAN_FILE, here.cwd)}")
    messages.note("hint: see what it would do: git pliny execute --dry-run\nhint: run it: git pliny execute")


def _taken(name: str) -> PlinyError:
    """A manifest would no longer be found beside a pliny.yaml that has phases; pliny.yml is that file misnamed."""
    hint = f"mv {name} {PLAN_FILE}" if name == "pliny.yml" else "git pliny execute --dry-run"
    return PlinyError(f"there is a plan already: {name}", hint=hint)


def _write(path: Path) -> None:
    """Whole or not at all, and never over a file that somebody else made meanwhile."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(STARTER)
    except FileExistsError as error:
        raise _taken(path.name) from error
    except OSError as error:
        path.unlink(missing_ok=True)
        raise StorageError(f"{path.name} can't be written: {error.strerror}") from error
