"""Several processes at once: in one session the second is refused, in one repository nothing gets lost."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from scratch import Scratch

SESSIONS = 8

PLAN = """
execution: {parallel: true, checkpoint: agent, jobs: 2}
agents:
  one: {run: 'echo "$PLINY_SESSION" >>"one-$PLINY_SESSION"'}
  two: {run: 'test "$PLINY_ATTEMPT" -gt 1 || exit 75; sleep 0.1; git pliny checkpoint create mine'}
  three: {run: "sleep 0.1", needs: [one, two]}
phases:
  - {name: first, agents: [one, two], parallel: true}
  - {name: second, agents: [three]}
error_handling: {retry_strategies: {tool: {max_retries: 2, backoff: fixed, initial_delay: 1}}}
"""

ENTRIES = {
    "session_start": 1,
    "plan_change": 1,
    "phase_begin": 2,
    "agent_start": 4,
    "error": 1,
    "retry": 1,
    "agent_end": 3,
    "checkpoint": 5,
    "phase_end": 2,
    "session_end": 1,
}
"""What an undisturbed run of the plan writes: a checkpoint at the start, three of agents, and the one made by an agent."""


def begin(scratch: Scratch, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["git", "pliny", *arguments],
        cwd=scratch.root,
        env=scratch.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def over_and_over(scratch: Scratch, *command: str) -> Iterator[list[subprocess.CompletedProcess[str]]]:
    """Run a command again and again beside the block; gives what became of it, at least once."""
    done: list[subprocess.CompletedProcess[str]] = []
    over = threading.Event()

    def work() -> None:
        while not over.is_set() or not done:
            done.append(scratch.run(*command))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield done
    finally:
        over.set()
        thread.join()


def wait_until_agent_runs(scratch: Scratch, name: str) -> None:
    deadline = time.monotonic() + 60
    while not (scratch.root / name).exists():
        assert time.monotonic() < deadline, f"agent {name} never started"
        time.sleep(0.02)


def counts(scratch: Scratch, session: str) -> dict[str, int]:
    """How many entries of each type there are in the notes, as plain git shows them."""
    found: dict[str, int] = {}
    for line in scratch.git("ls-tree", "-r", f"refs/notes/pliny/{session}").splitlines():
        for entry in scratch.git("cat-file", "blob", line.split()[2]).splitlines():
            kind = json.loads(entry)["type"]
            found[kind] = found.get(kind, 0) + 1
    return found


def test_a_second_process_on_a_session_is_refused_with_who_holds_it(scratch: Scratch) -> None:
    scratch.plan("agents: {a: {run: 'touch started; while test ! -e go; do sleep 0.05; done'}}\n")
    first = begin(scratch, "execute")
    wait_until_agent_runs(scratch, "started")
    session = scratch.session()["id"]
    for arguments in (["execute", "--session", session], ["execute", "--resume"], ["rollback", "start"]):
        refused = scratch.pliny(*arguments, exits=1)
        assert f"session {session[:8]} is held by process " in refused.stderr
        assert "hint: " in refused.stderr
    scratch.write("go", "")
    _, words = first.communicate(timeout=60)
    assert first.returncode == 0, words
    assert scratch.session()["agents"]["a"]["attempts"] == 1


def test_eight_sessions_at_once_all_complete_while_git_tidies_up(scratch: Scratch) -> None:
    scratch.plan(PLAN)
    scratch.commit("plan")
    with ExitStack() as stack:
        tidying = [
            stack.enter_context(over_and_over(scratch, "git", *words))
            for words in (["gc", "--quiet"], ["pack-refs", "--all"], ["gc", "--auto", "--quiet"])
        ]
        running = [begin(scratch, "execute", f"task {number}") for number in range(SESSIONS)]
        ended = [(process.communicate(timeout=300)[1], process.returncode) for process in running]
        assert [words for words, code in ended if code or "Traceback" in words] == []
    assert all(tidying)
    listed = json.loads(scratch.pliny("session", "list", "--json").stdout)
    assert sorted(session["name"] for session in listed) == [f"task {number}" for number in range(SESSIONS)]
    for session in listed:
        assert session["status"] == "completed"
        assert counts(scratch, session["id"]) == ENTRIES
        assert session["audit"]["entries"] == sum(ENTRIES.values())
        scratch.pliny("audit", "verify", session["id"])
    assert scratch.git("fsck", "--no-dangling", "--no-progress") == ""


def test_many_agents_make_checkpoints_at_once(scratch: Scratch) -> None:
    names = [f"a{number}" for number in range(12)]
    agents = "".join(f"  {name}: {{run: 'git pliny checkpoint create mine-{name}'}}\n" for name in names)
    scratch.plan(f"execution: {{parallel: true, jobs: 12}}\nagents:\n{agents}")
    scratch.pliny("execute")
    session = scratch.session()
    assert session["status"] == "completed"
    assert set(session["checkpoints"]) >= {f"mine-{name}" for name in names}
    assert session["metrics"]["attempts"] == 12
    scratch.pliny("audit", "verify")
    assert scratch.git("fsck", "--no-dangling", "--no-progress") == ""


def test_readers_beside_a_run_see_only_consistent_states(scratch: Scratch) -> None:
    steps = "".join(f"  s{number}: {{run: 'sleep 0.15'}}\n" for number in range(8))
    scratch.plan(f"execution: {{checkpoint: agent}}\nagents:\n{steps}")
    scratch.plan((scratch.root / "pliny.yaml").read_text() + f"phases: [{{name: p, agents: [{_list(8)}]}}]\n")
    scratch.pliny("session", "start", "watched")
    with (
        over_and_over(scratch, "git", "pliny", "session", "list", "--json") as lists,
        over_and_over(scratch, "git", "pliny", "session", "list") as tables,
        over_and_over(scratch, "git", "pliny", "session", "show", "--json") as shows,
        over_and_over(scratch, "git", "pliny", "audit", "verify") as verified,
    ):
        scratch.pliny("execute")
    for done in (*lists, *tables, *shows, *verified):
        assert (done.returncode, done.stderr) == (0, ""), done
    _never_goes_back([json.loads(done.stdout)[0] for done in lists])
    _never_goes_back([json.loads(done.stdout) for done in shows])
    assert not any("interrupted" in done.stdout for done in tables)


def _list(number: int) -> str:
    return ", ".join(f"s{place}" for place in range(number))


def _never_goes_back(states: list[dict[str, Any]]) -> None:
    """Completed agents stay completed, and the trail only grows."""
    completed: set[str] = set()
    entries = 0
    for state in states:
        assert completed <= set(state["completed_agents"])
        assert entries <= state["audit"]["entries"]
        completed, entries = set(state["completed_agents"]), state["audit"]["entries"]
        done = {name for name, agent in state["agents"].items() if agent["status"] == "completed"}
        assert done == completed
