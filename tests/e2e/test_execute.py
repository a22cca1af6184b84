"""`git pliny execute`: what runs, in which order, and how it ends."""

import hashlib
import json

import pytest
from scratch import Scratch
from told import attempts, checkpoints, course, entries, noted, statuses

COUNTING = """\
touch "on/$PLINY_AGENT"
tries=0
while [ "$(ls on | wc -l)" -lt "$1" ] && [ $tries -lt 100 ]; do tries=$((tries + 1)); sleep 0.01; done
ls on | wc -l >> counts
sleep 0.02
rm "on/$PLINY_AGENT"
"""


def test_a_newcomer_is_led_from_nothing_to_a_run(scratch: Scratch) -> None:
    refused = scratch.pliny("execute", exits=1).stderr
    assert refused == (
        "error: there is no plan here, neither pliny.yaml nor plan/plan_manifest.json\nhint: git pliny init\n"
    )
    said = scratch.pliny("execute", "Mend it", exits=1).stderr
    assert said.endswith("hint: git pliny execute --framework rise 'Mend it'\n")
    said = scratch.pliny("execute", "--use", "claude", exits=1).stderr
    assert said.endswith("hint: git pliny execute --framework rise 'WHAT IS TO BE DONE' --use claude\n")
    assert "git pliny execute\n" in scratch.pliny("init").stderr
    done = scratch.pliny("execute")
    assert "completed: 3 agents" in done.stderr
    assert "Tracked files: 1" in (scratch.root / "pliny-start/report.md").read_text()
    assert "there is a plan already: pliny.yaml" in scratch.pliny("init", exits=1).stderr


def test_phases_and_sequential_agents_run_one_after_another(scratch: Scratch) -> None:
    scratch.plan(
        """
        agents:
          b: {run: "echo b+ >> log; sleep 0.05; echo b- >> log"}
          a: {run: "echo a+ >> log; sleep 0.05; echo a- >> log"}
          c: {run: "echo c+ >> log"}
        phases:
          - {name: first, agents: [a, b]}
          - {name: second, parallel: true, agents: [c]}
        """
    )
    told = entries(scratch.pliny("execute", "--json"))
    assert (scratch.root / "log").read_text().split() == ["a+", "a-", "b+", "b-", "c+"]
    assert course(told, "phase_begin", "phase_end", "agent_start", "agent_end") == [
        "phase_begin first",
        "agent_start a",
        "agent_end a",
        "agent_start b",
        "agent_end b",
        "phase_end first",
        "phase_begin second",
        "agent_start c",
        "agent_end c",
        "phase_end second",
    ]


def test_parallel_agents_overlap_and_ready_ones_start_while_others_still_run(scratch: Scratch) -> None:
    """`slow` waits for `last`, which needs `quick`: in waves, `last` would have to wait for `slow`."""
    scratch.plan(
        """
        execution: {timeout: 30s, max_retries: 0}
        agents:
          last: {run: touch last.on, needs: [quick]}
          slow: {run: "until [ -e last.on ]; do sleep 0.01; done"}
          quick: {run: "true"}
        phases: [{name: work, parallel: true, agents: [last, slow, quick]}]
        """
    )
    told = course(entries(scratch.pliny("execute", "--json")), "agent_start", "agent_end")
    assert told.index("agent_start slow") < told.index("agent_start last") < told.index("agent_end slow")


def test_no_agent_starts_before_what_it_needs_has_completed(scratch: Scratch) -> None:
    scratch.plan(
        """
        agents:
          top: {run: echo top >> log, needs: [left, right]}
          left: {run: echo left >> log, prerequisites: [base]}
          right: {run: echo right >> log, needs: base}
          base: {run: echo base >> log}
        phases: [{name: work, parallel: true, agents: [top, left, right, base]}]
        """
    )
    scratch.pliny("execute")
    assert sorted((scratch.root / "log").read_text().split()[1:3]) == ["left", "right"]
    assert (scratch.root / "log").read_text().split()[::3] == ["base", "top"]


@pytest.mark.parametrize(
    ("options", "most"),
    [(["-j", "2"], 2), (["--jobs", "1"], 1), (["--sequential"], 1)],
    ids=["two", "one", "sequential"],
)
def test_no_more_agents_run_at_a_time_than_asked_for(scratch: Scratch, options: list[str], most: int) -> None:
    (scratch.root / "on").mkdir()
    scratch.write("count.sh", COUNTING)
    agents = ", ".join(f"a{number}" for number in range(5))
    scratch.plan(
        f"""
        execution: {{jobs: 4}}
        agents: {{{", ".join(f"a{number}: {{run: sh count.sh {most}}}" for number in range(5))}}}
        phases: [{{name: work, parallel: true, agents: [{agents}]}}]
        """
    )
    scratch.pliny("execute", *options)
    counts = [int(line) for line in (scratch.root / "counts").read_text().split()]
    assert len(counts) == 5
    assert max(counts) == most


