"""What ends agents and executions early: timeouts, interrupts, kills; and a second execution of one session."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scratch import Scratch
from told import attempts, checkpoints, statuses

DEADLINE_S = 30.0


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


@contextmanager
def running(scratch: Scratch, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`git pliny` in the background, as the leader of a process group of its own; ended at the end."""
    process = subprocess.Popen(
        ["git", "pliny", *arguments],
        cwd=scratch.root,
        env=scratch.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def shown_by_a_shell(status: int) -> int:
    """The exit status as `$?` has it: `git` ends by the signal that it handed on."""
    return 128 - status if status < 0 else status


def interrupt_till_it_ends(process: subprocess.Popen[str]) -> None:
    """`^C` again and again: what comes within a moment of the last one counts as the same one."""
    while process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.35)


def is_alive(pid_file: Path) -> bool:
    command = ["ps", "-o", "stat=", "-p", pid_file.read_text().strip()]
    state = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return state[:1] not in ("", "Z")


def test_a_timeout_ends_the_whole_group_politely_and_then_for_certain(scratch: Scratch) -> None:
    scratch.write(
        "stubborn.sh",
        "trap '' TERM\nsh -c 'trap \"\" TERM; echo $$ > child; while :; do sleep 0.1; done' &\n"
        "echo $$ > parent; while :; do sleep 0.1; done\n",
    )
    scratch.plan(
        """
        execution: {timeout: 30s, grace: 300ms, max_retries: 0}
        agents:
          polite: {run: "trap 'echo bye > said; exit 0' TERM; sleep 60 & wait", timeout: 500ms}
          stubborn: {run: sh stubborn.sh, timeout: 1s}
          quick: {run: "true"}
        phases: [{name: work, parallel: true, agents: [polite, stubborn, quick]}]
        """
    )
    scratch.pliny("execute", exits=3)
    assert statuses(scratch) == {"polite": "failed", "stubborn": "failed", "quick": "completed"}
    assert (scratch.root / "said").read_text() == "bye\n"
    assert not is_alive(scratch.root / "child")
    assert not is_alive(scratch.root / "parent")
    agents = scratch.session()["agents"]
    for name, seconds in (("polite", 0.5), ("stubborn", 1.3)):
        assert seconds - 0.25 < agents[name]["duration_s"] < seconds + 5
        assert (agents[name]["error"]["category"], agents[name]["error"]["recoverable"]) == ("tool", True)
        assert "time" in agents[name]["error"]["message"]


def test_an_interrupt_ends_the_agents_keeps_the_workspace_and_can_be_resumed(scratch: Scratch) -> None:
    scratch.plan(
        """
        agents:
          done: {run: echo done >> done.txt}
          long:
            run: "echo half > half.txt; [ -e go ] || { trap 'echo bye > said; exit 1' TERM; touch on; sleep 60 & wait; }"
          later: {run: touch later.txt}
        """
    )
    with running(scratch, "execute") as process:
        wait_for((scratch.root / "on").exists)
        os.killpg(process.pid, signal.SIGINT)
        _, told = process.communicate(timeout=DEADLINE_S)
    assert shown_by_a_shell(process.returncode) == 130
    assert "Traceback" not in told
    assert "hint: git pliny execute --resume" in told
    assert (scratch.root / "said").exists()
    session = scratch.session()
    assert session["status"] == "paused"
    assert statuses(scratch) == {"done": "completed", "long": "pending", "later": "pending"}
    assert checkpoints(scratch) == ["start", "interrupted"]
    assert scratch.git("show", f"{session['checkpoints']['interrupted']}:half.txt") == "half"
    scratch.write("go", "")
    scratch.pliny("execute", "--resume")
    assert scratch.session()["id"] == session["id"]
    assert set(statuses(scratch).values()) == {"completed"}
    assert attempts(scratch) == {"done": 1, "long": 2, "later": 1}
    assert (scratch.root / "done.txt").read_text() == "done\n"


def test_a_second_interrupt_ends_agents_at_once(scratch: Scratch) -> None:
    scratch.write("stubborn.sh", "trap '' TERM INT\necho $$ > pid\nwhile :; do sleep 0.05; done\n")
    scratch.plan("execution: {grace: 60s}\nagents: {stubborn: {run: sh stubborn.sh}}")
    with running(scratch, "execute") as process:
        wait_for(lambda: (scratch.root / "pid").exists() and bool((scratch.root / "pid").read_text()))
        interrupt_till_it_ends(process)
    assert shown_by_a_shell(process.returncode) == 130
    assert not is_alive(scratch.root / "pid")
    assert scratch.session()["status"] == "paused"


def test_an_interrupt_while_a_retry_waits_does_not_wait_for_it(scratch: Scratch) -> None:
    """The delay is the table's own: a second and at most a tenth."""
    scratch.plan("agents: {flaky: {run: '[ $PLINY_ATTEMPT = 2 ] || { echo connection refused; exit 1; }'}}")
    with running(scratch, "execute", "--json") as process:
        assert process.stdout is not None
        for line in process.stdout:
            entry = json.loads(line)
            if entry["type"] == "retry":
                break
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=DEADLINE_S)
    assert shown_by_a_shell(process.returncode) == 130
    assert 1.0 <= entry["data"]["delay_s"] <= 1.1
    assert scratch.session()["status"] == "paused"
    scratch.pliny("execute", "--resume")
    assert attempts(scratch) == {"flaky": 2}


def test_a_killed_execution_is_shown_as_interrupted_and_goes_on_where_it_was(scratch: Scratch) -> None:
    scratch.plan(
        """
        agents:
          first: {run: echo first >> log}
          cut: {run: "echo $$ > pid; echo cut >> log; [ -e go ] || sleep 60"}
          last: {run: echo last >> log}
        """
    )
    with running(scratch, "execute") as process:
        wait_for(lambda: (scratch.root / "pid").exists() and bool((scratch.root / "pid").read_text()))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    listed = scratch.pliny("session", "list").stdout
    assert "interrupted" in listed
    assert json.loads(scratch.pliny("session", "show", "--json").stdout)["completed_agents"] == ["first"]
    assert is_alive(scratch.root / "pid")
    left = (scratch.root / "pid").read_text()
    scratch.write("go", "")
    scratch.pliny("execute")
    scratch.write("left", left)
    assert not is_alive(scratch.root / "left")
    assert (scratch.root / "log").read_text().split() == ["first", "cut", "cut", "last"]
    assert checkpoints(scratch) == ["start", "interrupted", "main"]
    assert scratch.git("fsck", "--strict", "--no-dangling") == ""
    assert attempts(scratch) == {"first": 1, "cut": 2, "last": 1}


def test_a_session_is_executed_by_one_process_at_a_time(scratch: Scratch) -> None:
    scratch.plan("agents: {a: {run: 'touch on; until [ -e go ]; do sleep 0.01; done'}}")
    with running(scratch, "execute") as process:
        wait_for((scratch.root / "on").exists)
        refused = scratch.pliny("execute", exits=1)
        assert "is held by process" in refused.stderr
        assert "hint: git pliny audit view --follow" in refused.stderr
        scratch.write("go", "")
        process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0
    assert attempts(scratch) == {"a": 1}
