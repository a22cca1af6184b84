"""One attempt of a coding agent, with real processes: how it is called, and what is told of it."""

import json
import select
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attempt_maker import attempt_of

from git_pliny.model.plan import Agent
from git_pliny.model.preset import OutputForm, Use
from git_pliny.model.session import Tokens
from git_pliny.runners.base import Outcome, Watchable
from git_pliny.runners.registry import runner_for

Run = Callable[..., Outcome]
SHOW = 'printf "%s|" "$@"; cat'


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run_agent(
        script: str,
        *args: str,
        use: Use | None = None,
        env: dict[str, str] | None = None,
        answer: str | None = None,
        **of: Any,
    ) -> Outcome:
        call = ("/bin/sh", "-c", script, "sh", *args)
        agent = Agent(name="a", run=call, use=use or Use(preset="mine"), env=env or {}, answer=answer)
        given: dict[str, Any] = {"prompt": "Do it.", **of}
        attempt = attempt_of(agent, tmp_path, **given)
        return runner_for(agent).start(attempt).wait()

    return run_agent


def said(outcome: Outcome) -> str:
    assert outcome.result is not None
    assert outcome.result.summary is not None
    return outcome.result.summary


def test_the_prompt_is_standard_input(run: Run) -> None:
    assert said(run(SHOW, "x")) == "x|Do it."


def test_the_context_stands_before_the_prompt(run: Run) -> None:
    assert said(run(SHOW, context="# Task\n\nTidy up.\n")) == "|# Task\n\nTidy up.\n\nDo it."


def test_a_prompt_that_an_argument_asks_for_is_not_standard_input_too(run: Run) -> None:
    assert said(run(SHOW, "--task={prompt}", prompt="It's $HOME `{model}`")) == "--task=It's $HOME `{model}`|"


def test_a_prompt_may_be_a_file(run: Run) -> None:
    assert said(run('cat "$1" -', "{prompt_file}")) == "Do it."


def test_braces_of_the_prompt_are_not_replaced_again(run: Run) -> None:
    assert said(run(SHOW, "{prompt}", prompt="{deliverables}")) == "{deliverables}|"


def test_files_of_the_preset_lie_beside_the_attempt_and_are_named_in_the_environment(run: Run, tmp_path: Path) -> None:
    use = Use(preset="mine", files={"settings.json": '{"retries": 0}'})
    found = run(
        'cat "$SETTINGS" >&2; ls -l "$SETTINGS" | cut -c1-10', use=use, env={"SETTINGS": "{file:settings.json}"}
    )
    assert said(found) == '{"retries": 0}-rw-------'
    assert (tmp_path / "output" / "a@1.settings.json").exists()


