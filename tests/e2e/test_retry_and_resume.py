"""What `git pliny execute` does when agents fail for a while, are cut off, or are to go on later."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from scratch import Scratch
from told import artifacts, attempts, checkpoints, course, entries, of_type, statuses

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


def test_each_category_is_retried_as_the_table_says(scratch: Scratch) -> None:
    scratch.plan(
        """
        execution: {jobs: 8}
        error_handling:
          retry_strategies:
            network: {initial_delay: 20}
            ai: {initial_delay: 10}
            tool: {initial_delay: 20}
        agents:
          network: {run: "echo 'curl: (7) Failed to connect to example.com port 443: Connection refused' >&2; exit 7"}
          ai: {run: "echo 'Error: 429 Too Many Requests: rate limit exceeded'; exit 1"}
          quota: {run: "echo 'Error: insufficient_quota: You exceeded your current quota'; exit 1"}
          temporary: {run: exit 75}
          slow: {run: sleep 30, timeout: 50ms}
          asked: {run: "echo 'HTTP/1.1 429 Too Many Requests'; echo 'Retry-After: 1'; exit 1", max_retries: 1}
          tool: {run: "echo '5 tests failed at line 503'; exit 1"}
          config: {run: [./no-such-program]}
          shell-config: {run: no-such-program --version}
          validation: {run: "true", deliverables: [report.md]}
          system: {run: "echo 'write error: No space left on device' >&2; exit 1"}
        phases:
          - name: all
            parallel: true
            agents: [network, ai, quota, temporary, slow, asked, tool, config, shell-config, validation, system]
        """
    )
    told = entries(scratch.pliny("execute", "--json", exits=3))
    records = {
        name: (agent["error"]["category"], agent["error"]["recoverable"], agent["attempts"])
        for name, agent in scratch.session()["agents"].items()
    }
    assert records == {
        "network": ("network", True, 4),
        "ai": ("ai", True, 6),
        "quota": ("ai", False, 1),
        "temporary": ("tool", True, 3),
        "slow": ("tool", True, 3),
        "asked": ("ai", True, 2),
        "tool": ("tool", False, 1),
        "config": ("config", False, 1),
        "shell-config": ("config", False, 1),
        "validation": ("validation", False, 1),
        "system": ("system", False, 1),
    }
    expected = {
        "network": [0.02, 0.04, 0.08],
        "ai": [0.01, 0.02, 0.04, 0.08, 0.16],
        "temporary": [0.02, 0.04],
        "asked": [1.0],
    }
    for agent, delays in expected.items():
        waited = [entry["data"]["delay_s"] for entry in of_type(told, "retry", agent)]
        assert all(delay <= got <= delay * 1.1 + 0.001 for delay, got in zip(delays, waited, strict=True))
    assert scratch.session()["metrics"]["retries"] == 13
    assert course(told, "error", "retry", "agent_end")[-1].startswith("agent_end")
    for entry in of_type(told, "error"):
        assert {"category", "recoverable", "reason", "message"} <= set(entry["data"])


def test_the_nearest_setting_decides_how_often_and_rules_decide_what_is_retried(scratch: Scratch) -> None:
    scratch.plan(
        """
        execution: {jobs: 8, max_retries: 1}
        error_handling:
          retry_strategies:
            network: {initial_delay: 1}
            tool: {max_retries: 3, backoff: fixed, initial_delay: 1}
            validation: {initial_delay: 1}
          rules:
            - {match: "widget \\\\w+ jammed", category: network}
            - {exit: [42], category: validation, recoverable: true}
            - {match: shall not be retried, category: network, recoverable: false}
        agents:
          by-strategy: {run: exit 75}
          by-agent: {run: exit 75, max_retries: 0}
          by-agent-twice: {run: exit 75, max_retries: 2}
          by-agent-strategy: {run: exit 75, retry: {max_retries: 1}}
          by-execution: {run: "echo connection refused; exit 1"}
          by-exit: {run: exit 9, retry_on_exit: 9}
          by-other-exit: {run: exit 9, retry_on_exit: [8, 10]}
          by-rule: {run: "echo the widget in3 jammed; exit 1"}
          by-exit-rule: {run: exit 42}
          by-refusal: {run: "echo this shall not be retried; exit 1"}
        phases:
          - name: all
            parallel: true
            agents: [by-strategy, by-agent, by-agent-twice, by-agent-strategy, by-execution, by-exit, by-other-exit,
                     by-rule, by-exit-rule, by-refusal]
        """
    )
    scratch.pliny("execute", exits=3)
    assert attempts(scratch) == {
        "by-strategy": 4,
        "by-agent": 1,
        "by-agent-twice": 3,
        "by-agent-strategy": 2,
        "by-execution": 2,
        "by-exit": 4,
        "by-other-exit": 1,
        "by-rule": 2,
        "by-exit-rule": 2,
        "by-refusal": 1,
    }
    categories = {name: agent["error"]["category"] for name, agent in scratch.session()["agents"].items()}
    assert (categories["by-rule"], categories["by-exit-rule"], categories["by-refusal"]) == (
        "network",
        "validation",
        "network",
    )


def test_an_agent_that_recovers_completes_and_every_attempt_is_kept(scratch: Scratch) -> None:
    scratch.plan(
        """
        error_handling: {retry_strategies: {network: {initial_delay: 1}}}
        agents:
          flaky:
            run: "echo try $PLINY_ATTEMPT; [ $PLINY_ATTEMPT = 3 ] || { echo connection reset by peer; exit 1; }; touch ok"
          after: {run: "[ -e ok ]"}
        """
    )
    done = scratch.pliny("execute")
    session = scratch.session()
    assert (session["status"], session["agents"]["flaky"]["attempts"]) == ("completed", 3)
    assert session["agents"]["flaky"]["error"] is None
    assert (session["metrics"]["attempts"], session["metrics"]["retries"]) == (4, 2)
    outputs = sorted(artifacts(scratch, "outputs", "flaky").items())
    assert [(name[:2], text.splitlines()[0]) for name, text in outputs] == [
        ("1-", "try 1"),
        ("2-", "try 2"),
        ("3-", "try 3"),
    ]
    assert "flaky: attempt 1 failed" in done.stderr
    assert "flaky: retrying in 1ms" in done.stderr
    assert checkpoints(scratch) == ["start", "main"]


def test_a_waiting_retry_holds_no_slot(scratch: Scratch) -> None:
    """With one slot, `flaky` gets well only once `other` has run, and gets one retry."""
    scratch.plan(
        """
        execution: {jobs: 1}
        error_handling: {retry_strategies: {network: {max_retries: 1, initial_delay: 300}}}
        agents:
          flaky: {run: "[ -e other.txt ] || { echo connection refused; exit 1; }"}
          other: {run: touch other.txt}
        phases: [{name: work, parallel: true, agents: [flaky, other]}]
        """
    )
    told = entries(scratch.pliny("execute", "--json"))
    assert course(told, "agent_start", "retry", "agent_end") == [
        "agent_start flaky",
        "retry flaky",
        "agent_start other",
        "agent_end other",
        "agent_start flaky",
        "agent_end flaky",
    ]


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


def test_execute_goes_on_with_the_current_session_while_it_is_unfinished(scratch: Scratch) -> None:
    scratch.plan("task: Mend it\nagents: {a: {run: echo a >> log}, b: {run: '[ -e go ]'}}")
    started = scratch.pliny("execute", exits=3)
    first = scratch.session()["id"]
    assert f"session {first[:8]}: Mend it\n" in started.stderr
    scratch.write("go", "")
    resumed = scratch.pliny("execute")
    assert f"session {first[:8]}: Mend it (resumed)\n" in resumed.stderr
    assert scratch.session()["status"] == "completed"
    refused = scratch.pliny("execute", "--resume", exits=1)
    assert "error: there is no unfinished session to resume\nhint: git pliny session list\n" in refused.stderr
    refused = scratch.pliny("execute", "--resume", "--session", first[:6], exits=1)
    assert f"error: session {first[:8]} is completed: there is nothing to resume\n" in refused.stderr
    scratch.pliny("execute")
    second = scratch.session()["id"]
    assert second != first
    scratch.pliny("execute", "--session", first[:6], "--rerun", "a")
    assert scratch.session()["id"] == first
    assert (scratch.root / "log").read_text() == "a\n" * 3
    assert "there is no session 'zzz'" in scratch.pliny("execute", "--session", "zzz", exits=1).stderr
    scratch.pliny("session", "archive", first)
    assert f"session {first[:8]} is archived" in scratch.pliny("execute", "--session", first, exits=1).stderr
    scratch.pliny("execute")
    assert scratch.session()["id"] not in (first, second)


def test_a_task_text_starts_a_session_of_that_name_and_reaches_the_agents(scratch: Scratch) -> None:
    scratch.plan("agents: {a: {run: 'cp $PLINY_CONTEXT context.md; [ -e go ]'}}")
    scratch.pliny("execute", exits=3)
    first = scratch.session()["id"]
    scratch.pliny("execute", "Tidy the parser", exits=3)
    second = scratch.session()
    assert (second["id"] != first, second["name"]) == (True, "Tidy the parser")
    assert "Tidy the parser" in (scratch.root / "context.md").read_text()
    scratch.write("go", "")
    scratch.pliny("execute", "--resume")
    assert scratch.session()["id"] == second["id"]
    assert "Tidy the parser" in (scratch.root / "context.md").read_text()


def test_an_execute_inside_an_agent_has_a_session_of_its_own(scratch: Scratch) -> None:
    scratch.write("inner.yaml", "agents: {inside: {run: 'echo $PLINY_SESSION > inner.txt'}}")
    scratch.plan("agents: {outer: {run: 'echo $PLINY_SESSION > outer.txt; git pliny execute --plan inner.yaml'}}")
    scratch.pliny("execute")
    inner, outer = ((scratch.root / f"{name}.txt").read_text().strip() for name in ("inner", "outer"))
    assert scratch.session()["id"] == outer
    assert inner != outer
    listed = json.loads(scratch.pliny("session", "list", "--json").stdout)
    assert {session["id"]: session["status"] for session in listed} == {inner: "completed", outer: "completed"}


def test_a_changed_plan_runs_what_changed_and_leaves_the_rest_completed(scratch: Scratch) -> None:
    plan = """
        task: Work
        agents:
          same: {run: echo same >> log, title: A title}
          changed: {run: echo old >> log}
          bad: {run: exit 1}
    """
    scratch.plan(plan)
    scratch.pliny("execute", exits=3)
    mended = plan.replace("echo old", "echo new").replace("exit 1", "echo good >> log").replace("A title", "Another")
    scratch.plan(f"{mended}      added: {{run: echo added >> log, needs: [same]}}\n")
    told = entries(scratch.pliny("execute", "--json"))
    change = of_type(told, "plan_change")[0]["data"]
    assert (change["reset"], list(change["agents"])) == (["changed"], ["same", "changed", "bad", "added"])
    assert (scratch.root / "log").read_text().split() == ["same", "old", "new", "good", "added"]
    assert scratch.session()["status"] == "completed"


def test_an_agent_that_is_taken_out_of_the_plan_is_skipped_and_runs_when_it_is_back(scratch: Scratch) -> None:
    scratch.plan("agents: {good: {run: 'true'}, bad: {run: '[ -e go ]'}}")
    scratch.pliny("execute", exits=3)
    scratch.plan("agents: {good: {run: 'true'}}")
    scratch.pliny("execute")
    assert statuses(scratch) == {"good": "completed", "bad": "skipped"}
    assert (scratch.session()["status"], scratch.session()["failed_agents"]) == ("completed", [])
    scratch.write("go", "")
    scratch.plan("agents: {bad: {run: '[ -e go ]'}, good: {run: 'true'}}")
    scratch.pliny("execute", "--session", scratch.session()["id"])
    assert statuses(scratch) == {"bad": "completed", "good": "completed"}
    assert attempts(scratch) == {"bad": 2, "good": 1}


def test_the_plan_file_and_its_settings_are_remembered_for_the_resume(scratch: Scratch) -> None:
    scratch.plan("agents: {wrong: {run: touch wrong.txt}}")
    scratch.write(
        "plans/other.yaml",
        """
        execution: {checkpoint: agent}
        error_handling: {rules: [{exit: [3], category: network}], retry_strategies: {network: {initial_delay: 1}}}
        agents: {right: {run: "[ -e go ] || exit 3"}, other: {run: "true"}}
        """,
    )
    scratch.pliny("execute", "--plan", "other.yaml", cwd=scratch.root / "plans", exits=3)
    assert attempts(scratch) == {"right": 4, "other": 0}
    scratch.pliny("execute", "--resume", exits=3)
    assert attempts(scratch) == {"right": 8, "other": 0}
    scratch.write("go", "")
    scratch.pliny("execute")
    assert statuses(scratch) == {"right": "completed", "other": "completed"}
    assert checkpoints(scratch)[-2:] == ["right", "other"]
    assert not (scratch.root / "wrong.txt").exists()


@pytest.mark.parametrize("option", ["--plan", "--framework"])
def test_a_plan_that_is_not_there_is_named(scratch: Scratch, option: str) -> None:
    refused = scratch.pliny("execute", option, "risen", exits=1)
    assert "risen" in refused.stderr
    assert scratch.git("for-each-ref", "refs/pliny") == ""
