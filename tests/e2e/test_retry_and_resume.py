"""What `git pliny execute` does when agents fail for a while, and what a resume does with a plan that has changed."""

from scratch import Scratch
from told import artifacts, attempts, checkpoints, course, entries, of_type, statuses


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