def test_the_command_line_makes_sequential_phases_parallel(scratch: Scratch) -> None:
    scratch.plan(
        """
        execution: {timeout: 30s, max_retries: 0}
        agents:
          one: {run: "touch 1.on; until [ -e 2.on ]; do sleep 0.01; done"}
          two: {run: "touch 2.on; until [ -e 1.on ]; do sleep 0.01; done"}
        phases: [{name: work, parallel: false, agents: [one, two]}]
        """
    )
    scratch.pliny("execute", "--parallel")
    assert statuses(scratch) == {"one": "completed", "two": "completed"}


def test_a_failure_blocks_what_needs_it_and_lets_the_rest_of_a_parallel_phase_go_on(scratch: Scratch) -> None:
    scratch.plan(
        """
        agents:
          bad: {run: "echo half > half.txt; exit 4"}
          user: {run: "true", needs: [bad]}
          user-of-user: {run: "true", needs: [user]}
          good: {run: "until [ -e half.txt ]; do sleep 0.01; done; echo ok > good.txt"}
          later-user: {run: "true", needs: [user]}
          later: {run: "true"}
        phases:
          - {name: work, parallel: true, agents: [bad, user, user-of-user, good]}
          - {name: after, agents: [later-user, later]}
        """
    )
    done = scratch.pliny("execute", exits=3)
    assert statuses(scratch) == {
        "bad": "failed",
        "user": "blocked",
        "user-of-user": "blocked",
        "good": "completed",
        "later-user": "blocked",
        "later": "pending",
    }
    assert "user: blocked, needs bad" in done.stderr
    assert "later-user: blocked, needs" in done.stderr
    assert "error: the session failed: bad" in done.stderr
    assert "hint: mend it, then: git pliny execute --resume" in done.stderr
    session = scratch.session()
    assert session["status"] == "failed"
    assert session["failed_agents"] == ["bad"]
    assert session["agents"]["bad"]["error"]["category"] == "tool"
    assert session["agents"]["bad"]["exit_code"] == 4
    assert list(session["checkpoints"]) == ["start", "error-bad"]
    assert scratch.git("show", f"{session['checkpoints']['error-bad']}:half.txt") == "half"


def test_the_first_failure_stops_a_sequential_phase(scratch: Scratch) -> None:
    scratch.plan("agents: {one: {run: 'true'}, two: {run: exit 1}, three: {run: touch three.txt}}")
    scratch.pliny("execute", exits=3)
    assert statuses(scratch) == {"one": "completed", "two": "failed", "three": "pending"}
    assert not (scratch.root / "three.txt").exists()


def test_fail_fast_ends_the_agents_that_run_and_starts_no_more(scratch: Scratch) -> None:
    scratch.plan(
        """
        execution: {jobs: 2}
        agents:
          slow: {run: "trap 'touch asked; exit 1' TERM; touch slow.on; sleep 60 & wait"}
          bad: {run: "until [ -e slow.on ]; do sleep 0.01; done; exit 1"}
          waiting: {run: touch waiting.txt}
        phases: [{name: work, parallel: true, fail_fast: true, agents: [slow, bad, waiting]}]
        """
    )
    scratch.pliny("execute", exits=3)
    assert statuses(scratch) == {"slow": "pending", "bad": "failed", "waiting": "pending"}
    assert (scratch.root / "asked").exists()
    assert not (scratch.root / "waiting.txt").exists()
    scratch.write("slow.on", "")
    scratch.plan(
        (scratch.root / "pliny.yaml").read_text().replace("sleep 60 & wait", "true").replace("done; exit 1", "done")
    )
    scratch.pliny("execute")
    assert set(statuses(scratch).values()) == {"completed"}


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("phase", ["start", "one", "two"]),
        ("step", ["start", "one", "two"]),
        ("agent", ["start", "a", "b", "c"]),
        ("manual", ["start"]),
    ],
)
def test_checkpoints_are_taken_when_asked_for(scratch: Scratch, when: str, expected: list[str]) -> None:
    scratch.plan(
        """
        agents: {a: {run: echo 1 >> a}, b: {run: echo 1 >> b}, c: {run: echo 1 >> c}}
        phases: [{name: one, agents: [a, b]}, {name: two, agents: [c]}]
        """
    )
    scratch.pliny("execute", "--checkpoint", when)
    assert checkpoints(scratch) == expected
    scratch.pliny("execute", "--rerun", "c", "--checkpoint", when)
    assert checkpoints(scratch) == expected + ([f"{expected[-1]}.2"] if when != "manual" else [])


