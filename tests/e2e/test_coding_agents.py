"""Coding agents in plans. The programs here replay what the real ones printed, and do what a tool call would."""

from pathlib import Path

import pytest
from scratch import Scratch
from told import artifacts, attempts, entries, of_type, statuses

DATA = Path(__file__).parents[1] / "unit" / "data" / "agents"
RETRIES = "error_handling: {retry_strategies: {ai: {initial_delay: 1}, network: {initial_delay: 1}}}\n"


@pytest.fixture
def workspace(scratch: Scratch) -> Scratch:
    """A repository whose PATH has a folder of its own for programs."""
    scratch.environ["PATH"] = f"{scratch.root.parent}/programs:{scratch.environ['PATH']}"
    return scratch


def program(scratch: Scratch, name: str, *steps: str) -> None:
    """Install a program that takes a step at each call, the last one again and again."""
    path = scratch.root.parent / "programs" / name
    path.parent.mkdir(exist_ok=True)
    cases = "".join(f"{number}) {step} ;;\n" for number, step in enumerate(steps[:-1], 1))
    count = f"{path}.count.$PLINY_AGENT"
    path.write_text(
        f"#!/bin/sh\necho x >> {count}\ncase $(wc -l < {count} | tr -d ' ') in\n{cases}*) {steps[-1]} ;;\nesac\n"
    )
    path.chmod(0o755)


def replay(case: str, exit_code: int = 0) -> str:
    return f"cat '{DATA / case}.txt'; exit {exit_code}"


def test_a_coding_agent_edits_the_workspace_and_its_figures_are_kept(workspace: Scratch) -> None:
    program(workspace, "claude", f"cat > prompt.txt; echo made > made.txt; {replay('claude-ok')}")
    workspace.plan("agents: {fix: {use: claude, prompt: Fix the test., model: opus}}\n")
    workspace.pliny("execute")
    session = workspace.session()
    assert session["status"] == "completed"
    assert session["agents"]["fix"]["tokens"] == {"input": 3600, "output": 102}
    assert session["agents"]["fix"]["cost_usd"] == 0.01785
    assert (workspace.root / "made.txt").read_text() == "made\n"
    assert (workspace.root / "prompt.txt").read_text() == "Fix the test."
    assert list(artifacts(workspace, "prompts", "fix").values()) == ["Fix the test."]
    assert '"total_cost_usd":0.01785' in next(iter(artifacts(workspace, "outputs", "fix").values()))


def test_a_rate_limit_is_tried_again_and_a_wrong_key_is_not(workspace: Scratch) -> None:
    program(workspace, "claude", replay("claude-429", 1), replay("claude-ok"))
    program(workspace, "gemini", replay("gemini-401", 145))
    workspace.plan(
        RETRIES + "execution: {parallel: true, isolation: none}\n"
        "agents: {limited: {use: claude, prompt: x}, locked: {use: gemini, prompt: x}}\n"
    )
    told = entries(workspace.pliny("execute", "--json", exits=3))
    assert statuses(workspace) == {"limited": "completed", "locked": "failed"}
    assert attempts(workspace) == {"limited": 2, "locked": 1}
    assert of_type(told, "error", "limited")[0]["data"]["category"] == "ai"
    error = workspace.session()["agents"]["locked"]["error"]
    assert (error["category"], error["reason"]) == ("config", "HTTP status 401: not authorized")
    assert error["message"] == "fake: incorrect API key provided"


def test_an_agent_that_exits_with_0_and_says_that_it_failed_has_failed(workspace: Scratch) -> None:
    program(workspace, "qwen", replay("qwen-401"))
    workspace.plan("agents: {fix: {use: qwen, prompt: x}}\n")
    workspace.pliny("execute", exits=3)
    agent = workspace.session()["agents"]["fix"]
    assert (agent["status"], agent["attempts"], agent["exit_code"]) == ("failed", 1, 0)
    assert agent["error"]["category"] == "config"


def test_coding_agents_side_by_side_have_worktrees_of_their_own(workspace: Scratch) -> None:
    program(workspace, "claude", f"pwd > $PLINY_AGENT.txt; {replay('claude-ok')}")
    agents = "agents: {a: {use: claude, prompt: x}, b: {use: claude, prompt: x}, c: {run: pwd > c.txt}}\n"
    workspace.plan("execution: {parallel: true}\n" + agents)
    workspace.pliny("execute")
    places = {name: (workspace.root / f"{name}.txt").read_text().strip() for name in "abc"}
    assert places["c"] == str(workspace.root)
    assert len({*places.values()}) == 3


@pytest.mark.parametrize("setting", ["{parallel: true, isolation: none}", "{parallel: false}"])
def test_they_share_the_workspace_one_after_another_or_where_the_plan_says_so(workspace: Scratch, setting: str) -> None:
    program(workspace, "claude", f"pwd > $PLINY_AGENT.txt; {replay('claude-ok')}")
    workspace.plan(f"execution: {setting}\nagents: {{a: {{use: claude, prompt: x}}, b: {{use: claude, prompt: x}}}}\n")
    workspace.pliny("execute")
    assert {(workspace.root / f"{name}.txt").read_text().strip() for name in "ab"} == {str(workspace.root)}


