"""install.sh: what it puts where, twice in a row, taken away again, and what it says when something is missing.

It installs for real, but for the network: pip builds with the setuptools of these tests, and finds the dependencies
installed already, by way of PYTHONPATH.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from git_pliny import __version__

ROOT = Path(__file__).parents[2]
SITE = sysconfig.get_path("purelib")


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "LANG") if name in os.environ}
    offline = {"PYTHONPATH": SITE, "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_CONFIG_FILE": os.devnull}
    return {**kept, **offline, "HOME": str(home), **more}


def install(
    *arguments: str | Path, home: Path, cwd: Path | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(ROOT / "install.sh"), *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd or home, env=environment(home, **more), capture_output=True, text=True, check=False
    )


def tree(folder: Path) -> set[str]:
    """Everything in a folder, without going into the virtual environment."""
    found = (path.relative_to(folder) for path in folder.rglob("*"))
    return {str(path) for path in found if "venv" not in path.parts}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("a home")
    (home / "elsewhere").mkdir()
    return home


@pytest.fixture(scope="module")
def prefix(home: Path) -> Path:
    """Where it is installed: a folder with a space in its name and a file of somebody else."""
    prefix = home / "pre fix"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "other").write_text("not ours\n")
    done = install("--prefix", "../pre fix", "--python", sys.executable, home=home, cwd=home / "elsewhere")
    assert done.returncode == 0, done.stderr
    (home / "said").write_text(done.stdout)
    return prefix


def shown_by_man() -> str:
    """What man says of itself; minimal systems have a stand-in that only says how to get it."""
    if shutil.which("man") is None:
        return "minimized"
    return subprocess.run(["man", "--version"], capture_output=True, text=True, check=False).stdout


def run(prefix: Path, home: Path, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
    environ = environment(home, **more)
    environ["PATH"] = f"{prefix / 'bin'}:{environ['PATH']}"
    return subprocess.run(command, cwd=home, env=environ, capture_output=True, text=True, check=False)


def test_git_finds_the_program(prefix: Path, home: Path) -> None:
    assert run(prefix, home, "git", "pliny", "--version").stdout == f"git-pliny {__version__}\n"


def test_the_program_is_called_pliny_too(prefix: Path, home: Path) -> None:
    assert run(prefix, home, "pliny", "--version").stdout == f"git-pliny {__version__}\n"


@pytest.mark.skipif("minimized" in shown_by_man(), reason="needs man")
def test_git_opens_the_manual(prefix: Path, home: Path) -> None:
    done = run(prefix, home, "git", "pliny", "--help", GIT_PAGER="cat", PAGER="cat", MANPAGER="cat", MANWIDTH="80")
    assert "git-pliny - run plans of agents" in done.stdout, done.stderr


def test_every_page_of_the_manual_is_there(prefix: Path) -> None:
    installed = {page.name for page in (prefix / "share/man/man1").iterdir()}
    assert installed == {page.name for page in (ROOT / "man").iterdir()}


def test_the_git_hooks_come_along(prefix: Path) -> None:
    [installed] = (prefix / "lib/git-pliny/venv/lib").glob("python*/site-packages/git_pliny/hooks")
    for hook in (ROOT / "hooks").iterdir():
        assert (installed / hook.name).read_bytes() == hook.read_bytes()


def test_completions_are_where_bash_and_zsh_look_for_them(prefix: Path) -> None:
    shells = ROOT / "git_pliny/cli/shell"
    for name in ("git-pliny", "pliny"):
        installed = prefix / "share/bash-completion/completions" / name
        assert installed.read_bytes() == (shells / "git-pliny").read_bytes()
    assert (prefix / "share/zsh/site-functions/_git-pliny").read_bytes() == (shells / "_git-pliny").read_bytes()


def test_it_says_how_to_put_the_program_on_the_path(prefix: Path, home: Path) -> None:
    assert f'export PATH="{prefix}/bin:$PATH"' in (home / "said").read_text()


def test_nothing_is_written_outside_the_prefix(prefix: Path, home: Path) -> None:
    outside = {path.name for path in home.iterdir()} - {".rustup"}  # pip asks rustc for its version; rustup's makes it
    assert outside == {"elsewhere", "pre fix", "said"}
    assert not (ROOT / "build").exists()


def test_a_second_run_changes_nothing_and_succeeds(prefix: Path, home: Path) -> None:
    before = tree(prefix)
    listed = (prefix / "lib/git-pliny/installed").read_text()
    done = install("--prefix", prefix, "--python", sys.executable, home=home, PATH=f"{prefix}/bin:{os.environ['PATH']}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "export PATH" not in done.stdout
    assert tree(prefix) == before
    assert (prefix / "lib/git-pliny/installed").read_text() == listed


def test_with_llm_the_extra_is_there_and_anything_else_is_refused(home: Path, tmp_path: Path) -> None:
    done = install("--prefix", tmp_path / "with", "--with", "llm", "--python", sys.executable, home=home)
    assert done.returncode == 0, done.stderr
    missing = install("--prefix", tmp_path / "without", "--with", "everything", home=home)
    assert missing.returncode == 1
    assert missing.stderr == "error: 'everything' is nothing to install along\nhint: ./install.sh --with llm\n"
    assert not (tmp_path / "without").exists()


def test_a_page_that_an_upgrade_drops_loses_its_link(prefix: Path, home: Path) -> None:
    stale = prefix / "share/man/man1/git-pliny-old.1"
    stale.symlink_to(prefix / "lib/git-pliny/venv/share/man/man1/git-pliny-old.1")
    with (prefix / "lib/git-pliny/installed").open("a") as installed:
        installed.write(f"{stale}\n")
    assert install("--prefix", prefix, "--python", sys.executable, home=home).returncode == 0
    assert not stale.is_symlink()


def test_a_program_of_somebody_else_is_not_replaced(home: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pliny").write_text("not ours\n")
    done = install("--prefix", tmp_path, home=home)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {tmp_path}/bin/pliny is there already, and is not from here\nhint: ")
    assert tree(tmp_path) == {"bin", "bin/pliny"}


def test_uninstalling_takes_away_what_was_put_and_nothing_else(home: Path, tmp_path: Path) -> None:
    (tmp_path / "share" / "man").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "other").write_text("not ours\n")
    before = tree(tmp_path)
    assert install("--prefix", tmp_path, "--python", sys.executable, home=home).returncode == 0
    assert "bin/git-pliny" in tree(tmp_path)
    (tmp_path / "bin" / "pliny").unlink()
    (tmp_path / "bin" / "pliny").write_text("put here since\n")
    done = install("--uninstall", "--prefix", tmp_path, home=home)
    assert (done.returncode, done.stdout) == (0, f"git-pliny is removed from {tmp_path}\n")
    assert tree(tmp_path) == before | {"bin/pliny"}


def test_uninstalling_what_is_not_installed_is_an_error(home: Path, tmp_path: Path) -> None:
    done = install("--uninstall", "--prefix", tmp_path, home=home)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: git-pliny is not installed in {tmp_path}\n")


def test_a_user_gets_it_below_the_home(home: Path, tmp_path: Path) -> None:
    done = install("--uninstall", home=tmp_path)
    expected = "/usr/local" if os.geteuid() == 0 else f"{tmp_path}/.local"
    assert done.stderr.startswith(f"error: git-pliny is not installed in {expected}\n")


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def only(folder: Path, *programs: str) -> str:
    """A PATH with these programs and what the script itself is made of."""
    folder.mkdir()
    basics = ("sh", "dirname", "id", "mktemp", "rm", "cat", "ls", "mkdir", "tail", "grep", "cp", "basename", "readlink")
    for name in (*basics, *programs):
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    return str(folder)


def test_a_missing_git_is_said(home: Path, tmp_path: Path) -> None:
    done = install("--prefix", tmp_path / "p", home=home, PATH=only(tmp_path / "bin"))
    assert done.returncode == 1
    assert done.stderr.startswith("error: the program 'git' was not found\nhint: ")
    assert not (tmp_path / "p").exists()


def test_a_git_that_is_too_old_is_said(home: Path, tmp_path: Path) -> None:
    path = only(tmp_path / "bin", "sed")
    script(tmp_path / "bin" / "git", "echo 'git version 2.33.8 (Apple Git-1)'")
    done = install("--prefix", tmp_path / "p", home=home, PATH=path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: git 2.33.8 is too old: 2.34 or newer is needed\nhint: ")


def test_a_missing_python_is_said(home: Path, tmp_path: Path) -> None:
    path = only(tmp_path / "bin", "git", "sed")
    script(tmp_path / "bin" / "python3", "exit 1  # as an older one would say of sys.version_info")
    done = install("--prefix", tmp_path / "p", home=home, PATH=path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: Python 3.11 or newer was not found\nhint: ")


def test_a_python_that_was_asked_for_and_is_too_old_is_said(home: Path, tmp_path: Path) -> None:
    old = script(tmp_path / "python", "exit 1")
    done = install("--prefix", tmp_path / "p", "--python", old, home=home)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: '{old}' is not Python 3.11 or newer\nhint: ")


def test_a_python_that_can_make_no_environment_is_said_with_the_package_to_install(home: Path, tmp_path: Path) -> None:
    (tmp_path / "without" / "pip").mkdir(parents=True)
    for missing in ("ensurepip.py", "pip/__init__.py"):
        (tmp_path / "without" / missing).write_text("raise ImportError('split off')\n")
    bare = script(tmp_path / "python", f"PYTHONPATH='{tmp_path}/without' exec '{sys.executable}' \"$@\"")
    nowhere = "http://127.0.0.1:9/simple"
    done = install("--prefix", tmp_path / "p", "--python", bare, home=home, PIP_INDEX_URL=nowhere)
    assert done.returncode == 1
    assert f"error: {bare} cannot make a virtual environment\nhint: " in done.stderr
    assert "Traceback" not in done.stderr


def test_an_index_that_is_not_reached_is_said(home: Path, tmp_path: Path) -> None:
    done = install("--prefix", tmp_path / "p", "--python", sys.executable, home=home, PYTHONPATH="")
    assert done.returncode == 1
    assert "error: pip could not install git-pliny and what it needs\nhint: " in done.stderr


def test_an_environment_of_somebody_else_is_not_replaced(home: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("")
    done = install("--develop", tmp_path, home=home)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {tmp_path} is there already, and is not a virtual environment\n")
    assert tree(tmp_path) == {"precious"}


@pytest.mark.parametrize("arguments", [["--nope"], ["--prefix"]])
def test_a_wrong_command_line_exits_with_2(arguments: list[str], home: Path) -> None:
    done = install(*arguments, home=home)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: ./install.sh")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of this checkout as a repository of its own, with what is not committed yet."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    copy = tmp_path / "check out"
    for name in filter(None, os.fsdecode(listed.stdout).split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    git = ["git", "-c", "user.name=A", "-c", "user.email=a@b.c"]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "all"]):
        subprocess.run([*git, *arguments], cwd=copy, check=True)
    return copy


def test_the_demo_runs_the_plan_of_this_repository(checkout: Path, home: Path, tmp_path: Path) -> None:
    command = [
        "sh",
        str(checkout / "install.sh"),
        "--demo",
        "--prefix",
        str(tmp_path / "p"),
        "--python",
        sys.executable,
    ]
    done = subprocess.run(command, cwd=home, env=environment(home), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    sections = [line for line in (checkout / "build/report/report.md").read_text().splitlines() if line[:3] == "## "]
    assert sections == ["## Syntax", "## Size", "## History", "## Links", "## Reminders"]
    shown = subprocess.run(
        ["git", "show", "PLINY_HEAD"], cwd=checkout, capture_output=True, text=True, check=True
    ).stdout
    assert '"status": "completed"' in shown