def test_a_checkpoint_holds_what_the_agents_wrote_and_leaves_status_as_it_is(scratch: Scratch) -> None:
    scratch.write("staged.txt", "staged\n")
    scratch.git("add", "staged.txt")
    scratch.write("README", "changed\n")
    scratch.plan("agents: {a: {run: echo made > made.txt}}\nphases: [{name: work, agents: [a]}]")
    before = scratch.git("status", "--porcelain=v2", "--branch")
    head, stash = scratch.git("rev-parse", "HEAD"), scratch.git("stash", "list")
    scratch.pliny("execute")
    session = scratch.session()
    assert scratch.git("show", f"refs/pliny/checkpoints/{session['id']}/work:made.txt") == "made"
    expected = before.replace("? pliny.yaml", "? made.txt\n? pliny.yaml")
    assert scratch.git("status", "--porcelain=v2", "--branch") == expected
    assert (scratch.git("rev-parse", "HEAD"), scratch.git("stash", "list")) == (head, stash)
    assert scratch.git("fsck", "--strict", "--no-dangling") == ""
    log = scratch.git("log", "--notes=pliny/*", "--format=%s %N", f"refs/pliny/checkpoints/{session['id']}/work")
    assert '"type":"agent_end","phase":"work","agent":"a"' in log


def test_plain_git_reads_a_session_and_its_gc_takes_nothing_of_it(scratch: Scratch) -> None:
    scratch.plan(
        """
        agents:
          a: {run: "echo one > one.txt; echo printed", prompt: Do it., deliverables: [one.txt]}
          b: {run: echo two > two.txt}
        phases: [{name: research, agents: [a]}, {name: work, agents: [b]}]
        """
    )
    scratch.pliny("execute")
    session = scratch.session()["id"]
    shown = [
        ["show", "PLINY_HEAD"],
        ["for-each-ref", "refs/pliny", "refs/notes"],
        ["log", "--notes=pliny/*", "--raw", f"refs/pliny/checkpoints/{session}/work"],
        ["diff", f"refs/pliny/checkpoints/{session}/research", f"refs/pliny/checkpoints/{session}/work"],
        ["ls-tree", "-r", f"refs/pliny/artifacts/{session}"],
        ["grep", "-h", "printed", f"refs/pliny/artifacts/{session}", "--", "outputs"],
    ]
    before = [scratch.git(*command) for command in shown]
    assert "+two" in before[3]
    names = [line.split("\t")[1].split("-")[0] for line in before[4].splitlines()]
    plan = f"plans/{scratch.session()['plan']}.json"
    assert names == ["deliverables/a/1", "outputs/a/1", "outputs/b/1", "plan.json", plan, "prompts/a/1"]
    scratch.git("pack-refs", "--all")
    scratch.git("reflog", "expire", "--expire=now", "--all")
    scratch.git("gc", "-q", "--prune=now")
    assert [scratch.git(*command) for command in shown] == before
    assert scratch.git("fsck", "--strict") == ""
    scratch.pliny("audit", "verify")
    scratch.pliny("rollback", "research")
    scratch.pliny("execute")
    assert attempts(scratch) == {"a": 1, "b": 2}


def test_json_prints_every_entry_of_the_run_and_nothing_else(scratch: Scratch) -> None:
    scratch.plan("agents: {a: {run: 'echo noise; echo more >&2'}, b: {run: exit 1}, c: {run: 'true', needs: [b]}}")
    done = scratch.pliny("execute", "--json", exits=3)
    told = entries(done)
    session = scratch.session()["id"]
    assert done.stdout.splitlines() == noted(scratch, session)
    assert [entry["seq"] for entry in told] == list(range(1, len(told) + 1))
    previous = hashlib.sha256(session.encode()).hexdigest()
    for line in done.stdout.splitlines():
        entry = json.loads(line)
        assert list(entry) == [
            key for key in ("ts", "run", "seq", "type", "phase", "agent", "attempt", "data", "prev") if key in entry
        ]
        assert entry["prev"] == previous
        previous = hashlib.sha256(line.encode()).hexdigest()
    again = scratch.pliny("execute", "--json", "--resume", exits=3)
    assert entries(again)[0]["type"] == "session_resume"
    assert noted(scratch, session) == sorted([*done.stdout.splitlines(), *again.stdout.splitlines()])


def test_unusual_names_of_agents_phases_and_sessions_work_everywhere(scratch: Scratch) -> None:
    names = ["two words", "Größe/π", "a..b", "-x", ".hidden", "con", "n" * 200]
    agents = {name: {"run": f'printf %s "$PLINY_AGENT" > {number}.txt'} for number, name in enumerate(names)}
    plan = {"agents": agents, "phases": [{"name": "päse one", "parallel": True, "agents": names}]}
    scratch.plan(json.dumps(plan))
    done = scratch.pliny("execute", "--checkpoint", "agent", "Täsk\nwith\x1b[31m two lines")
    assert "\x1b" not in done.stdout + done.stderr
    assert [(scratch.root / f"{number}.txt").read_text() for number in range(len(names))] == names
    session = scratch.session()
    assert sorted(session["completed_agents"]) == sorted(names)
    assert set(session["checkpoints"]) == {"start", *names}
    assert session["name"].startswith("Täsk\nwith")
    assert len(scratch.git("for-each-ref", f"refs/pliny/checkpoints/{session['id']}/").splitlines()) == len(names) + 1
    assert "\x1b" not in scratch.pliny("session", "show").stdout
    scratch.pliny("rollback", "before-two words", "--dry-run")
    assert scratch.git("fsck", "--strict", "--no-dangling") == ""