def test_an_own_preset_runs_from_the_user_s_folder(workspace: Scratch) -> None:
    program(workspace, "my-agent", 'echo "$1 $2"; cat "$2"; exit 0')
    folder = Path(workspace.environ["XDG_CONFIG_HOME"]) / "pliny" / "presets"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("program: my-agent\nargs: [--ask, '{prompt_file}']\n")
    workspace.plan("agents: {fix: {use: mine, prompt: Look here.}}\n")
    told = entries(workspace.pliny("execute", "--json"))
    assert of_type(told, "agent_end")[0]["data"]["summary"].endswith("Look here.")
    assert of_type(told, "agent_start")[0]["data"]["command"] == "my-agent --ask {prompt_file}"


def test_a_program_that_is_not_installed_is_a_config_failure_with_the_way_to_install_it(workspace: Scratch) -> None:
    workspace.plan(
        "presets: {mine: {program: no-such-agent, install: npm install mine}}\nagents: {a: {use: mine, prompt: x}}\n"
    )
    workspace.pliny("execute", exits=3)
    error = workspace.session()["agents"]["a"]["error"]
    assert error["category"] == "config"
    assert error["message"].endswith("to install it: npm install mine")


def test_a_time_limit_is_the_agent_s_then_the_plan_s_then_the_preset_s(workspace: Scratch) -> None:
    program(workspace, "slow", "sleep 30")
    workspace.plan(
        "presets: {slow: {program: slow, timeout: 300ms}, slower: {program: slow}}\n"
        "execution: {max_retries: 0, parallel: true, isolation: none, timeout: 400ms}\n"
        "agents: {a: {use: slow, prompt: x, timeout: 200ms}, b: {use: slower, prompt: x}}\n"
    )
    workspace.pliny("execute", exits=3)
    assert statuses(workspace) == {"a": "failed", "b": "failed"}
    workspace.plan(
        "presets: {slow: {program: slow, timeout: 300ms}}\n"
        "execution: {max_retries: 0}\n"
        "agents: {a: {use: slow, prompt: x}}\n"
    )
    workspace.pliny("execute", "again", exits=3)
    assert workspace.session()["agents"]["a"]["error"]["message"] == "the agent did not end within its time limit"


def test_agents_of_one_provider_wait_for_it_together_and_others_go_on(workspace: Scratch) -> None:
    limited = 'echo "API Error: 429 rate limit, try again in 2s" >&2; exit 1'
    program(
        workspace, "claude", f"[ $PLINY_AGENT != a ] || {{ {limited}; }}; {replay('claude-ok')}", replay("claude-ok")
    )
    program(workspace, "opencode", replay("opencode-ok"))
    workspace.plan(
        RETRIES + "execution: {parallel: true, isolation: none, jobs: 1}\n"
        "agents:\n"
        "  a: {use: claude, prompt: x}\n"
        "  b: {use: opencode, model: anthropic/claude-opus-4-1, prompt: x}\n"
        "  c: {use: opencode, model: openai/gpt-5, prompt: x}\n"
        "  d: {run: 'true'}\n"
    )
    done = workspace.pliny("execute")
    assert "a: waiting for anthropic, 2s" in done.stderr
    assert attempts(workspace) == {"a": 2, "b": 1, "c": 1, "d": 1}
    told = entries(workspace.pliny("audit", "view", "--json"))
    [hold] = of_type(told, "hold")
    assert (hold["agent"], hold["data"]["provider"], hold["data"]["delay_s"]) == ("a", "anthropic", 2.0)
    starts = {entry["agent"]: entry["ts"] for entry in of_type(told, "agent_start")}
    assert starts["a"] > hold["data"]["until"]
    assert starts["b"] > hold["data"]["until"]
    assert max(starts["c"], starts["d"]) < hold["data"]["until"]


def test_a_session_that_is_killed_while_it_waits_waits_for_the_rest_when_it_goes_on(workspace: Scratch) -> None:
    limited = 'echo "API Error: 429 rate limit, try again in 4s" >&2; exit 1'
    program(workspace, "claude", limited, replay("claude-ok"))
    workspace.plan(
        "execution: {parallel: true, jobs: 1}\nagents: {a: {use: claude, prompt: x}, b: {run: 'kill -9 $PPID'}}\n"
    )
    assert workspace.run("git-pliny", "execute").returncode == -9
    workspace.plan("agents: {a: {use: claude, prompt: x}, b: {run: 'true'}}\n")
    told = entries(workspace.pliny("execute", "--resume", "--json"))
    [hold] = of_type(told, "hold")
    assert 0 < hold["data"]["delay_s"] < 4
    assert of_type(told, "agent_start", "a")[0]["ts"] > hold["data"]["until"]


def test_a_tool_that_was_denied_is_warned_of_with_what_allows_it(workspace: Scratch) -> None:
    program(workspace, "claude", replay("claude-denied"))
    workspace.plan("agents: {fix: {use: claude, prompt: Fix the test.}}\n")
    done = workspace.pliny("execute")
    assert "warning: fix was not allowed to use Bash; where it may: `allow: [Bash]`" in done.stderr
    told = entries(workspace.pliny("audit", "view", "--json"))
    assert of_type(told, "agent_end", "fix")[0]["data"]["denied"] == ["Bash"]
