"""Both ways to start a program: where we are, and anywhere else. What it gets is the same."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from git_pliny.runners.spawn import spawn


class Bench:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder / "output"

    def run(self, *argv: str, env: dict[str, str] | None = None) -> str:
        """What the program printed; it must end well."""
        assert os.waitpid(self.start(*argv, env=env), 0)[1] == 0, self.output.read_text()
        return self.output.read_text()

    def start(self, *argv: str, env: dict[str, str] | None = None) -> int:
        with Path(os.devnull).open() as stdin, self.output.open("wb") as output:
            environ = {"A": "b"} if env is None else env
            return spawn(argv, cwd=self.folder, env=environ, stdin=stdin.fileno(), output=output.fileno())


@pytest.fixture(params=["here", "elsewhere"])
def bench(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.chdir(tmp_path if request.param == "here" else tmp_path.parent)
    return Bench(tmp_path)


def test_a_program_gets_folder_group_environment_signals_and_input(bench: Bench) -> None:
    # Python itself ignores SIGPIPE, so that it is asked through the shell what was inherited.
    assert bench.run("/bin/sh", "-c", 'pwd -P; printf "%s\n" "$A"; read x; test $? = 1') == f"{bench.folder}\nb\n"
    pid = bench.start("/bin/sh", "-c", "kill -PIPE $$")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGPIPE
    pid = bench.start("/bin/sh", "-c", "sleep 60")
    assert os.getpgid(pid) == pid
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_output_and_errors_go_to_one_file(bench: Bench) -> None:
    assert bench.run("/bin/sh", "-c", "echo out; echo err >&2") == "out\nerr\n"


def test_a_program_is_looked_for_where_its_own_environment_says(bench: Bench) -> None:
    (bench.folder / "tool").write_text("#!/bin/sh\necho found\n")
    (bench.folder / "tool").chmod(0o755)
    assert bench.run("tool", env={"PATH": str(bench.folder)}) == "found\n"
    assert bench.run("./tool") == "found\n"


@pytest.mark.parametrize("program", ["/no/such/program", "./missing", "missing"])
def test_a_program_that_is_missing_is_an_error(bench: Bench, program: str) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        bench.start(program)
    assert os.fsdecode(caught.value.filename) == program


def test_what_no_program_can_be_given_is_an_error(bench: Bench) -> None:
    with pytest.raises(ValueError, match="null byte"):
        bench.start("/bin/sh", "-c", "a\0b")


@pytest.mark.parametrize("descriptor", [50, 250], ids=["usual", "above-the-limit"])
def test_no_descriptor_that_was_open_when_we_started_is_passed_on(tmp_path: Path, descriptor: int) -> None:
    with Path(os.devnull).open() as opened:
        os.dup2(opened.fileno(), descriptor)
    code = (
        "import os, resource; from pathlib import Path; from git_pliny.runners.spawn import spawn\n"
        f"assert os.get_inheritable({descriptor})\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))\n"
        "with open('output', 'wb') as output, open(os.devnull) as stdin:\n"
        f"    pid = spawn(('/bin/sh', '-c', 'test -e /dev/fd/{descriptor}'), cwd=Path.cwd(), env=dict(os.environ),\n"
        "        stdin=stdin.fileno(), output=output.fileno())\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1\n"
    )
    try:
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environ, pass_fds=[descriptor], check=True)
    finally:
        os.close(descriptor)


def test_a_folder_that_was_removed_is_not_taken_for_the_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert Bench(tmp_path).run("/bin/sh", "-c", "pwd -P") == f"{tmp_path}\n"
    monkeypatch.chdir(tmp_path)
