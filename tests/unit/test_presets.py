"""Presets of coding agents: where they are found, and what an agent that uses one executes."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from git_pliny.errors import PlanError
from git_pliny.model.plan import Agent
from git_pliny.model.preset import OutputForm, Preset
from git_pliny.plans.loading import load
from git_pliny.plans.nodes import Mapping
from git_pliny.plans.positions import Place
from git_pliny.plans.preset_files import Presets, shipped_names

NOTHING = Mapping(place=Place("pliny.yaml"), keys={}, items={})


def planned(root: Path, text: str, *, user: dict[str, str] | None = None, files: dict[str, str] | None = None) -> Agent:
    """The agent `a` of a plan."""
    for name, content in {"pliny.yaml": text, **(files or {})}.items():
        path = root / "repository" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    for name, content in (user or {}).items():
        path = root / "user" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return load(root / "repository", user_presets_dir=root / "user").plan.agents["a"]


def refusal(root: Path, text: str, **further: Any) -> str:
    with pytest.raises(PlanError) as caught:
        planned(root, text, **further)
    return caught.value.message


def test_every_preset_of_the_issue_is_shipped() -> None:
    expected = ("aider", "claude", "codex", "gemini", "llm", "mini-swe-agent", "opencode", "qwen")
    assert shipped_names() == expected


@pytest.mark.parametrize("name", shipped_names())
def test_a_shipped_preset_is_whole(name: str) -> None:
    preset = Presets(None, NOTHING, None).all[name]
    assert preset.timeout_s == 1800
    assert preset.output is not OutputForm.TEXT
    assert preset.title
    assert preset.install
    assert preset.model
    assert not preset.source
    named = {word for text in (*preset.args, *preset.env.values()) for word in text.split("{file:")[1:]}
    assert set(preset.files) <= {word.partition("}")[0] for word in named}


def test_an_agent_has_the_command_of_its_preset_with_its_own_arguments_last(tmp_path: Path) -> None:
    agent = planned(
        tmp_path,
        "agents: {a: {use: claude, prompt: Do it, model: opus, allow: [Bash, Edit], args: [--verbose], env: {X: y}}}",
    )
    assert agent.run[0] == "claude"
    assert agent.run[-4:] == ("--model", "opus", "--allowedTools=Bash,Edit", "--verbose")
    assert agent.env == {"X": "y"}
    assert agent.prompt == "Do it"
    assert agent.timeout_s is None
    assert agent.use is not None
    assert agent.use.env == {"CLAUDE_CODE_MAX_RETRIES": "0"}
    assert (agent.use.preset, agent.use.output, agent.use.timeout_s) == ("claude", OutputForm.CLAUDE, 1800)


def test_tools_are_allowed_together_or_one_by_one() -> None:
    preset = Preset(name="p", program="p", allow=("--tool", "{tool}"), timeout_s=1, version=())
    assert preset.command(model=None, allow=("x", "y"), args=()) == ("p", "--tool", "x", "--tool", "y")
    assert preset.command(model=None, allow=(), args=()) == ("p",)


OWN = "presets: {mine: {program: my-agent, args: [--task, '{prompt}'], timeout: 5m}}\n"


def test_a_preset_of_the_plan_file_is_used(tmp_path: Path) -> None:
    agent = planned(tmp_path, OWN + "agents: {a: {use: mine, prompt: Do it}}")
    assert agent.run == ("my-agent", "--task", "{prompt}")
    assert agent.use is not None
    assert (agent.use.output, agent.use.timeout_s) == (OutputForm.TEXT, 300)


def test_a_preset_of_the_user_s_folder_stands_above_the_shipped_one_and_below_the_plan_s(tmp_path: Path) -> None:
    user = {"claude.yaml": "program: theirs\n", "mine.yaml": "program: theirs\n"}
    assert planned(tmp_path, OWN + "agents: {a: {use: claude, prompt: x}}", user=user).run == ("theirs",)
    assert planned(tmp_path, OWN + "agents: {a: {use: mine, prompt: x}}", user=user).run[0] == "my-agent"


def test_a_wrong_preset_of_the_user_s_is_refused_with_its_place(tmp_path: Path) -> None:
    message = refusal(tmp_path, "agents: {a: {use: mine, prompt: x}}", user={"mine.yaml": "program: x\noutptu: text\n"})
    assert "mine.yaml:2:1: unknown key `outptu` in the preset; did you mean `output`?" in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("agents: {a: {use: cladue, prompt: x}}", "1:19: there is no preset `cladue`; did you mean `claude`?"),
        ("agents: {a: {use: claude}}", "1:19: agent `a` uses `claude` and has no prompt"),
        ("agents: {a: {use: aider, prompt: x, allow: Bash}}", "1:44: preset `aider` has no argument for `allow`"),
        ("agents: {a: {run: x, allow: [Bash]}}", "1:29: agent `a` has `run`, a command, beside which `allow` says nothing"),
        ("presets: {m: {}}", "1:14: `presets.m` has no `program`"),
        ("presets: {m: {program: x, output: jsn}}", "1:35: `presets.m.output` must be one of `text`, `claude`, `codex`, `gemini`, `qwen`, `opencode`, `aider`, `mini`, `llm`, not `jsn`"),
        ("presets: {m: {program: x, files: {../y: z}}}", "1:35: a key in `presets.m.files` must be a name of letters, digits, `.`, `_` and `-`, not `../y`"),
        ("presets: {m: {program: x, args: [-f, '{promt}']}}\nagents: {a: {use: m, prompt: x}}", "1:38: `{promt}` stands for nothing; did you mean `prompt`?"),
        ("presets: {m: {program: x, env: {A: '{deliverable}'}}}\nagents: {a: {use: m, prompt: x}}", "1:36: `{deliverable}` stands for nothing; did you mean `deliverables`?"),
        ("presets: {m: {program: x, model: [--model]}}\nagents: {a: {use: m, prompt: x}}", "1:34: `model` has no `{model}`, where what the agent says would stand"),
        ("presets: {m: {program: x, allow: [--tools]}}\nagents: {a: {use: m, prompt: x}}", "1:34: `allow` has no `{tools}`, where what the agent says would stand"),
    ],
)  # fmt: skip
def test_a_wrong_use_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    assert refusal(tmp_path, text) == f"pliny.yaml:{message}"


def test_an_agent_in_markdown_may_use_a_preset(tmp_path: Path) -> None:
    files = {".pliny/agents/a.md": "---\nuse: codex\nmodel: o3\n---\nReview it.\n"}
    agent = planned(tmp_path, "phases: [{name: p, agents: a}]", files=files)
    assert (agent.run[0], agent.prompt) == ("codex", "Review it.")
    assert agent.run[-2:] == ("--model", "o3")


def test_a_coding_agent_s_own_markdown_is_the_prompt_of_an_agent_of_its_name(tmp_path: Path) -> None:
    files = {".claude/agents/a.md": "---\nname: a\ndescription: Looks: closely\n---\nYou review.\n"}
    agent = planned(tmp_path, "agents: {a: {use: gemini}}", files=files)
    assert (agent.run[0], agent.prompt, agent.title) == ("gemini", "You review.", "Looks: closely")


def test_an_agent_with_another_model_is_another_agent(tmp_path: Path) -> None:
    one = planned(tmp_path, "agents: {a: {use: claude, prompt: x}}")
    two = planned(tmp_path, "agents: {a: {use: claude, prompt: x, model: opus}}")
    assert one.fingerprint() != two.fingerprint()


def test_an_agent_stays_the_same_where_a_newer_version_calls_its_program_otherwise(tmp_path: Path) -> None:
    agent = planned(tmp_path, "agents: {a: {use: claude, prompt: x, env: {X: y}}}")
    newer = msgspec.structs.replace(agent, run=("claude", "--new"), env={"X": "y", "NEW": "1"})
    assert newer.fingerprint() == agent.fingerprint()


def test_an_agent_is_another_once_its_own_preset_has_changed(tmp_path: Path) -> None:
    one = planned(tmp_path, OWN + "agents: {a: {use: mine, prompt: x}}")
    two = planned(tmp_path, OWN.replace("--task", "--ask") + "agents: {a: {use: mine, prompt: x}}")
    assert one.fingerprint() != two.fingerprint()
