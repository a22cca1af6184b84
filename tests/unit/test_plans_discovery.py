"""Agents that stand in files of their own."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_pliny.errors import ConfigError
from git_pliny.plans import frontmatter
from git_pliny.plans.discovery import AgentKind, DiscoveredAgent, Discovery, list_agents

SCRIPT = "#!/bin/sh\nexit 0\n"
MARKDOWN = "---\nrun: claude -p\ndescription: Reviews\ntimeout: 5m\n---\n\nReview the change.\n"


def put(root: Path, name: str, text: str = SCRIPT, *, mode: int = 0o755) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def found(root: Path, name: str, user: Path | None = None) -> DiscoveredAgent:
    agent = Discovery(root, user).find(name)
    assert agent is not None
    return agent


def test_a_program_is_an_agent_by_its_name_with_or_without_extension(tmp_path: Path) -> None:
    put(tmp_path, ".pliny/agents/build")
    put(tmp_path, ".pliny/agents/fix.sh")
    put(tmp_path, ".pliny/agents/v1.2")
    discovery = Discovery(tmp_path, None)
    assert discovery.names() == ["build", "fix", "v1.2"]
    fix = found(tmp_path, "fix")
    assert fix.definition is not None
    assert (fix.kind, fix.source, fix.definition.entry.run) == (
        AgentKind.PROGRAM,
        ".pliny/agents/fix.sh",
        (".pliny/agents/fix.sh",),
    )
    assert found(tmp_path, "fix.sh") == fix


def test_what_nobody_has_is_not_found(tmp_path: Path) -> None:
    assert Discovery(tmp_path, tmp_path / "nowhere").find("x") is None
    put(tmp_path, ".pliny/agents", "a file where the folder should be")
    assert list_agents(tmp_path, None) == []


def test_markdown_gives_its_keys_and_its_body_as_prompt(tmp_path: Path) -> None:
    put(tmp_path, ".pliny/agents/review.md", MARKDOWN, mode=0o644)
    agent = found(tmp_path, "review")
    assert agent.definition is not None
    assert (agent.kind, agent.description, agent.problem) == (AgentKind.MARKDOWN, "Reviews", None)
    assert (agent.definition.entry.run, agent.definition.entry.timeout) == ("claude -p", "5m")
    assert agent.definition.body == "Review the change."


def test_markdown_may_call_itself_otherwise_than_its_file(tmp_path: Path) -> None:
    put(tmp_path, ".pliny/agents/r.md", "---\nname: review\nrun: x\n---\n")
    assert found(tmp_path, "review") == found(tmp_path, "r")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "no front matter",
            ".pliny/agents/x.md:1:1: an agent in Markdown begins with YAML front matter, and here is none",
        ),
        ("---\nrun: x\n", ".pliny/agents/x.md:1:1: the front matter that begins here has no end, a line `---`"),
        (
            "---\n---\n",
            ".pliny/agents/x.md:1:1: the front matter has neither `run`, a command, nor `use`, a coding agent",
        ),
        (
            "---\nrun: x\nruns: y\n---\n",
            ".pliny/agents/x.md:3:1: unknown key `runs` in the front matter; did you mean `run`?",
        ),
        ("---\nrun: x\n a: b: c\n---\n", ".pliny/agents/x.md:3:3: this is not YAML: mapping values are not allowed"),
        ("---\n- run\n---\n", ".pliny/agents/x.md:2:1: the front matter must be a mapping, not a list"),
        ("---\nrun: x\nprompt: y\n---\n", ".pliny/agents/x.md:3:1: the prompt is the text below the front matter"),
        ("---\nrun: x\nname: ' '\n---\n", ".pliny/agents/x.md:3:7: `name` must be a name"),
        ("---\nx: " + "[" * 5000 + "\n---\n", ".pliny/agents/x.md:2:53: this is nested more than 50 levels deep"),
    ],
)
def test_a_hostile_front_matter_is_a_problem_with_a_place(tmp_path: Path, text: str, problem: str) -> None:
    put(tmp_path, ".pliny/agents/x.md", text)
    agent = found(tmp_path, "x")
    assert str(agent.problem).startswith(problem)


def test_a_front_matter_of_a_file_with_windows_line_ends_is_read(tmp_path: Path) -> None:
    assert frontmatter.split("--- \r\nrun: x\r\n---\r\nbody\r\n", "x") == ("run: x\r\n", "body")
    assert frontmatter.split("--- not a fence\n", "x") is None


def test_a_script_without_the_bit_is_a_problem_with_the_command_that_mends_it(tmp_path: Path) -> None:
    put(tmp_path, ".pliny/agents/a b.sh", mode=0o644)
    agent = found(tmp_path, "a b")
    assert agent.error is not None
    assert agent.error.message == "`.pliny/agents/a b.sh` is not executable"
    assert agent.error.hint == "chmod +x '.pliny/agents/a b.sh'"


def test_files_that_were_never_meant_to_be_agents_are_none(tmp_path: Path) -> None:
    put(tmp_path, ".pliny/agents/notes.txt", "notes", mode=0o644)
    put(tmp_path, ".pliny/agents/README.md", "about", mode=0o644)
    put(tmp_path, ".pliny/agents/.hidden")
    put(tmp_path, ".pliny/agents/folder/inner")
    (tmp_path / ".pliny/agents/broken").symlink_to("nowhere")
    assert list_agents(tmp_path, None) == []


def test_a_name_with_control_characters_is_a_problem(tmp_path: Path) -> None:
    put(tmp_path, ".pliny/agents/a\nb")
    put(tmp_path, ".pliny/agents/c\x1b.md", MARKDOWN)
    agents = list_agents(tmp_path, None)
    assert [("\n" in (agent.problem or "\n"), "visible characters" in str(agent.problem)) for agent in agents] == [
        (False, True)
    ] * 2


def test_an_agent_for_a_coding_agent_is_found_by_file_and_by_name_and_can_not_be_run(tmp_path: Path) -> None:
    text = "---\nname: reviewer\ndescription: Use this: when it: matters\nmodel: opus\n---\nYou are…\n"
    put(tmp_path, ".claude/agents/rev.md", text)
    put(tmp_path, ".claude/agents/plain.md", "no front matter")
    put(tmp_path, ".claude/agents/torn.md", "---\nname: x\n")
    put(tmp_path, ".claude/agents/notes.txt", "notes")
    agent = found(tmp_path, "reviewer")
    assert agent.source == found(tmp_path, "rev").source == ".claude/agents/rev.md"
    assert (agent.kind, agent.description) == (AgentKind.CODING_AGENT, "Use this: when it: matters")
    assert "does not say which coding agent runs it" in str(agent.problem)
    assert Discovery(tmp_path, None).names() == ["plain", "reviewer", "torn"]


def test_the_project_comes_before_the_coding_agents_and_those_before_the_user(tmp_path: Path) -> None:
    root, user = tmp_path / "repo", tmp_path / "user"
    for folder in (root / ".pliny/agents", user):
        put(folder, "a.md", MARKDOWN)
    put(root, ".claude/agents/a.md")
    put(root, ".claude/agents/b.md")
    put(user, "b")
    put(user, "c")
    assert found(root, "a", user).source == ".pliny/agents/a.md"
    assert found(root, "b", user).source == ".claude/agents/b.md"
    assert found(root, "c", user).source == str(user / "c")
    hidden = [agent.problem for agent in list_agents(root, user) if agent.source == str(user / "a.md")]
    assert str(hidden[0]).endswith("is hidden by `.pliny/agents/a.md`")


def test_a_program_without_extension_comes_before_one_with_and_that_before_markdown(tmp_path: Path) -> None:
    put(tmp_path, ".pliny/agents/a.md", MARKDOWN)
    put(tmp_path, ".pliny/agents/a.sh")
    assert found(tmp_path, "a").source == ".pliny/agents/a.sh"
    put(tmp_path, ".pliny/agents/a")
    assert found(tmp_path, "a").source == ".pliny/agents/a"


def test_two_files_with_an_equal_right_to_a_name_are_both_refused(tmp_path: Path) -> None:
    put(tmp_path, ".pliny/agents/a.py")
    put(tmp_path, ".pliny/agents/a.sh")
    problem = "agent `a` is defined by both `.pliny/agents/a.py` and `.pliny/agents/a.sh`"
    assert [agent.problem for agent in list_agents(tmp_path, None)] == [problem, problem]


def test_agents_of_a_phase_say_so_or_have_a_name_that_begins_so(tmp_path: Path) -> None:
    put(tmp_path, ".pliny/agents/research-web")
    put(tmp_path, ".pliny/agents/research.sh")
    put(tmp_path, ".pliny/agents/search.md", "---\nrun: x\nphase: research\n---\n")
    put(tmp_path, ".pliny/agents/research-late.md", "---\nrun: x\nphase: later\n---\n")
    put(tmp_path, ".claude/agents/research-claude.md")
    put(tmp_path / "user", "research-user")
    assert Discovery(tmp_path, tmp_path / "user").of_phase("research") == ["research", "research-web", "search"]


def test_a_folder_that_can_not_be_listed_is_an_error_of_the_user(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be listed: File name too long"):
        list_agents(tmp_path, tmp_path / ("x" * 5000))


@pytest.mark.parametrize(
    ("front", "description"),
    [
        (
            'description: Use it so. user: "Write it" assistant: "Here: "',
            'Use it so. user: "Write it" assistant: "Here: "',
        ),
        ("description: >-\n  A long one\n  that goes on: here", "A long one that goes on: here"),
        ("description: >-\n  A long one\n  that goes on\ntools: [Read, Grep\n", "A long one that goes on"),
        ('description: "Says \\"hi\\": now"\r', 'Says "hi": now'),
        ('description: "Says \\"hi\\": now"\ntools: Read: x: y', 'Says "hi": now'),
        ("description: 'It''s: fine'\ncolor: a: b", "It's: fine"),
        ("description: Goes on\n  here: yes\n", "Goes on here: yes"),
        ("description:\ntools: Read, Grep", ""),
        ("description: 'open\ntools: Read", "'open"),
        ("tools:\n  - Read\nmodel: sonnet", ""),
        ("- a\n- b", ""),
        ("description: {a: b}", ""),
        ("\tdescription: x", ""),
    ],
)
def test_a_coding_agent_s_front_matter_need_not_be_yaml(tmp_path: Path, front: str, description: str) -> None:
    file = tmp_path / ".claude/agents/it.md"
    file.parent.mkdir(parents=True)
    file.write_text(f"---\n{front}\n---\nBody {{{{ x }}}}\n", newline="")
    found = list_agents(tmp_path, None)
    assert [(agent.name, agent.description) for agent in found] == [("it", description)]


@given(front=st.text(alphabet="ab:\"'|>-[]{}#& \n\t\\@%", max_size=40))
@settings(max_examples=200)
def test_no_front_matter_stops_the_listing(front: str) -> None:
    assert isinstance(frontmatter.read_loosely(front, "x.md"), dict)