def test_the_agent_s_environment_stands_above_the_user_s_and_that_above_the_preset_s(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOTH", "user")
    monkeypatch.setenv("ALL", "user")
    use = Use(preset="mine", env={"ONE": "preset", "BOTH": "preset", "ALL": "preset"})
    assert said(run('echo "$ONE $BOTH $ALL"', use=use, env={"ALL": "agent"})) == "preset user agent"


def test_the_folder_of_deliverables_may_be_an_argument(run: Run) -> None:
    assert [each.name for each in run('echo x > "$1/report.md"', "{deliverables}").deliverables] == ["report.md"]


def test_the_result_file_may_be_an_argument(run: Run) -> None:
    found = run('echo \'{"score": 0.5}\' > "$1"', "{result}")
    assert found.result is not None
    assert found.result.score == 0.5


def test_what_the_agent_used_is_told(run: Run) -> None:
    line = json.dumps({"type": "result", "result": "Yes.", "modelUsage": {"m": {"inputTokens": 5, "outputTokens": 2}}})
    found = run(f"echo '{line}'", use=Use(preset="claude", output=OutputForm.CLAUDE))
    assert found.result is not None
    assert found.result.tokens == Tokens(input=5, output=2)
    assert found.result.cost_usd is None


def test_an_error_that_the_agent_tells_stands_for_the_end_of_its_output(run: Run) -> None:
    line = json.dumps({"type": "result", "is_error": True, "api_error_status": 429, "result": "Too many."})
    found = run(f"echo '{line}'; echo noise", use=Use(preset="claude", output=OutputForm.CLAUDE))
    assert (found.exit_code, found.error, found.http_status, found.tail) == (0, "Too many.", 429, "Too many.")


def test_a_program_that_is_not_there_comes_with_the_command_that_installs_it(run: Run, tmp_path: Path) -> None:
    agent = Agent(name="a", run=("no-such-agent",), use=Use(preset="mine", install="npm install -g mine"))
    attempt = attempt_of(agent, tmp_path, prompt="x")
    told = runner_for(agent).start(attempt).wait().launch_error
    assert told is not None
    assert told.endswith("; to install it: npm install -g mine")


def test_a_folder_that_cannot_be_written_is_told_by_the_outcome(run: Run, tmp_path: Path) -> None:
    (tmp_path / "output").write_text("in the way")
    assert run("true").launch_errno is not None


def test_a_cancelled_agent_is_not_read(tmp_path: Path) -> None:
    agent = Agent(name="a", run=("sleep", "60"), use=Use(preset="claude", output=OutputForm.CLAUDE))
    attempt = attempt_of(agent, tmp_path)
    running = runner_for(agent).start(attempt)
    running.cancel()
    outcome = running.wait()
    assert outcome.cancelled
    assert outcome.error is None


@pytest.mark.parametrize("place", ["argument", "variable"])
def test_a_prompt_with_a_nul_is_refused_where_it_can_not_be_given_so(run: Run, place: str) -> None:
    """It may come from what an earlier agent printed."""
    words, env = (["{prompt}"], {}) if place == "argument" else ([], {"P": "{prompt}"})
    refused = run("exit 0", *words, env=env, prompt="a\0b")
    assert (refused.refusal or "").startswith(
        "the prompt has a NUL character in it, which no argument of /bin/sh can have"
    )
    assert said(run("tr '\\0' z", prompt="a\0b")) == "azb"


@pytest.mark.parametrize("place", ["argument", "variable"])
def test_a_prompt_that_no_argument_can_hold_is_refused_before_the_start(run: Run, tmp_path: Path, place: str) -> None:
    given: dict[str, Any] = {"env": {"ASKED": "{prompt}"}} if place == "variable" else {}
    words = ["{prompt}"] if place == "argument" else []
    refused = run("touch started", *words, prompt="ä" * 65536, **given)
    assert "an argument of /bin/sh would be" in (refused.refusal or "")
    assert not (tmp_path / "started").exists()
    assert run("touch started", *words, prompt="ä" * 65530, **given).exit_code == 0


def test_an_answer_is_kept_beside_the_attempt_and_delivered_under_its_name(run: Run, tmp_path: Path) -> None:
    outcome = run("echo said", answer="notes.md")
    assert (outcome.answer, [each.name for each in outcome.deliverables]) == ("said", ["notes.md"])
    assert (tmp_path / "output" / "a@1" / "notes.md").read_text() == "said"
    assert (tmp_path / "output" / "a@1.answer.md").read_text() == "said"


def test_an_agent_that_delivers_the_file_itself_keeps_its_own(run: Run, tmp_path: Path) -> None:
    run("echo own > $PLINY_DELIVERABLES/notes.md; echo said", answer="notes.md")
    assert (tmp_path / "output" / "a@1" / "notes.md").read_text() == "own\n"


def test_without_an_answer_its_file_is_missing(run: Run) -> None:
    assert run("true", answer="notes.md").missing_deliverables == ("notes.md",)
    outside = run("rmdir $PLINY_DELIVERABLES && ln -s / $PLINY_DELIVERABLES; echo said", answer="notes.md")
    assert "notes.md" in outside.missing_deliverables


def running(tmp_path: Path, script: str) -> Watchable:
    agent = Agent(name="a", run=("/bin/sh", "-c", script), use=Use(preset="mine"))
    attempt = attempt_of(agent, tmp_path, prompt="Do it.")
    found = runner_for(agent).start(attempt)
    assert isinstance(found, Watchable)
    return found


def ended(found: Watchable) -> None:
    descriptor = found.descriptor()
    if descriptor is None:
        pytest.skip("the system has no descriptors of processes")
    found.lasts()
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    assert poll.poll(10_000)


def test_no_thread_has_to_wait_for_an_attempt_that_ends_well(tmp_path: Path) -> None:
    found = running(tmp_path, "cat")
    ended(found)
    outcome = found.collect()
    assert outcome is not None
    assert said(outcome) == "Do it."


def test_a_long_output_is_read_by_whoever_waits(tmp_path: Path) -> None:
    found = running(tmp_path, "echo first words; head -c 2000000 /dev/zero | tr '\\0' x")
    ended(found)
    assert found.collect() is None
    assert said(found.wait()).startswith("first words")


def test_a_failure_is_waited_for_since_others_of_its_group_may_live(tmp_path: Path) -> None:
    found = running(tmp_path, "echo no; exit 3")
    ended(found)
    assert found.collect() is None
    assert found.wait().exit_code == 3


def test_an_agent_that_heeds_the_end_of_its_time_politely_has_timed_out_all_the_same(run: Run) -> None:
    script = "trap 'exit 0' TERM; sleep 60 & wait"
    found = run(script, use=Use(preset="gemini", output=OutputForm.GEMINI), timeout_s=0.3)
    assert (found.exit_code, found.timed_out, found.error) == (0, True, None)
