"""`git pliny execute --framework`: R-I-S-E and C-A-R-E with the user's agents in their phases."""

import json

import pytest
from scratch import Scratch
from told import attempts, checkpoints, course, entries, of_type, statuses

RISE = ["research", "identify", "synthesize", "execute"]
CARE = ["context", "analyze", "respond", "evaluate"]


def log(scratch: Scratch) -> list[str]:
    return (scratch.root / "log").read_text().split()


def care(evaluate: str, **keys: object) -> str:
    """A plan for C-A-R-E whose evaluate agent is that line for the shell; a verdict is given by `say`."""
    agents = {name: {"run": f"echo {name} >> log"} for name in CARE[:3]}
    return json.dumps({"agents": {**agents, "evaluate": {"run": f"echo evaluate >> log; {evaluate}"}}, **keys})


def says(verdict: str, score: str) -> str:
    """The line by which an evaluate agent gives a verdict; `score` is shell arithmetic over `$n`, the round."""
    count = "n=$(grep -c evaluate log)"
    return f'{count}; printf \'{{"verdict": "{verdict}", "score": %s}}\' $(({score})) > $PLINY_RESULT'


@pytest.mark.parametrize(("framework", "phases", "when"), [("rise", RISE, "phase"), ("care", CARE, "step")])
def test_its_four_phases_run_in_order_with_a_checkpoint_after_each(
    scratch: Scratch, framework: str, phases: list[str], when: str
) -> None:
    scratch.plan(json.dumps({"agents": {name: {"run": f"echo {name} >> log"} for name in sorted(phases)}}))
    told = entries(scratch.pliny("execute", "--framework", framework, "--checkpoint", when, "--json"))
    assert log(scratch) == phases
    assert course(told, "phase_begin") == [f"phase_begin {name}" for name in phases]
    assert checkpoints(scratch) == ["start", *phases]
    session = scratch.session()
    assert (session["framework"], session["status"]) == (framework, "completed")
    for number, name in enumerate(phases, 1):
        kept = scratch.git("show", f"refs/pliny/checkpoints/{session['id']}/{name}:log")
        assert kept.split() == phases[:number]


def test_agents_come_from_the_plan_by_phase_or_name_and_else_from_the_agents_folder(scratch: Scratch) -> None:
    for name in ("research-web", "research-code.sh", "identify", "synthesize"):
        scratch.write(f".pliny/agents/{name}", '#!/bin/sh\necho "$PLINY_AGENT" >> log\n', executable=True)
    scratch.write(
        ".pliny/agents/note.md", "---\nname: last\nphase: execute\nrun: echo last >> log; cat > said\n---\nHi.\n"
    )
    scratch.plan(
        """
        execution: {framework: rise, parallel: false}
        agents:
          odd: {run: echo odd >> log, phase: identify}
          synthesize-all: {run: echo synthesize-all >> log}
        """
    )
    scratch.pliny("execute", "Look into it")
    assert log(scratch) == ["research-code", "research-web", "odd", "synthesize-all", "last"]
    assert (scratch.root / "said").read_text() == "Hi."
    assert scratch.session()["framework"] == "rise"


def test_without_a_plan_file_the_agents_folder_alone_fills_a_framework(scratch: Scratch) -> None:
    for name in (f"{phase}-it" for phase in RISE):
        scratch.write(f".pliny/agents/{name}", '#!/bin/sh\necho "$PLINY_PHASE" >> log\n', executable=True)
    scratch.pliny("execute", "--framework", "rise")
    assert log(scratch) == RISE
    assert scratch.session()["name"] == "R-I-S-E"


@pytest.mark.parametrize("framework", ["rise", "care"])
def test_a_phase_without_an_agent_is_an_error_that_says_how_to_give_one(scratch: Scratch, framework: str) -> None:
    phases = RISE if framework == "rise" else CARE
    scratch.plan(json.dumps({"agents": {name: {"run": "touch ran"} for name in phases[:3]}}))
    refused = scratch.pliny("execute", "--framework", framework, exits=1).stderr
    assert f"phase `{phases[3]}` of framework {framework} has no agent" in refused
    assert f"agents: {{{phases[3]}: {{run: …, phase: {phases[3]}}}}}" in refused
    assert f".pliny/agents/{phases[3]}" in refused
    assert not (scratch.root / "ran").exists()
    scratch.write(f".pliny/agents/{phases[3]}", "#!/bin/sh\n", executable=True)
    scratch.pliny("execute", "--framework", framework)
    assert set(statuses(scratch).values()) == {"completed"}


