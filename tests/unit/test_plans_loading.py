"""From the files of a repository to a plan: every form that is documented, and every mistake with its place."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from git_pliny.errors import ConfigError, PlanError
from git_pliny.model.plan import Agent, Phase, Plan, Rounds
from git_pliny.model.settings import Backoff, Budget, Category, ExecutionSettings, Isolation, RetryStrategy, Settings
from git_pliny.plans.loading import LoadedPlan, load, read_sections
from git_pliny.plans.preset_files import Presets

SCRIPT = "#!/bin/sh\nexit 0\n"


def put(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if text.startswith("#!"):
            path.chmod(0o755)
    return root


def loaded(root: Path, text: str, files: Mapping[str, str] | None = None, **how: Any) -> LoadedPlan:
    return load(put(root, {"pliny.yaml": text, **(files or {})}), **how)


def shape(plan: Plan) -> dict[str, list[str]]:
    return {phase.name: list(phase.agents) for phase in plan.phases}


def refusal(root: Path, text: str, files: Mapping[str, str] | None = None, **how: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        loaded(root, text, files, **how)
    assert "\n" not in caught.value.message
    return caught.value


def test_the_guide_s_phases_load_with_agents_of_the_agents_folder(tmp_path: Path) -> None:
    text = """\
phases:
  - name: research
    parallel: true
    agents:
      - research-web
      - research-code
      - research-docs
"""
    names = ["research-web", "research-code", "research-docs"]
    plan = loaded(tmp_path, text, {f".pliny/agents/{name}.sh": SCRIPT for name in names}).plan
    assert plan.phases == (Phase(name="research", parallel=True, agents=tuple(names)),)
    assert plan.agents["research-web"].run == (".pliny/agents/research-web.sh",)


def test_the_guide_s_retry_strategies_load_as_settings_without_any_plan(tmp_path: Path) -> None:
    text = """\
error_handling:
  retry_strategies:
    network:
      max_retries: 3
      backoff: exponential
      initial_delay: 1000
"""
    document = read_sections(put(tmp_path, {"pliny.yaml": text}))
    network = {"max_retries": 3, "backoff": "exponential", "initial_delay": 1000}
    assert document.sections == {"error_handling": {"retry_strategies": {"network": network}}}
    assert str(document.place("error_handling", "retry_strategies", "network", "backoff")) == "pliny.yaml:5"


def test_every_key_of_an_agent_reaches_the_agent(tmp_path: Path) -> None:
    text = """\
task: {name: Tidy the parser, description: All of it}
context: [docs/a.md, docs/b.md]
agents:
  first: {run: ' echo hi'}
  fix:
    run: [./fix, --all, 5, '']
    needs: first
    prerequisites: [first]
    timeout: 1h30m
    deliverables: [report.md, out/x]
    context: extra.md
    env: {PORT: 010, ON: yes}
    prompt: Do it well.
    max_retries: 2
    retry: {backoff: fixed}
    retry_strategies: {ai: {max_delay: 9}}
    retry_on_exit: 75
    budget: {cost_usd: 2.50, tokens: 1000, time: 30m}
    title: The fix
    description: ignored beside a title
