"""`git pliny execute` on a terminal, as a user sees it: redrawn while it runs, and in order however it ends."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from scratch import Scratch
from terminal import Shown, Terminal, show

PLAN = """
task: {name: Tidy}
execution: {jobs: 2, parallel: true}
agents:
  quick: {run: "true"}
  slow: {run: "touch begun; while [ ! -e go ]; do sleep 0.05; done"}
  wrong: {run: "echo 'no such thing' >&2; exit 1"}
  last: {run: "true", needs: [wrong]}
phases:
  - {name: research, agents: [quick, slow]}
  - {name: fix, agents: [wrong, last]}
"""
FOOT = "phase 1/2: research"


def start(
    scratch: Scratch, *arguments: str, width: int = 80, height: int = 24, environ: Mapping[str, str] | None = None
) -> Shown:
    environment = {**scratch.environ, "TERM": "xterm-256color", **(environ or {})}
    command = ["git", "pliny", "execute", *arguments]
    return show(command, cwd=scratch.root, environ=environment, width=width, height=height)


def showing(text: str) -> Callable[[Terminal], bool]:
    return lambda terminal: any(text in line for line in terminal.lines)


def in_order(shown: Shown) -> bool:
    """Whether the terminal is as one wants to find it."""
    return shown.terminal.cursor_shown and shown.terminal.wraps


@pytest.fixture
def planned(scratch: Scratch) -> Scratch:
    scratch.plan(PLAN)
    return scratch


def test_a_run_is_drawn_while_it_lasts_and_summed_up_at_the_end(planned: Scratch) -> None:
    shown = start(planned)
    shown.read(showing("  slow   running"))
    assert showing("  quick  completed")(shown.terminal)
    assert showing("25%  1/4 done, 1 running, 2 waiting")(shown.terminal)
    before = shown.raw.count(FOOT)
    shown.read(lambda _: shown.raw.count(FOOT) > before)  # it draws with nothing new to tell
    planned.write("go", "")
    assert shown.finish() == 3
    lines = shown.terminal.lines
    assert lines[0].startswith("session ")
    assert lines[1] == "phase research: completed"
    assert lines[2].startswith("wrong: failed in ")
    assert not showing(FOOT)(shown.terminal)
    assert [line.split()[:3] for line in lines if line.startswith(("research ", "fix "))] == [
        ["research", "quick", "completed"],
        ["research", "slow", "completed"],
        ["fix", "wrong", "failed"],
        ["fix", "last", "blocked"],
    ]
    assert lines[-2:] == ["error: the session failed: wrong", "hint: mend it, then: git pliny execute --resume"]
    assert in_order(shown)


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM], [signal.SIGHUP]])
def test_whatever_ends_it_the_terminal_is_in_order(planned: Scratch, signals: list[signal.Signals]) -> None:
    shown = start(planned)
    shown.read(showing("  slow   running"))
    for number in signals:
        os.kill(shown.pid, number)
    shown.finish()
    assert shown.terminal.lines[-1] == "hint: git pliny execute --resume"
    assert not showing(FOOT)(shown.terminal)
    assert in_order(shown)
    assert planned.session()["status"] == "paused"


def test_interrupting_from_the_keyboard_once_is_polite(planned: Scratch) -> None:
    shown = start(planned)
    shown.read(showing("  slow   running"))
    shown.type("\x03")
    shown.finish()
    assert "interrupted" in planned.session()["checkpoints"]  # not taken where a second one came at once
    assert not showing("ended at once")(shown.terminal)
    assert in_order(shown)


def test_a_kill_leaves_the_terminal_in_order(planned: Scratch) -> None:
    shown = start(planned)
    shown.read(showing("  slow   running"))
    assert in_order(shown)
    os.killpg(shown.pid, signal.SIGKILL)
    shown.finish()
    assert in_order(shown)
    planned.write("go", "")


def test_stopping_and_going_on_draws_anew_below(planned: Scratch) -> None:
    shell = ["bash", "-c", "set -m; git pliny execute; echo going on; sleep 1; fg"]
    shown = show(shell, cwd=planned.root, environ={**planned.environ, "TERM": "xterm"})
    shown.read(showing("  slow   running"))
    shown.type("\x1a")
    shown.read(showing("going on"))
    before = shown.raw.count(FOOT)
    shown.read(lambda _: shown.raw.count(FOOT) > before + 1)
    lines = shown.terminal.lines
    places = [place for place, line in enumerate(lines) if FOOT in line]
    assert len(places) == 2, lines
    assert places[0] < lines.index("going on") < places[1]
    planned.write("go", "")
    shown.finish()


def test_a_narrower_terminal_gets_a_narrower_display(planned: Scratch) -> None:
    shown = start(planned)
    shown.read(showing("  slow   running"))
    shown.resize(36)
    shown.read(lambda terminal: terminal.lines[-1].endswith("1/4 done, 1 running") and "━" in terminal.lines[-1])
    assert sum(FOOT in line for line in shown.terminal.lines) == 1
    planned.write("go", "")
    shown.finish()


def test_a_hundred_agents_fit_into_a_small_terminal(scratch: Scratch) -> None:
    names = [f"a{place}" for place in range(100)]
    waits = "while [ ! -e go ]; do sleep 0.05; done"
    agents = "\n".join(f"  {name}: {{run: '{waits}'}}" for name in names)
    scratch.plan(f"execution: {{jobs: 2, parallel: true}}\nagents:\n{agents}\n")
    shown = start(scratch, width=40, height=6)
    shown.read(showing("+98 more: 98 waiting"))
    assert [line for line in shown.terminal.lines if "running" in line][:2] == [
        "  a0  running    0s",
        "  a1  running    0s",
    ]
    scratch.write("go", "")
    assert shown.finish() == 0
    assert showing("100 completed")(shown.terminal)


@pytest.mark.parametrize(
    "environ", [{"LC_ALL": "C"}, {"LC_ALL": "POSIX", "NO_COLOR": "1"}, {"PYTHONIOENCODING": "ascii"}]
)
def test_a_terminal_that_knows_only_ascii_gets_only_that(planned: Scratch, environ: dict[str, str]) -> None:
    shown = start(planned, "größer", environ=environ)
    shown.read(showing("#"))
    planned.write("go", "")
    shown.finish()
    ours = [line for line in shown.raw.splitlines() if "phase" in line or "done" in line]
    assert ours
    assert all(line.isascii() for line in ours)
    assert ("\x1b[3" in shown.raw) == ("NO_COLOR" not in environ)


def test_nothing_is_redrawn_on_a_dumb_terminal(planned: Scratch) -> None:
    planned.write("go", "")
    shown = start(planned, environ={"TERM": "dumb"})
    shown.finish()
    assert "\x1b" not in shown.raw.replace("\x1b[m", "")
    assert showing("[ 25%] quick: completed")(shown.terminal)


def test_a_manifest_shows_iterations_and_tasks_by_title(scratch: Scratch) -> None:
    scratch.write(".pliny/agents/coder", "#!/bin/sh\nwhile [ ! -e go ]; do sleep 0.05; done\n", executable=True)
    task = '{"id": "I1.T%d", "number": %d, "title": "%s", "description": "d", "agent_id": "coder", "completed": false}'
    tasks = ", ".join(task % (number, number, title) for number, title in ((1, "Set up"), (2, "Tear down")))
    scratch.write(
        "plan/plan_manifest.json",
        '{"requirement_id": "R1", "project_name": "Demo", "progress": 0, "iterations": [{"id": "I1", "number": 1, '
        f'"name": "First steps", "status": "not_started", "tasks": [{tasks}]}}]}}',
    )
    shown = start(scratch)
    shown.read(showing("I1.T1  running"))
    assert showing("Set up")(shown.terminal)
    assert showing("phase 1/1: I1 (First steps)")(shown.terminal)
    assert showing("0/2 done")(shown.terminal)
    scratch.write("go", "")
    assert shown.finish() == 0


@pytest.mark.parametrize("command", ["execute --json | head -n 1", "execute 2>&1 | head -n 1", "execute --json >&-"])
def test_a_reader_that_leaves_loses_no_work(scratch: Scratch, command: str) -> None:
    scratch.plan("agents: {a: {run: sleep 0.2}, b: {run: touch b}}")
    done = scratch.run("bash", "-c", f"set -o pipefail; git pliny {command}")
    assert done.returncode == 0
    assert scratch.session()["status"] == "completed"
    assert (scratch.root / "b").exists()


def test_a_failed_plan_is_told_by_the_exit_status_even_if_nobody_reads(planned: Scratch) -> None:
    planned.write("go", "")
    done = planned.run("bash", "-c", "set -o pipefail; git pliny execute 2>&1 | head -n 1")
    assert done.returncode == 3


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """A tmux of its own, with the program's own idea of a terminal."""
    if not shutil.which("tmux"):
        pytest.skip("needs tmux")

    def run(*arguments: str) -> str:
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LC_ALL": "C.UTF-8", "TERM": "xterm"}
        done = subprocess.run(
            ["tmux", "-S", str(tmp_path / "tmux"), "-f", os.devnull, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    yield run
    run("kill-server")


def test_in_tmux_a_narrowed_window_shows_no_remains(
    planned: Scratch, tmux: Callable[..., str], environment: dict[str, str]
) -> None:
    settings = " ".join(f"{name}='{value}'" for name, value in environment.items())
    tmux(
        "new-session",
        "-d",
        "-x",
        "90",
        "-y",
        "20",
        f"seq 30; cd '{planned.root}'; {settings} git pliny execute; sleep 60",
    )
    wait_until(lambda: "slow   running" in tmux("capture-pane", "-p"))
    tmux("resize-window", "-x", "40")
    wait_until(lambda: "1/4 done, 1 running\n" in tmux("capture-pane", "-p"))
    for _ in range(3):
        assert tmux("capture-pane", "-p", "-S", "-50").count("slow   running") == 1
        time.sleep(0.3)
    planned.write("go", "")
    wait_until(lambda: "hint: mend it" in tmux("capture-pane", "-p"))
    assert "%" not in tmux("capture-pane", "-p", "-S", "-50")


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
