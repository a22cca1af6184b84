"""TAB after `git pliny` and `pliny`, in a real bash with git's completion and in a real zsh."""

import os
import pty
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

SHELLS = Path(__file__).parents[2] / "git_pliny/cli/shell"
BASH_COMPLETION = Path("/usr/share/bash-completion/bash_completion")
DEADLINE_S = 30

BASH = r"""
source "$1"
complete_line() {
    COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9
    read -r -a COMP_WORDS <<<"$1"
    [[ $1 != *' ' ]] || COMP_WORDS+=('')
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _completion_loader "${COMP_WORDS[0]}"
    local spec=$(complete -p "${COMP_WORDS[0]}")
    spec=${spec##*-F }
    "${spec%% *}" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    printf '<%s>' "${COMPREPLY[@]}"
}
complete_line "$2"
"""

ZSH = r"""
fpath=($SITE $fpath)
autoload -Uz compinit && compinit -u -D
write-buffer() { print -r -- "$BUFFER" >| $ANSWER.new && mv $ANSWER.new $ANSWER }
zle -N write-buffer
bindkey '^I' complete-word
bindkey '^X' write-buffer
print READY
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Both names of the program on the PATH, and the completions where bash and zsh look for them."""
    programs, bash, zsh = (tmp_path / name for name in ("bin", "data/bash-completion/completions", "site-functions"))
    for folder in (programs, bash, zsh):
        folder.mkdir(parents=True)
    for name in ("git-pliny", "pliny"):
        program = programs / name
        start = "from git_pliny.cli.main import main; main()"
        program.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{start}' \"$@\"\n")
        program.chmod(0o755)
        (bash / name).symlink_to(SHELLS / "git-pliny")
    (zsh / "_git-pliny").symlink_to(SHELLS / "_git-pliny")
    (tmp_path / "zshrc").write_text(ZSH)
    return {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "XDG_DATA_DIRS": f"{tmp_path}/data:/usr/share",
        "SITE": str(zsh),
        "ANSWER": str(tmp_path / "answer"),
        "ZDOTDIR": str(tmp_path),
        "TERM": "dumb",
    }


def in_bash(line: str, environ: dict[str, str]) -> str:
    command = ["bash", "--norc", "-c", BASH, "bash", str(BASH_COMPLETION), line]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout


def in_zsh(line: str, environ: dict[str, str]) -> str:
    """What the line is after TAB: typed at a terminal, and written to a file by a key of ours."""
    answer = Path(environ["ANSWER"])
    shell, terminal = pty.fork()
    if shell == 0:
        os.execvpe("zsh", ["zsh", "-f", "-i"], environ)
    os.write(terminal, f"source $ZDOTDIR/zshrc\n{line}\t\x18".encode())
    end = time.monotonic() + DEADLINE_S
    while not answer.exists() and time.monotonic() < end:
        time.sleep(0.02)
    os.close(terminal)
    os.waitpid(shell, 0)
    return answer.read_text().removesuffix("\n")


@pytest.mark.skipif(not BASH_COMPLETION.exists(), reason="needs the package bash-completion")
@pytest.mark.parametrize(
    ("line", "candidates"),
    [
        ("git pliny sess", "<session >"),
        ("git pliny session s", "<start ><show >"),
        ("git -C / pliny audit v", "<view ><verify >"),
        ("git pliny frameworks show --j", "<--json >"),
        ("git pliny frameworks show ", "<care ><rise >"),
        ("git plin", "<pliny >"),
        ("pliny sta", "<status><stats>"),
        ("git-pliny frameworks show r", "<rise>"),
    ],
)
def test_bash_completes(line: str, candidates: str, environ: dict[str, str]) -> None:
    assert in_bash(line, environ) == candidates


@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("git pliny sess", "git pliny session "),
        ("git pliny checkpoint cr", "git pliny checkpoint create "),
        ("git pliny sta", "git pliny stat"),
        ("git pliny frameworks show ri", "git pliny frameworks show rise "),
        ("pliny frameworks list --js", "pliny frameworks list --json "),
    ],
)
def test_zsh_completes(line: str, completed: str, environ: dict[str, str]) -> None:
    assert in_zsh(line, environ) == completed


@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
@pytest.mark.parametrize("folder", ["elsewhere", "with space", "~/elsewhere"])
def test_zsh_completes_for_the_repository_that_git_is_sent_to(
    folder: str, environ: dict[str, str], tmp_path: Path
) -> None:
    there = tmp_path / folder.removeprefix("~/")
    there.mkdir()
    for command in ("init -q", "pliny session start X"):
        subprocess.run(["git", *command.split()], cwd=there, env=environ, capture_output=True, check=True)
    written = folder if folder.startswith("~") else str(there).replace(" ", "\\ ")
    done = in_zsh(f"git -C {written} pliny rollback sta", {**environ, "HOME": str(tmp_path)})
    assert done == f"git -C {written} pliny rollback start "
