"""What earlier attempts left running: found by every trace, ended as far as their group goes, nobody else touched."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from git_pliny.model.plan import Agent
from git_pliny.runners.base import OUTPUT, Attempt, Running, Watchable, beside
from git_pliny.runners.leader import recorded
from git_pliny.runners.leftovers import Leftover, end_leftovers, find
from git_pliny.runners.machine import read_table
from git_pliny.runners.registry import runner_for

PATIENCE_S = 10.0
has_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system does not show open files")
DETACH = f"{sys.executable} -c 'import os, sys; os.setsid(); os.execvp(sys.argv[1], sys.argv[1:])'"


class Lab:
    """A session that starts attempts, and may look at what they left."""

    def __init__(self, folder: Path) -> None:
        self.session = str(uuid4())
        self.folder = folder
        self.folders: list[Path] = []

    def start(self, run: str, *, agent: str = "a", environ: dict[str, str] | None = None) -> Running:
        """Start the next attempt; it runs in the lab's folder."""
        number = len(self.folders) + 1
        self.folders.append(self.folder / "output" / str(number))
        attempt = Attempt(
            session=self.session,
            run="0badcafe",
            phase="p",
            number=number,
            agent=Agent(name=agent, run=run),
            root=self.folder,
            environ={**os.environ, **(environ or {})},
            folder=self.folders[-1],
            grace_s=0.1,
        )
        running = runner_for(attempt.agent).start(attempt)
        assert isinstance(running, Watchable)
        running.lasts()
        return running

    def find(self, agent: str = "a") -> list[Leftover]:
        return find(session=self.session, agent=agent, folders=self.folders)

    def pids(self, agent: str = "a") -> set[int]:
        return {leftover.pid for leftover in self.find(agent)}

    @property
    def leaders(self) -> Path:
        """The file of all attempts' leaders."""
        return self.folder / "output" / "leaders"

    def recorded_text(self) -> str:
        """What is recorded of the last attempt's leader."""
        return self.leaders.read_text().splitlines()[-1].partition(" ")[2]

    def record(self, text: str) -> None:
        """Record another leader for the last attempt."""
        with self.leaders.open("a") as file:
            file.write(f"{self.folders[-1].name} {text}\n")

    def forget_leaders(self) -> None:
        """As if the coordinators had been killed before they could record who leads."""
        self.leaders.unlink()

    def pid(self, name: str = "pid") -> int:
        """The pid that a process wrote into the lab's folder."""
        path = self.folder / name
        eventually(lambda: path.exists() and path.read_text().endswith("\n"))
        return int(path.read_text())

    def end(self, *, grace_s: float = 0.1, escape_s: float = 0.0) -> list[Leftover]:
        return end_leftovers(self.find, grace_s=grace_s, escape_s=escape_s)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    written = [int(path.read_text()) for path in tmp_path.glob("pid*") if path.read_text().strip()]
    table = read_table()
    for pid in (*table.processes, *written):
        if pid in written or lab.session in table.lineage(pid):
            kill(pid)


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def is_alive(pid: int) -> bool:
    process = read_table().processes.get(pid)
    return process is not None and process.alive


# Found


def test_a_living_leader_and_its_child_are_found(lab: Lab) -> None:
    lab.start("sleep 60 & echo $! > pid; wait")
    child = lab.pid()
    leader = recorded(lab.folders[0])
    assert leader
    eventually(lambda: read_table().command(child) == "sleep 60")
    found = {leftover.pid: leftover for leftover in lab.find()}
    assert set(found) == {leader.pid, child}
    assert found[child].command == "sleep 60"
    assert not any(leftover.escaped for leftover in found.values())
    assert {leftover.pgid for leftover in found.values()} == {leader.pid}


def test_what_a_success_left_in_the_background_is_found(lab: Lab) -> None:
    lab.start("sleep 60 & echo $! > pid").wait()
    assert lab.pids() == {lab.pid()}


def test_what_got_away_into_a_session_of_its_own_is_found_as_such(lab: Lab) -> None:
    lab.start(f"{DETACH} sh -c 'echo $$ > pid; exec sleep 60' & exit 0").wait()
    child = lab.pid()
    eventually(lambda: [leftover.pid for leftover in lab.find()] == [child])
    assert lab.find()[0].escaped


def test_what_lost_its_environment_is_found_by_its_group(lab: Lab) -> None:
    lab.start("env -i sh -c 'echo $$ > pid; exec sleep 60' > /dev/null 2>&1 & exit 0").wait()
    child = lab.pid()
    assert lab.pids() == {child}
    assert not lab.find()[0].escaped


@has_proc
def test_a_daemon_that_holds_the_output_is_found(lab: Lab) -> None:
    lab.start(f"env -i {DETACH} sh -c 'echo $$ > pid; exec sleep 60' & exit 0").wait()
    child = lab.pid()
    assert lab.pids() == {child}
    assert lab.find()[0].escaped