"""
    loaded_plan = loaded(tmp_path, text)
    plan = loaded_plan.plan
    assert (plan.name, plan.description, plan.context) == ("Tidy the parser", "All of it", ("docs/a.md", "docs/b.md"))
    assert plan.agents["fix"] == Agent(
        name="fix",
        run=("./fix", "--all", "5", ""),
        needs=("first",),
        timeout_s=5400,
        deliverables=("report.md", "out/x"),
        context=("extra.md",),
        env={"PORT": "010", "ON": "yes"},
        prompt="Do it well.",
        max_retries=2,
        retry=RetryStrategy(backoff=Backoff.FIXED),
        retry_strategies={Category.AI: RetryStrategy(max_delay=9)},
        retry_on_exit=(75,),
        budget=Budget(cost_usd=2.5, tokens=1000, time="30m"),
        title="The fix",
        source="pliny.yaml:5",
    )
    assert str(loaded_plan.place("agents", "fix", "env", "ON")) == "pliny.yaml:12"


def test_agents_without_phases_are_one_phase(tmp_path: Path) -> None:
    plan = loaded(tmp_path, "agents: {b: {run: x}, a: {run: x, needs: b}}").plan
    assert plan.phases == (Phase(name="main", agents=("b", "a")),)


def test_agents_in_a_list_form_phases_in_the_order_of_their_first(tmp_path: Path) -> None:
    text = "agents: [{name: a, phase: two, run: x}, {name: b, phase: one, run: x}, {name: c, phase: two, run: x}, {name: d, run: x}]"
    assert shape(loaded(tmp_path, text).plan) == {"two": ["a", "c"], "one": ["b"], "main": ["d"]}


def test_an_agent_s_phase_puts_it_behind_those_that_the_phase_names(tmp_path: Path) -> None:
    text = "agents: {a: {run: x, phase: p}, b: {run: x}, c: {run: x, phase: p}}\nphases: [{name: p, agents: [b, a], title: P, fail_fast: yes}]"
    plan = loaded(tmp_path, text).plan
    assert plan.phases == (Phase(name="p", agents=("b", "a", "c"), title="P", fail_fast=True),)


def test_a_phase_may_name_its_only_agent_as_a_text(tmp_path: Path) -> None:
    assert shape(loaded(tmp_path, "agents: {a: {run: x}}\nphases: [{name: p, agents: a}]").plan) == {"p": ["a"]}


@pytest.mark.parametrize(
    ("task", "name", "description"),
    [
        ("task: Tidy", "Tidy", ""),
        ("task: |\n  Tidy\n  the rest", "Tidy", "the rest"),
        ("task: {name: Tidy}", "Tidy", ""),
        ("task: '  '", "pliny.yaml", ""),
        ("", "pliny.yaml", ""),
    ],
)
def test_a_task_names_and_describes_the_plan(tmp_path: Path, task: str, name: str, description: str) -> None:
    plan = loaded(tmp_path, f"agents: {{a: {{run: x}}}}\n{task}\n").plan
    assert (plan.name, plan.description) == (name, description)


def test_checkpoint_frequency_is_another_word_for_checkpoint(tmp_path: Path) -> None:
    assert loaded(tmp_path, "execution: {checkpoint_frequency: agent}\nagents: {a: {run: x}}").sections == {
        "execution": {"checkpoint": "agent"}
    }


def test_a_definition_without_run_completes_the_agent_s_own_file(tmp_path: Path) -> None:
    text = "agents: {a: {timeout: 1m, needs: c}, b: {prompt: Other}, c: {run: x}}"
    files = {
        ".pliny/agents/a.md": "---\nrun: claude\ntimeout: 9m\nenv: {X: 1}\n---\nPrompt.",
        ".pliny/agents/b.md": "---\nrun: claude\n---\nPrompt.",
    }
    agents = loaded(tmp_path, text, files).plan.agents
    assert (agents["a"].run, agents["a"].timeout_s, agents["a"].env) == ("claude", 60, {"X": "1"})
    assert (agents["a"].prompt, agents["a"].needs, agents["a"].source) == ("Prompt.", ("c",), "pliny.yaml:1")
    assert agents["b"].prompt == "Other"


def test_the_needs_of_an_agent_s_own_file_are_checked_at_their_place(tmp_path: Path) -> None:
    error = refusal(
        tmp_path, "phases: [{name: p, agents: [a]}]", {".pliny/agents/a.md": "---\nrun: x\nneeds: [b]\n---\n"}
    )
    assert error.message == ".pliny/agents/a.md:3:9: agent `a` needs `b`, which is no agent of this plan"


def test_the_body_of_an_agent_s_file_is_its_prompt_even_where_it_looks_like_a_path(tmp_path: Path) -> None:
    files = {".pliny/agents/a.md": "---\nrun: x\n---\npliny.yaml\n"}
    assert loaded(tmp_path, "phases: [{name: p, agents: a}]", files).plan.agents["a"].prompt == "pliny.yaml"


def test_the_user_s_own_agents_come_last(tmp_path: Path) -> None:
    user = tmp_path / "user"
    put(user, {"a": SCRIPT})
    plan = loaded(tmp_path / "repo", "phases: [{name: p, agents: a}]", user_agents_dir=user).plan
    assert plan.agents["a"].run == (str(user / "a"),)


def test_a_prompt_that_names_a_file_of_the_repository_is_that_file(tmp_path: Path) -> None:
    text = "agents: {a: {run: x, prompt: prompts/do it}, b: {run: x, prompt: 'not/a file'}}"
    agents = loaded(tmp_path, text, {"prompts/do it": "Do\nit\n"}).plan.agents
    assert (agents["a"].prompt, agents["b"].prompt) == ("Do\nit\n", "not/a file")


@pytest.mark.parametrize(
    "prompt",
    ["../secret.md", "/etc/nowhere.md", "prompts/reserch.md", "link.md", "folder.md", "loop.md", "x" * 300 + ".md"],
)
def test_a_prompt_that_looks_like_a_file_and_is_none_of_the_repository_is_refused(tmp_path: Path, prompt: str) -> None:
    root = tmp_path / "repo"
    put(tmp_path, {"secret.md": "secret", "repo/folder.md/x": ""})
    (root / "link.md").symlink_to("../secret.md")
    (root / "loop.md").symlink_to("loop.md")
    error = refusal(root, f"agents: {{a: {{run: x, prompt: {prompt}}}}}")
    assert error.message.startswith("pliny.yaml:1:30: the prompt file `")
    assert error.message.endswith("` does not exist in this repository")


def test_a_prompt_file_that_is_no_text_is_refused_at_its_key(tmp_path: Path) -> None:
    (tmp_path / "p.md").write_bytes(b"\xff\x00")
    error = refusal(tmp_path, "agents: {a: {run: x, prompt: p.md}}")
    assert error.message == "pliny.yaml:1:30: the prompt file can't be used: p.md:1:1: byte 0xff is not UTF-8 text"


def test_a_long_inline_prompt_is_just_that(tmp_path: Path) -> None:
    text = "word " * 5000
    assert loaded(tmp_path, f"agents: {{a: {{run: x, prompt: '{text}'}}}}").plan.agents["a"].prompt == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("agents: {a: {run: x}, a: {run: y}}", "1:23: the key `a` stands here twice; the first is in line 1"),
        ("agents:\n- {name: a, run: x}\n- {run: x, name: a}", "3:3: agent `a` is defined twice; the first is in line 2"),
        ("agents: {a: {}}", "1:10: agent `a` has no `run` or `use` and no file in .pliny/agents"),
        ("agents: {a: }", "1:10: agent `a` has no `run` or `use` and no file in .pliny/agents"),
        ("agents: [{run: x}]", "1:10: `agents[0]` has no `name`"),
        ("agents: {a: {run: x, use: claude}}", "1:27: agent `a` has `run`, a command, beside which `use` says nothing"),
        ("agents: {a: {model: openai/gpt-5}}", "1:21: agent `a` asks `openai/gpt-5` and has no prompt"),
            ("agents: {a: {model: sonnet, prompt: x}}", "1:21: `sonnet` goes with `use`, a coding agent; asked by itself, it names its provider: `provider/name`"),
            ("agents: {a: {model: openrooter/x, prompt: x}}", "1:21: there is no provider `openrooter`; did you mean `openrouter`?"),
            ("agents: {a: {model: openai/x, prompt: x, allow: Bash}}", "1:49: agent `a` asks a model, beside which `allow` says nothing"),
            ("agents: {a: {model: openai/x, prompt: x, deliverables: [b, c]}}", "1:56: agent `a` asks a model, which answers one text; it can't make several deliverables"),
            ("agents: {a: {run: x, base_url: 'http://h/v1'}}", "1:32: agent `a` has `run`, a command, beside which `base_url` says nothing"),
            ("agents: {a: {use: claude, prompt: x, temperature: 1}}", "1:51: `temperature` is for agents that ask a model by themselves; this one uses `claude`"),
            ("agents: {a: {model: openai/x, prompt: x, base_url: 'localhost:8000'}}", '1:52: `agents.a.base_url` must be an address like `http://localhost:8000/v1`, not `"localhost:8000"`'),
        ("execution: {isolation: worktre}", "1:24: `execution.isolation` must be one of `none`, `worktree`, not `worktre`; did you mean `worktree`?"),
        ("execution: {worktree_include: [../x]}", "1:32: `execution.worktree_include[0]` must be a path or glob of ignored files below the root of the repository; this one leads out of the repository, not `../x`"),
        ("execution: {on_conflict: agnt:x}", "1:26: `execution.on_conflict` must be `fail`, or `agent:NAME` for the agent that resolves conflicts, not `agnt:x`"),
        ("execution: {on_conflict: 'agent:mend'}\nagents: {a: {run: x}, mendd: {run: y}}", "1:26: nobody defines agent `mend`; did you mean `mendd`?"),
        ("agents: {a: {run: x, on_conflict: 'agent:b'}}", "1:35: nobody defines agent `b`"),
        ("execution: {checkpoint: agent, checkpoint_frequency: agent}", "1:54: `checkpoint_frequency` is another word for `checkpoint`; give one of them"),
        ("execution: {framework: rice}", "1:24: there is no framework `rice`; did you mean `rise`?"),
        ("parallel: true", "1:1: unknown key `parallel` in the plan; it belongs in `execution`"),
        ("agents: {a: {run: x, timeout: 0}}", "1:31: `agents.a.timeout` must be longer than nothing, not `0`"),
        ("agents: {a: {run: x, env: {A-B: c}}}", "1:28: a key in `agents.a.env` must be the name of an environment variable, not `A-B`"),
        ("agents: {a: {run: x, deliverables: [/etc/passwd]}}", "1:37: `agents.a.deliverables[0]` must be a path below the repository root, not `/etc/passwd`"),
        ("agents: {a: {run: x, retry_on_exit: [256]}}", "1:38: `agents.a.retry_on_exit[0]` must be an exit status, 0 to 255, not `256`"),
        ("agents: {a: {run: ''}}", '1:19: `agents.a.run` must be a text that is not empty, not `""`'),
        ("agents: {a: {run: ['', x]}}", "1:19: `run` of agent `a` names no program"),
        ("agents: {a: {run: '  '}}", "1:19: `run` of agent `a` names no program"),
        ("phases: [{name: p}]", "1:17: phase `p` has no agents"),
        ("phases: [{name: p, agents: []}]", "1:17: phase `p` has no agents"),
        ("phases: [{name: p, agents: a}, {name: p, agents: b}]", "1:39: phase `p` is listed twice"),
        ("agents: {a: {run: x}}\nphases: [{name: p, agents: [a, a]}]", "2:32: agent `a` stands in phase `p` already; it can stand in one, once"),
        ("agents: {a: {run: x}}\nphases: [{name: p, agents: [a]}, {name: q, agents: [a]}]", "2:53: agent `a` stands in phase `p` already; it can stand in one, once"),
        ("agents: {a: {run: x, phase: q}}\nphases: [{name: p, agents: [a]}, {name: q}]", "1:29: agent `a` stands in phase `p` already; it can stand in one, once"),
        ("agents: {a: {run: x}, b: {run: x}}\nphases: [{name: p, agents: [a]}]", "1:23: agent `b` is in no phase and would never run"),
        ("agents: {a: {run: x, phase: reserch}}\nphases: [{name: research}]", "1:29: agent `a` is in phase `reserch`, which is not listed; did you mean `research`?"),
        ("agents: {fixer: {run: x, phase: p}}\nphases: [{name: p, agents: [fixr]}]", "2:29: nobody defines agent `fixr`; did you mean `fixer`?"),
        ("agents: {fixer: {run: x}}\nphases: [{name: p, agents: [fixr]}]", "2:29: nobody defines agent `fixr`; did you mean `fixer`?"),
        ("agents: {a: {run: x, needs: a}}", "1:29: agent `a` needs itself"),
        ("agents: {abc: {run: x}, b: {run: x, prerequisites: [abd]}}", "1:53: agent `b` needs `abd`, which is no agent of this plan; did you mean `abc`?"),
        ("agents: {a: {run: x, phase: p, needs: [b]}, b: {run: x, phase: q}}", "1:40: agent `a` needs `b`, which runs in a later phase"),
        ("agents: {a: {run: x, needs: b}, b: {run: x, needs: c}, c: {run: x, needs: a}}", "1:29: agents need each other in a circle: `a` → `b` → `c` → `a`"),
        ("agents: {Fix: {run: x}, fix: {run: x}}", "1:25: agent `fix` and agent `Fix` differ in case only"),
        ("agents: {Fix: {run: x, phase: fix}}", "1:31: agent `Fix` and phase `fix` differ in case only"),
    ],
)  # fmt: skip
def test_a_wrong_plan_is_refused_in_one_line_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    assert refusal(tmp_path, text).message == f"pliny.yaml:{message}"


def test_a_phase_and_an_agent_may_have_one_name(tmp_path: Path) -> None:
    assert shape(loaded(tmp_path, "agents: {fix: {run: x, phase: fix}}").plan) == {"fix": ["fix"]}


def test_a_long_circle_is_shown_by_its_ends(tmp_path: Path) -> None:
    agents = ", ".join(f"a{n}: {{run: x, needs: a{(n + 1) % 500}}}" for n in range(500))
    message = refusal(tmp_path, f"agents: {{{agents}}}").message
    assert message.count("→") == 7
    assert "(494 more)" in message


def test_two_thousand_phases_are_no_burden(tmp_path: Path) -> None:
    text = "agents:\n" + "".join(f"  a{n}: {{run: x, phase: p{n}}}\n" for n in range(2000))
    assert len(loaded(tmp_path, text).plan.phases) == 2000


def test_an_agent_whose_file_says_another_phase_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, "phases: [{name: p, agents: a}]", {".pliny/agents/a.md": "---\nrun: x\nphase: q\n---\n"})
    assert error.message == "pliny.yaml:1:28: agent `a` stands in phase `p`, but its definition says `q`"


def test_a_coding_agent_that_a_phase_names_is_refused_with_the_way_to_run_it(tmp_path: Path) -> None:
    error = refusal(tmp_path, "phases: [{name: p, agents: rev}]", {".claude/agents/rev.md": "---\nname: rev\n---\nX"})
    assert error.message.startswith(
        "pliny.yaml:1:28: agent `rev` can't be run: `.claude/agents/rev.md` does not say which coding agent runs it"
    )
    assert error.hint == (
        "say it in pliny.yaml: agents: {rev: {use: claude}}; or for all: git pliny execute --use claude"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Review it.\n", "`.claude/agents/rev.md` has no front matter"),
        ("---\nname: rev\n---\n \n", "`.claude/agents/rev.md` has no prompt"),
        ("---\nname: rev\n", ".claude/agents/rev.md:1:1: the front matter that begins here has no end, a line `---`"),
    ],
)
def test_a_file_that_is_no_agent_for_a_coding_agent_is_refused_with_what_it_lacks(
    tmp_path: Path, text: str, why: str
) -> None:
    put(tmp_path, {".claude/agents/rev.md": text})
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, "phases: [{name: p, agents: rev}]", use="claude")
    assert caught.value.message == f"pliny.yaml:1:28: agent `rev` can't be run: {why}"


FRONT = "---\nname: rev\ndescription: Reviews\n{}---\nReview it.\n"


@pytest.mark.parametrize(
    ("front", "said"),
    [
        ("model: opus\ntools: Read, Grep, Bash(git:*, ls), Read\n", ["--model", "opus", "--tools=Read,Grep,Bash"]),
        ("tools: [Read, Edit]\n", ["--tools=Read,Edit"]),
        ("description: no: yaml\ntools: Read\nmodel: haiku\n", ["--model", "haiku", "--tools=Read"]),
        ('tools: "*"\nmodel: inherit\n', []),
        ("tools:\nmodel:\n", []),
    ],
)
@pytest.mark.parametrize("own", ["phases: [{name: p, agents: rev}]", "agents: {rev: {use: claude, phase: p}}"])
def test_claude_gets_the_model_and_the_tools_that_the_file_of_its_agent_names(
    tmp_path: Path, front: str, said: list[str], own: str
) -> None:
    put(tmp_path, {".claude/agents/rev.md": FRONT.format(front)})
    use = "claude" if own.startswith("phases") else None
    run = loaded(tmp_path, own, use=use).plan.agents["rev"].run
    assert [word for word in run if word.startswith(("--model", "--tools")) or word in said] == said


def test_a_plan_may_say_another_model_and_other_programs_get_nothing_of_it(tmp_path: Path) -> None:
    put(tmp_path, {".claude/agents/rev.md": FRONT.format("model: opus\ntools: Read\n")})
    run = loaded(tmp_path, "agents: {rev: {use: claude, model: haiku, phase: p}}").plan.agents["rev"].run
    assert run[-3:] == ("--model", "haiku", "--tools=Read")
    others = loaded(tmp_path, "phases: [{name: p, agents: rev}]", use="codex").plan.agents["rev"].run
    assert not [word for word in others if "opus" in word or "Read" in word]


# Where the plan is looked for


def test_a_plan_file_that_is_asked_for_comes_before_pliny_yaml(tmp_path: Path) -> None:
    put(tmp_path, {"other.yaml": "agents: {b: {run: x}}"})
    plan = loaded(tmp_path, "agents: {a: {run: x}}", plan_file=tmp_path / "other.yaml").plan
    assert (list(plan.agents), plan.agents["b"].source) == (["b"], "other.yaml:1")


def test_a_plan_file_that_is_asked_for_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^no\.yaml does not exist$"):
        load(tmp_path, plan_file=tmp_path / "no.yaml")


def test_without_any_plan_the_hint_is_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert caught.value.message == "there is no plan here, neither pliny.yaml nor plan/plan_manifest.json"
    assert caught.value.hint == "git pliny init"


@pytest.mark.parametrize("text", ["", "# nothing\n", "~", "agents: {}", "agents:\nphases: []\n", "output: {limit: 5}"])
def test_a_plan_without_agents_is_refused_with_an_example(tmp_path: Path, text: str) -> None:
    error = refusal(tmp_path, text)
    assert error.message == "pliny.yaml:1:1: the plan has no agents"
    assert error.hint == "add some, like `agents: {hello: {run: echo hello}}`"


def test_a_plan_file_with_the_other_ending_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(put(tmp_path, {"pliny.yml": "agents: {a: {run: x}}"}))
    assert (caught.value.message, caught.value.hint) == (
        "the plan file is called pliny.yaml, not pliny.yml",
        "mv pliny.yml pliny.yaml",
    )


def test_a_link_to_nowhere_in_the_place_of_the_plan_is_named(tmp_path: Path) -> None:
    (tmp_path / "pliny.yaml").symlink_to("nowhere")
    with pytest.raises(ConfigError, match=r"^pliny\.yaml does not exist$"):
        load(tmp_path)


# Frameworks

RISE = {
    f".pliny/agents/{name}": SCRIPT
    for name in ("research-web", "research-code.sh", "identify", "synthesize", "execute")
}


def test_a_framework_is_filled_from_the_agents_folder_without_a_plan_file(tmp_path: Path) -> None:
    plan = load(put(tmp_path, RISE), framework="rise").plan
    assert shape(plan) == {
        "research": ["research-code", "research-web"],
        "identify": ["identify"],
        "synthesize": ["synthesize"],
        "execute": ["execute"],
    }
    assert (plan.name, plan.framework, plan.rounds, plan.phases[0].title) == ("R-I-S-E", "rise", None, "Research")


def test_care_goes_round_by_its_evaluate_agent(tmp_path: Path) -> None:
    text = "execution: {framework: care}\nagents: {context: {run: a}, analyze: {run: a}, respond: {run: a}, evaluate-x: {run: a}, evaluate-y: {run: a}}"
    plan = loaded(tmp_path, text).plan
    assert plan.rounds == Rounds(verdict="evaluate", limit=3, ceiling=5)
    assert shape(plan)["evaluate"] == ["evaluate-x", "evaluate-y"]


def test_the_plan_s_own_agents_for_a_phase_come_before_the_folder_s_and_the_framework_s_order_holds(
    tmp_path: Path,
) -> None:
    text = """\
