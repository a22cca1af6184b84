"""The table of processes, as `/proc` and as `ps` give it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from git_pliny.runners import machine
from git_pliny.runners.machine import identity, read_table, start_of
from git_pliny.runners.proc import ProcTable, process_of
from git_pliny.runners.ps import PsTable, read_listing
from git_pliny.runners.table import COMMAND_LIMIT

has_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system has no /proc")

LISTING = """\
    1     0     1 Ss   Thu Sep  4 09:00:00 2025     /sbin/launchd
  501     1   501 S+   Thu Sep 14 10:20:30 2025     -zsh HOME=/Users/a SHELL=/bin/zsh
  700   501   700 Z    Thu Sep 14 10:20:31 2025     (sh)
  701   501   700 R    Thu Sep 14 10:20:31 2025     grep PLINY_LINEAGE=x HOME=/a PLINY_LINEAGE=s.0badcafe.1.a PWD=/
  702   501   700 S    Thu Sep 14 10:20:32 2025     sleep 60 PLINY_LINEAGE=s.0badcafe.1.a/t.1.1.b
what is no line of a process
"""


def test_ps_tells_who_is_in_which_group() -> None:
    table = PsTable(LISTING)
    assert {process.pid: (process.parent, process.group) for process in table.processes.values()} == {
        1: (0, 1),
        501: (1, 501),
        700: (501, 700),
        701: (501, 700),
        702: (501, 700),
    }


def test_ps_tells_zombies_from_the_living() -> None:
    assert [process.pid for process in PsTable(LISTING).processes.values() if not process.alive] == [700]


def test_ps_tells_when_a_process_was_started() -> None:
    assert PsTable(LISTING).processes[501].started == 1757845230.0  # date -u -d '2025-09-14 10:20:30' +%s


def test_ps_tells_the_lineage_of_an_environment_and_not_of_an_argument() -> None:
    table = PsTable(LISTING)
    assert table.lineage(701) == "s.0badcafe.1.a"
    assert table.lineage(702) == "s.0badcafe.1.a/t.1.1.b"
    assert table.lineage(501) == ""


def test_ps_tells_a_command_and_no_open_files() -> None:
    table = PsTable(LISTING)
    assert table.command(1) == "/sbin/launchd"
    assert not table.writes(1, {"/anything"})


def test_ps_is_asked_in_a_fixed_language_and_time_zone(tmp_path: Path) -> None:
    program = tmp_path / "ps"
    program.write_text('#!/bin/sh\necho "$LC_ALL $TZ" "$@"\n')
    program.chmod(0o755)
    asked = read_listing(str(program))
    assert asked == "C UTC -axwwE -o pid= -o ppid= -o pgid= -o stat= -o lstart= -o command=\n"


@pytest.mark.skipif(sys.platform != "darwin", reason="the options are those of macOS")
def test_the_real_ps_lists_this_process() -> None:
    assert os.getpid() in PsTable(read_listing()).processes


@pytest.fixture
def without_proc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A machine whose only source is a `ps` that says what macOS would."""
    program = tmp_path / "ps"
    program.write_text(f"#!/bin/sh\ncat <<'end'\n{LISTING}end\n")
    program.chmod(0o755)
    monkeypatch.setattr(machine, "_PROC", tmp_path / "no-proc")
    monkeypatch.setattr(machine, "read_listing", lambda: read_listing(str(program)))
    machine.has_proc.cache_clear()
    machine.identity.cache_clear()
    yield
    machine.has_proc.cache_clear()
    machine.identity.cache_clear()


def test_without_proc_the_table_comes_from_ps(without_proc: None) -> None:
    assert set(read_table().processes) == {1, 501, 700, 701, 702}


def test_without_proc_a_start_is_a_time_of_day(without_proc: None) -> None:
    assert abs(start_of(os.getpid()) - time.time()) < 60


def test_without_proc_a_machine_has_an_identity_still(without_proc: None) -> None:
    assert len(identity()) == 12


def test_the_table_has_this_process_and_its_parent() -> None:
    processes = read_table().processes
    mine = processes[os.getpid()]
    assert (mine.parent, mine.group, mine.alive) == (os.getppid(), os.getpgrp(), True)
    assert mine.parent in processes


def test_a_start_is_the_same_however_it_is_asked_for() -> None:
    with subprocess.Popen(("sleep", "60")) as child:
        started = start_of(child.pid)
        table = read_table()
        assert abs(table.processes[child.pid].started - started) <= table.tolerance
        child.kill()


def test_a_machine_keeps_its_identity() -> None:
    code = "from git_pliny.runners.machine import identity; print(identity())"
    other = subprocess.run(
        (sys.executable, "-c", code), capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert other.stdout.strip() == identity()


@has_proc
def test_a_program_cannot_disguise_itself_by_its_name(tmp_path: Path) -> None:
    program = tmp_path / "a) R 1 1"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen((program, "60"), process_group=0) as child:
        process = process_of(child.pid)
        assert process
        assert (process.parent, process.group) == (os.getpid(), child.pid)
        child.kill()


@has_proc
def test_a_zombie_is_not_alive_and_has_a_name_only() -> None:
    with subprocess.Popen(("true",), stdout=subprocess.PIPE) as child:
        assert child.stdout
        child.stdout.read()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        table = ProcTable()
        assert not table.processes[child.pid].alive
        assert table.command(child.pid) == "[true]"
        assert table.lineage(child.pid) == ""
        assert not table.writes(child.pid, {"/"})


@has_proc
def test_what_is_gone_shows_nothing() -> None:
    table, nobody = ProcTable(), 99_999_999
    assert process_of(nobody) is None
    assert start_of(nobody) == 0
    assert table.lineage(nobody) == ""
    assert table.command(nobody) == "[]"
    assert not table.writes(nobody, {"/"})


@has_proc
def test_a_long_command_is_cut_to_be_read() -> None:
    with subprocess.Popen(("sleep", "60", *["0"] * 500)) as child:
        command = ProcTable().command(child.pid)
        assert command.startswith("sleep 60 0 0")
        assert len(command) == COMMAND_LIMIT
        child.kill()


@has_proc
def test_a_lineage_is_read_wherever_it_stands_in_the_environment() -> None:
    for environ in ({"PLINY_LINEAGE": "x", "A": "b"}, {"A": "b", "NOT_PLINY_LINEAGE": "y", "PLINY_LINEAGE": "x"}):
        with subprocess.Popen(("sleep", "60"), env=environ) as child:
            assert ProcTable().lineage(child.pid) == "x"
            child.kill()