@has_proc
def test_who_only_reads_the_output_is_not_taken_for_one(lab: Lab) -> None:
    lab.start("true").wait()
    with subprocess.Popen(("tail", "-f", beside(lab.folders[0], OUTPUT))) as reader:
        eventually(lambda: "tail" in read_table().command(reader.pid))
        assert lab.find() == []
        reader.kill()


def test_what_an_execute_inside_the_agent_started_is_found_as_escaped(lab: Lab) -> None:
    lab.start("true").wait()
    with subprocess.Popen(
        ("sleep", "60"),
        env={**os.environ, "PLINY_LINEAGE": f"{lab.session}.0badcafe.1.a/inner.00000001.1.b"},
        process_group=0,
    ) as inner:
        assert [(leftover.pid, leftover.escaped) for leftover in lab.find()] == [(inner.pid, True)]
        inner.kill()


def test_when_the_coordinator_is_killed_its_agents_are_found(lab: Lab) -> None:
    code = f"""
import os
from pathlib import Path
from git_pliny.model.plan import Agent
from git_pliny.runners.base import Attempt
from git_pliny.runners.command import CommandRunner
CommandRunner().start(Attempt(
    session={lab.session!r}, run="0badcafe", phase="p", number=1, agent=Agent(name="a", run="echo $$ > pid; sleep 60"),
    root=Path({str(lab.folder)!r}), environ=dict(os.environ), folder=Path({str(lab.folder / "1")!r}),
)).wait()
"""
    lab.folders.append(lab.folder / "1")
    with subprocess.Popen((sys.executable, "-c", code), cwd=Path(__file__).parents[2]) as coordinator:
        leader = lab.pid()
        coordinator.kill()
    assert leader in lab.pids()
    assert lab.end() == []
    assert not is_alive(leader)


def test_without_a_record_the_group_is_known_by_the_lineage(lab: Lab) -> None:
    lab.start("sleep 60 & echo $! > pid; exit 0").wait()
    lab.forget_leaders()
    assert [(leftover.pid, leftover.escaped) for leftover in lab.find()] == [(lab.pid(), False)]


@has_proc
def test_without_a_record_a_session_of_its_own_still_got_away(lab: Lab) -> None:
    lab.start(f"{DETACH} sh -c 'echo $$ > pid; exec sleep 60' & exit 0").wait()
    lab.forget_leaders()
    child = lab.pid()
    eventually(lambda: [leftover.pid for leftover in lab.find()] == [child])
    assert lab.find()[0].escaped


def test_without_any_folder_the_lineage_is_enough(lab: Lab) -> None:
    lab.start("sleep 60 & echo $! > pid; exit 0").wait()
    assert [leftover.pid for leftover in find(session=lab.session, agent="a", folders=())] == [lab.pid()]


# Not found


def test_what_ended_is_not_found(lab: Lab) -> None:
    lab.start("true").wait()
    assert lab.find() == []


def test_a_zombie_is_not_found(lab: Lab) -> None:
    lab.start("echo $$ > pid")
    leader = lab.pid()
    eventually(lambda: not is_alive(leader))
    assert lab.find() == []


def test_another_agent_of_the_session_is_not_found(lab: Lab) -> None:
    lab.start("echo $$ > pid; exec sleep 60", agent="a.b")
    other = lab.pid()
    lab.folders.clear()
    assert lab.find("a") == []
    assert lab.pids("a.b") == {other}


def test_a_process_with_a_number_that_is_used_again_is_not_found(lab: Lab) -> None:
    lab.start("true").wait()
    with subprocess.Popen(("sleep", "60"), process_group=0) as innocent:
        _, started, session, machine = lab.recorded_text().split(":")
        lab.record(f"{innocent.pid}:{float(started) - 5000}:{session}:{machine}")
        assert lab.find() == []
        innocent.kill()


def test_a_number_of_another_machine_means_nothing(lab: Lab) -> None:
    lab.start("true").wait()
    with subprocess.Popen(("sleep", "60"), process_group=0) as innocent:
        started = read_table().processes[innocent.pid].started
        lab.record(f"{innocent.pid}:{started}:{os.getsid(0)}:0123456789ab")
        assert lab.find() == []
        innocent.kill()


@has_proc
def test_a_group_in_another_session_is_not_the_one_that_was_recorded(lab: Lab) -> None:
    lab.start("true").wait()
    with subprocess.Popen(("sleep", "60"), start_new_session=True) as innocent:
        started = read_table().processes[innocent.pid].started
        machine = lab.recorded_text().rpartition(":")[2]
        lab.record(f"{innocent.pid}:{started}:{os.getsid(0)}:{machine}")
        assert lab.find() == []
        innocent.kill()


@pytest.mark.parametrize("text", ["nonsense", "1:2:3", "x:1.0:1:m", "1:2:3:4:5"])
def test_a_record_that_is_none_is_no_error(lab: Lab, text: str) -> None:
    lab.start("true").wait()
    lab.record(text)
    assert recorded(lab.folders[0]) is None
    assert lab.find() == []