execution: {framework: rise}
agents: {solve: {run: x, phase: synthesize}, dig: {run: x}, do: {run: x}}
phases:
  - {name: execute, agents: [do]}
  - {name: research, agents: [dig], parallel: true, title: Dig}
"""
    plan = loaded(tmp_path, text, RISE).plan
    assert shape(plan) == {"research": ["dig"], "identify": ["identify"], "synthesize": ["solve"], "execute": ["do"]}
    assert (plan.phases[0].parallel, plan.phases[0].title) == (True, "Dig")


def test_a_phase_without_an_agent_is_refused_with_both_ways_to_give_one(tmp_path: Path) -> None:
    text = "execution: {framework: rise}\nagents: {research: {run: x}}"
    error = refusal(tmp_path, text)
    assert error.message == "pliny.yaml:1:24: phase `identify` of framework rise has no agent"
    assert (
        error.hint
        == "write `agents: {identify: {run: …, phase: identify}}` in pliny.yaml, or a program .pliny/agents/identify; "
        "or have the built-in agent do it: --use PRESET"
    )


def test_without_a_plan_file_a_framework_without_agents_blames_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        load(tmp_path, framework="rise")
    assert error.value.message == "framework rise: phase `research` has no agent, and there is no plan file"
    assert error.value.hint == (
        "write a program .pliny/agents/research, or `agents: {research: {run: …, phase: research}}` in pliny.yaml"
    )


def test_an_empty_plan_file_is_a_plan_file(tmp_path: Path) -> None:
    error = refusal(tmp_path, "", framework="rise")
    assert error.message == "pliny.yaml: phase `research` of framework rise has no agent"


def test_a_framework_on_the_command_line_selects_from_the_plan_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    text = "agents: {build: {run: x, phase: build}, dig: {run: x, phase: research}, loose: {run: x}}"
    result = loaded(tmp_path, text, RISE, framework="rise")
    assert shape(result.plan)["research"] == ["dig"]
    assert result.notes == ("framework rise leaves out `build`, `loose` of pliny.yaml",)


def test_a_need_of_an_agent_that_a_framework_leaves_out_is_refused(tmp_path: Path) -> None:
    text = "agents: {build: {run: x, phase: build}, dig: {run: x, phase: research, needs: build}}"
    error = refusal(tmp_path, text, RISE, framework="rise")
    assert error.message == "pliny.yaml:1:79: agent `dig` needs `build`, which is no agent of this plan"


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        (
            "agents: {a: {run: x, phase: reserch}}",
            "2:29: phase `reserch` is none of framework rise; did you mean `research`?",
        ),
        ("phases: [{name: publish, agents: [a]}]", "2:17: phase `publish` is none of framework rise"),
        ("agents: {a: {run: x}}", "2:10: agent `a` is in no phase and would never run"),
    ],
)
def test_what_would_not_run_in_the_file_s_own_framework_is_refused(tmp_path: Path, rest: str, message: str) -> None:
    assert refusal(tmp_path, f"execution: {{framework: rise}}\n{rest}", RISE).message == f"pliny.yaml:{message}"


def test_a_mistyped_phase_is_suggested_for_the_one_that_has_no_agent(tmp_path: Path) -> None:
    error = refusal(tmp_path, "agents: {a: {run: x, phase: reserch}}", framework="rise")
    assert error.message == "pliny.yaml: phase `research` of framework rise has no agent; did you mean `reserch`?"


def test_an_unknown_framework_of_the_command_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^there is no framework `carr`; did you mean `care`\?$"):
        load(tmp_path, framework="carr")


def of_user(sections: Mapping[str, Any]) -> Settings:
    return Settings(execution=ExecutionSettings(framework=sections.get("execution", {}).get("framework", "rise")))


def test_a_framework_of_the_user_s_settings_counts_where_the_repository_has_no_plan(tmp_path: Path) -> None:
    assert load(put(tmp_path, RISE), settings_of=of_user).plan.framework == "rise"
    assert loaded(tmp_path, "output: {limit: 1}", RISE, settings_of=of_user).plan.framework == "rise"
    assert loaded(tmp_path, "agents: {a: {run: x}}", RISE, settings_of=of_user).plan.framework is None


def test_a_framework_of_the_user_s_settings_that_does_not_exist_has_no_place_in_the_plan(tmp_path: Path) -> None:
    def settings_of(_: Mapping[str, Any]) -> Settings:
        return Settings(execution=ExecutionSettings(framework="rose"))

    error = refusal(tmp_path, "output: {limit: 1}", settings_of=settings_of)
    assert not isinstance(error, PlanError)


# Manifests

MANIFEST = """{"project_name": "P", "iterations": [{"id": "I1", "tasks": [{"id": "I1.T1", "agent_id": "coder"}]}]}"""


def test_a_manifest_is_the_plan_where_there_is_no_plan_file(tmp_path: Path) -> None:
    put(tmp_path, {"plan/plan_manifest.json": MANIFEST, ".pliny/agents/coder": SCRIPT})
    plan = load(tmp_path).plan
    assert (plan.name, shape(plan)) == ("P", {"I1": ["I1.T1"]})
    assert plan.manifest is not None
    assert plan.manifest.path == "plan/plan_manifest.json"


def test_a_plan_file_without_phases_gives_a_manifest_its_agents_context_and_settings(tmp_path: Path) -> None:
    text = "context: a.md\noutput: {limit: 9}\nagents: {coder: {run: code, prompt: Be brief.}}"
    result = loaded(tmp_path, text, {"plan/plan_manifest.json": MANIFEST})
    agent = result.plan.agents["I1.T1"]
    assert (agent.run, agent.prompt, agent.source) == ("code", "Be brief.\n\n# I1.T1\n", "plan/plan_manifest.json:1")
    assert (result.plan.context, result.sections) == (("a.md",), {"output": {"limit": 9}})


@pytest.mark.parametrize(
    "text", ["phases: [{name: p, agents: a}]\nagents: {a: {run: x}}", "agents: {a: {run: x, phase: p}}"]
)
def test_a_plan_file_with_phases_comes_before_a_manifest(tmp_path: Path, text: str) -> None:
    assert shape(loaded(tmp_path, text, {"plan/plan_manifest.json": MANIFEST}).plan) == {"p": ["a"]}


def test_a_manifest_that_is_asked_for_comes_before_everything(tmp_path: Path) -> None:
    text = "agents: {a: {run: x, phase: p}, coder: {run: x, phase: p}}"
    plan = loaded(tmp_path, text, {"m.json": MANIFEST}, plan_file=tmp_path / "m.json").plan
    assert shape(plan) == {"I1": ["I1.T1"]}


def test_a_task_whose_agent_nobody_defines_is_refused_at_its_place(tmp_path: Path) -> None:
    put(tmp_path, {"plan/plan_manifest.json": MANIFEST, ".pliny/agents/coders": SCRIPT})
    with pytest.raises(
        PlanError, match=r"^plan/plan_manifest\.json:1:89: nobody defines agent `coder`; did you mean `coders`\?$"
    ):
        load(tmp_path)


def test_a_framework_does_not_fit_a_manifest_that_is_asked_for(tmp_path: Path) -> None:
    put(tmp_path, {"m.json": MANIFEST})
    with pytest.raises(ConfigError, match=r"`m\.json` has iterations of its own"):
        load(tmp_path, plan_file=tmp_path / "m.json", framework="rise")


def test_a_framework_on_the_command_line_comes_before_a_manifest_that_merely_lies_there(tmp_path: Path) -> None:
    put(tmp_path, {"plan/plan_manifest.json": MANIFEST, **RISE})
    assert load(tmp_path, framework="rise").plan.framework == "rise"


def test_an_agent_that_resolves_conflicts_stands_in_no_phase(tmp_path: Path) -> None:
    text = """
        execution: {isolation: worktree, on_conflict: "agent:mend"}
        agents: {a: {run: x}, b: {run: y, isolation: none, on_conflict: fail}, mend: {run: z}}
        phases: [{name: p, agents: [a, b], isolation: worktree, on_conflict: "agent:a"}]
    """
    plan = loaded(tmp_path, text).plan
    assert list(plan.agents) == ["a", "b"]
    assert list(plan.resolvers) == ["mend"]
    assert plan.phases[0].isolation is Isolation.WORKTREE
    assert plan.agents["b"].isolation is Isolation.NONE
    assert plan.resolver("agent:mend") == plan.resolvers["mend"]
    assert plan.resolver("agent:a") == plan.agents["a"]
    assert plan.resolver("fail") is None


def test_where_an_agent_works_is_no_part_of_what_it_is() -> None:
    plain = Agent(name="a", run="x")
    elsewhere = Agent(name="a", run="x", isolation=Isolation.WORKTREE, on_conflict="agent:b")
    assert plain.fingerprint() == elsewhere.fingerprint()


def test_a_phase_may_have_a_budget(tmp_path: Path) -> None:
    text = "agents: {a: {run: x}}\nphases: [{name: p, agents: [a], budget: {cost_usd: 3}}]\n"
    assert loaded(tmp_path, text).plan.phases[0].budget == Budget(cost_usd=3.0)


def test_a_higher_budget_makes_no_other_agent() -> None:
    plain, limited = Agent(name="a", run="x"), Agent(name="a", run="x", budget=Budget(tokens=5))
    assert plain.fingerprint() == limited.fingerprint()


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ("{cost_usd: 0}", "pliny.yaml:1:41: `agents.a.budget.cost_usd` must be an amount of US dollars above 0"),
        ("{cost_usd: nan}", "`agents.a.budget.cost_usd` must be an amount of US dollars above 0"),
        ("{cost_usd: '2'}", "`agents.a.budget.cost_usd` must be an amount of US dollars above 0"),
        ("{tokens: 1.5}", "`agents.a.budget.tokens` must be a number of tokens, 1 or more, not `1.5`"),
        ("{time: 0s}", "`agents.a.budget.time` must be longer than nothing"),
        ("{cost_us: 5}", "unknown key `cost_us` in `agents.a.budget`; did you mean `cost_usd`?"),
        ("5", "`agents.a.budget` must be a mapping, not `5`"),
    ],
)
def test_a_bad_budget_is_refused_with_its_place(tmp_path: Path, budget: str, message: str) -> None:
    assert message in refusal(tmp_path, f"agents: {{a: {{run: x, budget: {budget}}}}}\n").message


def test_an_agent_that_only_resolves_conflicts_has_no_budget_of_its_own(tmp_path: Path) -> None:
    text = """\
