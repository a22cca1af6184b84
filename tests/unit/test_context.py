from pathlib import Path

import pytest

from git_pliny.errors import ConfigError
from git_pliny.executor.context import check_context, context_text
from git_pliny.model.plan import Agent, Phase, Plan


def plan(*agents: Agent, parallel: bool = False, context: tuple[str, ...] = (), later: tuple[Agent, ...] = ()) -> Plan:
    phases = [Phase(name="one", agents=tuple(agent.name for agent in agents), parallel=parallel)]
    phases += [Phase(name="two", agents=tuple(agent.name for agent in later))] if later else []
    named = {agent.name: agent for agent in (*agents, *later)}
    return Plan(name="p", phases=tuple(phases), agents=named, context=context)


def agent(name: str, *context: str, needs: tuple[str, ...] = ()) -> Agent:
    return Agent(name=name, run="true", context=context, needs=needs)


def test_files_stand_under_their_names_each_once_and_patterns_in_order(tmp_path: Path) -> None:
    for name in ("b.md", "a.md", "odd\x1bname"):
        (tmp_path / name).write_text(f"text of {name[0]}\n")
    (tmp_path / "folder.md").mkdir()
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.write_bytes(b"not \xff UTF-8\n")
    text = context_text(tmp_path, ["odd\x1bname", "*.md", "a.md", str(outside), f"{tmp_path}/a.*"])
    assert text == (
        "# odd\\x1bname\n\ntext of o\n\n# a.md\n\ntext of a\n\n# b.md\n\ntext of b\n\n"
        f"# {outside}\n\nnot \N{REPLACEMENT CHARACTER} UTF-8\n"
    )
    assert context_text(tmp_path, []) == ""


def test_a_name_with_a_bracket_is_that_file_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "notes[1].md").write_text("one\n")
    assert "one" in context_text(tmp_path, ["notes[1].md"])


@pytest.mark.parametrize("pattern", ["missing.md", "missing*.md", "folder"])
def test_what_is_no_file_is_named(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError) as caught:
        context_text(tmp_path, [pattern])
    assert pattern in caught.value.message


@pytest.mark.parametrize(
    "missing",
    [
        plan(agent("a"), context=("missing.md",)),
        plan(agent("a"), context=("missing*.md",)),
        plan(agent("a", "missing.md")),
        plan(agent("a"), agent("b", "missing.md"), parallel=True),
    ],
    ids=["plan", "pattern", "first", "parallel"],
)
def test_context_that_nobody_can_have_made_is_refused(tmp_path: Path, missing: Plan) -> None:
    with pytest.raises(ConfigError, match="missing"):
        check_context(missing, [], root=tmp_path, done=())
    if not missing.context:
        check_context(missing, [], root=tmp_path, done=("a", "b"))


@pytest.mark.parametrize(
    "later",
    [
        plan(agent("a"), agent("b", "made.md")),
        plan(agent("a"), agent("b", "made.md", needs=("a",)), parallel=True),
        plan(agent("a"), later=(agent("b", "made.md"),)),
    ],
    ids=["sequential", "needs", "phase"],
)
def test_context_that_an_earlier_agent_may_make_is_waited_for(tmp_path: Path, later: Plan) -> None:
    check_context(later, [], root=tmp_path, done=())


def test_the_command_lines_context_is_checked_too(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.md"):
        check_context(plan(agent("a")), [str(tmp_path / "gone.md")], root=tmp_path, done=("a",))