def test_neither_who_asks_nor_its_ancestors_are_found(lab: Lab) -> None:
    code = (
        "import os, pathlib; from git_pliny.runners.leftovers import find;"
        f"print(find(session={lab.session!r}, agent='a', folders=[pathlib.Path(os.environ['PLINY_DELIVERABLES'])]))"
    )
    (lab.folder / "ask.py").write_text(code)
    attempt = f"{sys.executable} ask.py; true"
    assert lab.start(attempt, environ={"PYTHONPATH": str(Path(__file__).parents[2])}).wait().exit_code == 0
    assert (beside(lab.folders[0], OUTPUT)).read_text() == "[]\n"


def test_a_group_that_holds_who_asks_is_never_ended(lab: Lab) -> None:
    code = (
        "import os, pathlib; from git_pliny.runners.leftovers import end_leftovers, find;"
        f"look = lambda: find(session={lab.session!r}, agent='a', folders=[pathlib.Path(os.environ['PLINY_DELIVERABLES'])]);"
        "print([leftover.command for leftover in end_leftovers(look, grace_s=0, escape_s=0)])"
    )
    (lab.folder / "ask.py").write_text(code)
    outcome = lab.start(
        f"sleep 60 & echo $! > pid; {sys.executable} ask.py; true",
        environ={"PYTHONPATH": str(Path(__file__).parents[2])},
    ).wait()
    assert outcome.exit_code == 0
    assert (beside(lab.folders[0], OUTPUT)).read_text() == "['sleep 60']\n"
    assert is_alive(lab.pid())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_processes_of_others_are_no_error(lab: Lab, tmp_path: Path) -> None:
    lab.start("echo $$ > pid; exec sleep 60")
    lab.pid()
    ask = (
        "from git_pliny.runners.leftovers import find; import os; os.seteuid(65534);"
        f"print(find(session={lab.session!r}, agent='a', folders=())); os.seteuid(0)"
    )
    done = subprocess.run(
        (sys.executable, "-c", ask), capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2]
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


# Ended


def test_a_group_is_ended_politely(lab: Lab) -> None:
    running = lab.start("trap 'echo > bye; exit 0' TERM; sleep 60 & echo $! > pid; wait")
    child = lab.pid()
    eventually(lambda: is_alive(child))
    assert lab.end(grace_s=PATIENCE_S) == []
    assert (lab.folder / "bye").exists()
    assert not is_alive(child)
    running.wait()


def test_what_ignores_that_is_killed_after_the_grace(lab: Lab) -> None:
    lab.start("(trap '' TERM; echo > ready; exec sleep 60) & echo $! > pid; exit 0").wait()
    child = lab.pid()
    eventually((lab.folder / "ready").exists)
    assert lab.end(grace_s=0.05, escape_s=PATIENCE_S) == []
    assert not is_alive(child)


def test_a_stopped_group_is_ended(lab: Lab) -> None:
    lab.start("sleep 60 & echo $! > pid; kill -STOP $!; exit 0").wait()
    assert lab.end(grace_s=PATIENCE_S) == []
    assert not is_alive(lab.pid())


def test_what_got_away_is_waited_for_and_left_alive(lab: Lab) -> None:
    lab.start(f"{DETACH} sh -c 'echo $$ > pid; exec sleep 60' & exit 0").wait()
    child = lab.pid()
    assert [leftover.pid for leftover in lab.end(escape_s=0.1)] == [child]
    assert is_alive(child)


def test_what_got_away_and_ends_in_time_is_no_leftover(lab: Lab) -> None:
    lab.start(f"{DETACH} sh -c 'echo $$ > pid; sleep 0.2' & exit 0").wait()
    lab.pid()
    assert lab.end(escape_s=PATIENCE_S) == []


def leftover(*, escaped: bool) -> Leftover:
    """One whose group exists on no machine: the largest number that pid_max(5) allows is 4,194,304."""
    return Leftover(pid=99_999_999, pgid=99_999_999, command="x", escaped=escaped)


@pytest.mark.parametrize(("escaped", "at_least", "at_most"), [(True, 30, 31), (False, 40, 42)])
def test_the_waits_are_the_grace_and_the_time_for_escapes(escaped: bool, at_least: float, at_most: float) -> None:
    slept: list[float] = []
    living = [leftover(escaped=escaped)]
    assert end_leftovers(lambda: living, sleep=slept.append) == living
    assert at_least <= sum(slept) <= at_most
    assert max(slept) <= 0.5


def test_where_nothing_is_left_nobody_sleeps() -> None:
    looks: list[None] = []

    def look() -> list[Leftover]:
        looks.append(None)
        return []

    assert end_leftovers(look, sleep=lambda _: pytest.fail("it slept")) == []
    assert len(looks) == 1
