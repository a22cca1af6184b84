"""Prompts of plans: which are templates, and what is refused with its place before anything runs."""

import json
from pathlib import Path

import pytest

from git_pliny.errors import PlanError
from git_pliny.model.plan import Agent, Plan
from git_pliny.plans.definition import Definition
from git_pliny.plans.loading import load
from git_pliny.plans.nodes import Mapping
from git_pliny.plans.positions import Place
from git_pliny.plans.preset_files import Presets
from git_pliny.plans.schema import AgentEntry


def plan_of(root: Path, text: str, files: dict[str, str] | None = None) -> Plan:
    for name, content in {"pliny.yaml": text, **(files or {})}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return load(root).plan


def agent_of(root: Path, text: str, files: dict[str, str] | None = None) -> Agent:
    return plan_of(root, text, files).agents["a"]


def refusal(root: Path, text: str, files: dict[str, str] | None = None) -> PlanError:
    with pytest.raises(PlanError) as caught:
        plan_of(root, text, files)
    return caught.value


def test_a_prompt_with_braces_is_a_template_unless_the_agent_says_no(tmp_path: Path) -> None:
    text = "agents: {a: {run: x, prompt: 'Do {{ task }}'}, b: {run: x, prompt: '${{ x }}', template: false}, c: {run: x, prompt: plain}}"
    agents = plan_of(tmp_path, text).agents
    assert {name: (agent.prompt, agent.template) for name, agent in agents.items()} == {
        "a": ("Do {{ task }}", True),
        "b": ("${{ x }}", False),
        "c": ("plain", False),
    }


@pytest.mark.parametrize(
    ("text", "files", "start"),
    [
        (
            "agents:\n  a: {run: x, prompt: '{{ taks }}'}\n",
            {},
            "pliny.yaml:2:23: in line 1 of the prompt, the name `taks` is not defined; did you mean `task`?",
        ),
        (
            "agents:\n  a:\n    run: x\n    prompt: |\n      One\n      {{ x }}\n",
            {},
            "pliny.yaml:4:13: in line 2 of the prompt, the name `x` is not defined",
        ),
        ("agents: {a: {run: x, prompt: p.md}}", {"p.md": "One\n\n{{ x }}\n"}, "p.md:3: in the prompt, the name `x`"),
        (
            "phases: [{name: p, agents: a}]",
            {".pliny/agents/a.md": "---\nrun: x\n---\n\nOne\n{{ x }}\n"},
            ".pliny/agents/a.md:6: in the prompt, the name `x`",
        ),
        (
            "agents: {a: {timeout: 1m}}",
            {".pliny/agents/a.md": "---\nrun: x\n---\nOne\n{{ x\n"},
            ".pliny/agents/a.md:5: in the prompt, ",
        ),
    ],
)
def test_a_wrong_template_is_refused_with_its_place(
    tmp_path: Path, text: str, files: dict[str, str], start: str
) -> None:
    error = refusal(tmp_path, text, files)
    assert error.message.startswith(start)
    assert "{% raw %}" in (error.hint or "")


PHASES = "agents: {{a: {{run: x}}, b: {{run: x, prompt: '{0}'}}, c: {{run: x, needs: [b]}}, d: {{run: x}}}}\nphases: [{{name: p, agents: [a, b, c]}}, {{name: q, agents: [d]}}]"


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("{{ outputs.aa }}", "`outputs` names `aa`, which is no agent of this plan; did you mean `a`?"),
        ('{{ deliverables["nobody"] }}', "`deliverables` names `nobody`, which is no agent of this plan"),
        ("{{ outputs.b }}", "`b`, which does not run before it"),
        ("{{ outputs.c }}", "`c`, which does not run before it"),
        ("{{ outputs.d }}", "`d`, which does not run before it"),
    ],
)
def test_an_agent_that_can_have_left_nothing_is_refused(tmp_path: Path, prompt: str, words: str) -> None:
    error = refusal(tmp_path, PHASES.format(prompt))
    assert error.message.startswith("pliny.yaml:1: in line 1 of the prompt of agent `b`, ")
    assert words in error.message


def test_an_earlier_agent_may_be_named(tmp_path: Path) -> None:
    assert plan_of(tmp_path, PHASES.format("{{ outputs.a }}")).agents["b"].template


def test_in_a_plan_of_rounds_a_later_agent_may_be_named(tmp_path: Path) -> None:
    agents = ", ".join(f"{name}: {{run: x}}" for name in ("analyze", "respond", "evaluate"))
    text = f"execution: {{framework: care}}\nagents: {{context: {{run: x, prompt: '{{{{ outputs.evaluate is defined }}}}'}}, {agents}}}"
    assert plan_of(tmp_path, text).agents["context"].template


def test_a_resolver_may_name_any_agent_of_the_plan_and_no_other(tmp_path: Path) -> None:
    text = "execution: {{on_conflict: 'agent:mend'}}\nagents: {{a: {{run: x}}, mend: {{run: x, prompt: '{{{{ outputs.{0} }}}}'}}}}"
    assert plan_of(tmp_path, text.format("a")).resolvers["mend"].template
    assert "no agent of this plan" in refusal(tmp_path, text.format("zz")).message


def test_the_plan_s_task_is_kept_for_its_prompts(tmp_path: Path) -> None:
    agents = "\nagents: {a: {run: x}}"
    assert plan_of(tmp_path, "task: {name: N, description: D}" + agents).task == "N\n\nD"
    assert plan_of(tmp_path, "task: N" + agents).task == "N"
    assert plan_of(tmp_path, agents).task == ""


TASK = {
    "id": "T1",
    "title": "Use {{ vue }}",
    "description": "Words {% here %}",
    "agent_id": "a",
    "acceptance_criteria": ["{{ c }}"],
}
MANIFEST = json.dumps({"iterations": [{"id": "I1", "tasks": [TASK]}]})


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("plain", "plain\n\n# Use {{ vue }}\n\nWords {% here %}\n\nAcceptance criteria:\n\n- {{ c }}\n"),
        ("", "# Use {{ vue }}\n\nWords {% here %}\n\nAcceptance criteria:\n\n- {{ c }}\n"),
    ],
)
def test_a_manifest_s_own_words_are_never_a_template(tmp_path: Path, prompt: str, expected: str) -> None:
    text = f"agents: {{a: {{run: x{f', prompt: {prompt}' if prompt else ''}}}}}"
    agent = plan_of(tmp_path, text, {"plan/plan_manifest.json": MANIFEST}).agents["T1"]
    assert (agent.prompt, agent.template, agent.task, agent.acceptance_criteria) == (expected, False, None, ())


def test_a_template_of_a_manifest_s_agent_is_given_the_task(tmp_path: Path) -> None:
    text = "agents: {a: {run: x, prompt: 'As {{ agent }}'}}"
    agent = plan_of(tmp_path, text, {"plan/plan_manifest.json": MANIFEST}).agents["T1"]
    assert (agent.template, agent.task, agent.acceptance_criteria) == (
        True,
        "# Use {{ vue }}\n\nWords {% here %}",
        ("{{ c }}",),
    )
    assert agent.prompt is not None
    assert "vue" not in agent.prompt
    assert "{{ task }}" in agent.prompt


def test_a_text_of_another_program_is_no_template(tmp_path: Path) -> None:
    node = Mapping(place=Place("x.md"), keys={}, items={})
    foreign = Definition(name="a", entry=AgentEntry(run="x"), node=node, body="Hi {{ mustache }}")
    agent = foreign.agent(tmp_path, Presets(None, node, None))
    assert (agent.prompt, agent.template) == ("Hi {{ mustache }}", False)
