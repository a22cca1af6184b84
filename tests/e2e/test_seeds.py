"""Every command line and every piece of configuration of the execution engine guide, exactly as printed there.

`pliny` is run by that name and as `git pliny`. What its Python usage looks like here is in the tests of the API.
"""

import json
import subprocess

import pytest
from scratch import Scratch
from told import attempts, checkpoints, statuses

PHASES = """\
phases:
  - name: research
    parallel: true
    agents:
      - research-web
      - research-code
      - research-docs
"""
RETRIES = """\
error_handling:
  retry_strategies:
    network:
      max_retries: 3
      backoff: exponential
      initial_delay: 1000
"""
RISE = ["research", "identify", "synthesize", "execute"]
CARE = ["context", "analyze", "respond", "evaluate"]
AGENT = '#!/bin/sh\necho "$PLINY_AGENT" >> log\n'


@pytest.fixture(params=["pliny", "git pliny"])
def program(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def typed(scratch: Scratch, program: str, line: str, exits: int = 0) -> subprocess.CompletedProcess[str]:
    """Types a line of the guide into a shell, with the session's id in place of `<id>`."""
    session = scratch.run("git", "symbolic-ref", "-q", "PLINY_HEAD").stdout.strip().rpartition("/")[2]
    for mark in ("<id>", "<session-id>"):
        line = line.replace(mark, session)
    done = scratch.run("sh", "-c", line.replace("pliny", program, 1))
    assert done.returncode == exits, (line, done.returncode, done.stderr)
    return done


def test_the_quick_start_and_what_follows_it(scratch: Scratch, program: str) -> None:
    for name in ("research-web", "research-code", "research-docs", *RISE[1:]):
        scratch.write(f".pliny/agents/{name}", AGENT, executable=True)
    scratch.plan(f"{PHASES}\n{RETRIES}")
    typed(scratch, program, 'pliny session start "My Task Name"')
    started = scratch.session()
    assert (started["name"], started["status"]) == ("My Task Name", "in-progress")
    typed(scratch, program, "pliny execute --framework rise --checkpoint phase")
    session = scratch.session()
    assert (session["id"], session["framework"], session["status"]) == (started["id"], "rise", "completed")
    assert checkpoints(scratch) == ["start", *RISE]
    listed = typed(scratch, program, "pliny session list              # List all sessions").stdout
    assert "My Task Name" in listed
    assert "completed" in listed
    typed(scratch, program, "pliny session resume <id>       # Resume specific session")
    typed(scratch, program, 'pliny checkpoint create "checkpoint-name"')
    assert checkpoints(scratch)[-1] == "checkpoint-name"
    typed(scratch, program, 'pliny rollback "after-research"')
    assert sorted((scratch.root / "log").read_text().split()) == ["research-code", "research-docs", "research-web"]
    assert [name for name, status in statuses(scratch).items() if status == "rolled-back"] == RISE[1:]
    typed(scratch, program, "pliny execute --parallel")
    assert attempts(scratch)["research-web"] == 1
    assert {attempts(scratch)[name] for name in RISE[1:]} == {2}
    viewed = typed(scratch, program, "pliny audit view <session-id>").stdout
    for word in ("session_start", "phase_begin", "agent_end", "checkpoint", "rollback"):
        assert word in viewed
    summed = typed(scratch, program, "pliny audit summary <session-id>").stdout
    assert "research-web" in summed


def test_the_phases_run_as_printed(scratch: Scratch, program: str) -> None:
    """Each of the three waits for the other two, so that they end only if they run at the same time."""
    agent = '#!/bin/sh\ntouch "$PLINY_AGENT.on"\nuntil [ "$(ls ./*.on | wc -l)" = 3 ]; do sleep 0.01; done\n'
    for name in ("research-web", "research-code", "research-docs"):
        scratch.write(f".pliny/agents/{name}", agent, executable=True)
    scratch.plan(f"{PHASES}\nexecution: {{timeout: 30s, max_retries: 0}}\n")
    typed(scratch, program, "pliny execute --parallel")
    assert set(statuses(scratch).values()) == {"completed"}
    assert checkpoints(scratch) == ["start", "research"]


def test_the_retries_are_those_printed(scratch: Scratch) -> None:
    """One second before the second attempt, as the guide's setting and the plan executor's example have it."""
    scratch.plan(
        f"{RETRIES}\nagents: {{a: {{run: '[ $PLINY_ATTEMPT = 2 ] || {{ echo Connection refused; exit 1; }}'}}}}\n"
    )
    told = scratch.pliny("execute", "--json").stdout.splitlines()
    retries = [entry["data"] for entry in map(json.loads, told) if entry["type"] == "retry"]
    assert [(data["category"], data["retry"]) for data in retries] == [("network", 1)]
    assert 1.0 <= retries[0]["delay_s"] <= 1.1


@pytest.mark.parametrize(
    ("start", "execute", "phases"),
    [
        ('pliny session start "Research Task"', "pliny execute --framework rise --checkpoint phase", RISE),
        ('pliny session start "Quick Fix"', "pliny execute --framework care --checkpoint step", CARE),
    ],
    ids=["rise", "care"],
)
def test_the_frameworks_have_a_checkpoint_after_each_phase(
    scratch: Scratch, program: str, start: str, execute: str, phases: list[str]
) -> None:
    for name in phases:
        scratch.write(f".pliny/agents/{name}", f'{AGENT}cat "$PLINY_CONTEXT" > task\n', executable=True)
    typed(scratch, program, start)
    typed(scratch, program, execute)
    assert (scratch.root / "log").read_text().split() == phases
    assert checkpoints(scratch) == ["start", *phases]
    assert scratch.session()["name"] in (scratch.root / "task").read_text()


def test_the_recovery_from_failures(scratch: Scratch, program: str) -> None:
    scratch.plan(
        """
        agents: {first: {run: echo first >> log}, failed-agent: {run: "echo half >> log; [ -e .git/go ]"}}
        phases: [{name: one, agents: [first]}, {name: two, agents: [failed-agent]}]
        """
    )
    typed(scratch, program, "pliny execute", exits=3)
    assert "failed" in typed(scratch, program, "pliny session list").stdout
    typed(scratch, program, "pliny session resume <session-id>", exits=3)
    assert attempts(scratch) == {"first": 1, "failed-agent": 2}
    typed(scratch, program, 'pliny rollback "before-failed-agent"')
    assert (scratch.root / "log").read_text() == "first\n"
    scratch.write(".git/go", "")
    typed(scratch, program, "pliny execute --rerun failed-agent")
    assert (scratch.root / "log").read_text() == "first\nhalf\n"
    assert scratch.session()["status"] == "completed"


def test_hints_and_usage_name_the_program_that_was_called(scratch: Scratch, program: str) -> None:
    assert typed(scratch, program, "pliny -h").stdout.startswith(f"Usage: {program} ")