execution: {isolation: worktree, on_conflict: agent:mend}
agents:
  a: {run: x}
  mend: {run: y, budget: {tokens: 5}}
phases: [{name: p, agents: [a]}]
"""
    assert "pliny.yaml:4" in refusal(tmp_path, text).message


# Agents that come with the frameworks


def test_the_coding_agent_of_a_plan_gets_the_tools_that_it_is_allowed(tmp_path: Path) -> None:
    text = "execution: {framework: rise, use: claude, allow: [Bash, WebFetch]}\nagents: {research: {prompt: x, allow: Read}}"
    agents = loaded(tmp_path, text).plan.agents
    assert "--allowedTools=Bash,WebFetch" in agents["execute"].run
    assert "--allowedTools=Read" in agents["research"].run
    assert not [word for word in agents["research"].run if "WebFetch" in word]


@pytest.mark.parametrize("framework", ["rise", "care"])
def test_every_phase_of_a_framework_has_a_prompt_that_hands_its_answer_on(tmp_path: Path, framework: str) -> None:
    plan = load(tmp_path, framework=framework, use="codex").plan
    assert [agent.answer for agent in plan.agents.values()] == [f"{phase.name}.md" for phase in plan.phases]
    assert all(agent.template and "{{ task }}" in (agent.prompt or "") for agent in plan.agents.values())


def test_a_preset_is_chosen_only_where_a_framework_needs_one(tmp_path: Path) -> None:
    asked = []

    def choose(presets: Presets) -> str:
        asked.append(min(presets.all))
        return "claude"

    text = "agents: {own: {prompt: Hi.}}"
    with pytest.raises(ConfigError, match="agent `own` has no `run` or `use`"):
        load(put(tmp_path, {"pliny.yaml": text}), choose_preset=choose)
    assert asked == []
    found = load(tmp_path, framework="care", choose_preset=choose)
    assert (found.use, found.is_built_in, asked) == ("claude", True, ["aider"])