@pytest.mark.parametrize(
    ("evaluate", "options", "rounds", "status"),
    [
        ("true", [], 1, "completed"),
        ('[ "$(grep -c evaluate log)" = 2 ] || exit 10', [], 2, "completed"),
        ("exit 10", [], 3, "paused"),
        (says("again", "n"), [], 5, "paused"),
        (says("again", "n < 4 ? n : 3"), [], 4, "paused"),
        (says("again", "7"), [], 3, "paused"),
        (says("done", "1"), [], 1, "completed"),
        ("exit 10", ["--iterations", "1"], 1, "paused"),
        ("exit 10", ["--iterations", "4"], 4, "paused"),
        ('[ "$(grep -c evaluate log)" = 6 ] || exit 10', ["--continuous"], 6, "completed"),
    ],
    ids=["done", "second", "three", "improving", "stagnating", "level", "verdict", "one", "four", "continuous"],
)
def test_care_goes_round_as_its_evaluate_agent_decides(
    scratch: Scratch, evaluate: str, options: list[str], rounds: int, status: str
) -> None:
    scratch.plan(care(evaluate))
    done = scratch.pliny("execute", "--framework", "care", "--json", *options)
    assert log(scratch) == CARE * rounds
    session = scratch.session()
    assert (session["status"], session["round"]) == (status, rounds)
    assert attempts(scratch) == dict.fromkeys(CARE, rounds)
    assert [entry["data"]["round"] for entry in of_type(entries(done), "round_begin")] == list(range(2, rounds + 1))
    expected = [name if number == 1 else f"{name}.{number}" for number in range(1, rounds + 1) for name in CARE]
    assert checkpoints(scratch) == ["start", *expected]
    if status == "paused":
        assert "paused: the limit of rounds is reached" in done.stderr
        assert f"git pliny execute --resume --iterations {rounds + 1}" in done.stderr


def test_care_goes_on_after_its_limit_and_after_a_failure_in_a_round(scratch: Scratch) -> None:
    scratch.plan(care("[ -e broken ] && exit 1; [ -e good ] || exit 10"))
    scratch.pliny("execute", "--framework", "care")
    assert scratch.session()["round"] == 3
    scratch.write("broken", "")
    scratch.pliny("execute", "--resume", "--iterations", "4", exits=3)
    session = scratch.session()
    assert (session["round"], session["failed_agents"]) == (4, ["evaluate"])
    assert session["agents"]["evaluate"]["error"]["category"] == "tool"
    (scratch.root / "broken").unlink()
    scratch.write("good", "")
    scratch.pliny("execute")
    assert log(scratch) == [*CARE * 4, "evaluate"]
    assert (scratch.session()["status"], scratch.session()["round"]) == ("completed", 4)


@pytest.mark.parametrize(
    ("name", "done", "then"),
    [
        ("respond", CARE[:3], CARE * 3),
        ("analyze.2", CARE + CARE[:2], CARE * 3),
        ("evaluate.2", CARE * 2, CARE * 4),
    ],
)
def test_a_rollback_goes_back_to_its_round_and_goes_on_from_there(
    scratch: Scratch, name: str, done: list[str], then: list[str]
) -> None:
    """From then on the score is 7, which ends it after three rounds, or after the next where that improves."""
    scratch.plan(care(f"[ ! -e level ] || {{ {says('again', '7')}; exit; }}; {says('again', 'n')}"))
    scratch.pliny("execute", "--framework", "care")
    assert log(scratch) == CARE * 5
    scratch.pliny("rollback", name)
    assert log(scratch) == done
    session = scratch.session()
    assert session["round"] == (len(done) + 3) // 4
    assert sorted(session["completed_agents"]) == sorted(done[(session["round"] - 1) * 4 :])
    scratch.write("level", "")
    scratch.pliny("execute", "--resume")
    assert log(scratch) == then
    assert scratch.session()["round"] == len(then) // 4


def test_a_framework_is_remembered_by_its_session_and_selects_from_a_plan_with_phases(scratch: Scratch) -> None:
    agents = {name: {"run": f"echo {name} >> log"} for name in [*RISE, "other"]}
    agents["execute"]["run"] = "[ -e go ] && echo execute >> log"
    phases = [{"name": name, "agents": [name]} for name in ["other", *RISE]]
    scratch.plan(json.dumps({"agents": agents, "phases": phases}))
    told = scratch.pliny("execute", "--framework", "rise", exits=3)
    assert "warning: framework rise leaves out `other` of pliny.yaml" in told.stderr
    scratch.write("go", "")
    scratch.pliny("execute", "--resume")
    assert log(scratch) == RISE
    scratch.pliny("execute", "All of it")
    assert log(scratch) == [*RISE, "other", *RISE]
    assert scratch.session()["framework"] is None
