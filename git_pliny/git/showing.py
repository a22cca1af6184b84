"""Git shown to the user: its output goes where ours goes, with git's own pager and colours."""

import signal
import subprocess

from git_pliny.git.repository import Repository


def show(repository: Repository, *arguments: str) -> int:
    """Run git and give its exit status. A `^C` is for git and its pager, which end by themselves."""
    process = subprocess.Popen(["git", *arguments], cwd=repository.root, env=repository.git_environ())
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return process.wait()
    finally:
        signal.signal(signal.SIGINT, before)
