import os
from pathlib import Path

import pytest

from git_pliny.errors import ConfigError
from git_pliny.executor import context
from git_pliny.model.plan import Agent, Phase, Plan

LIMIT = 10_000


def context_text(root: Path, patterns: list[str], *, limit: int = LIMIT, home: str | None = None) -> str:
    return context.context_text(root, patterns, limit=limit, home=home)


def check_context(plan: Plan, given: list[str], *, root: Path, done: tuple[str, ...]) -> None:
    context.check_context(plan, given, root=root, done=done, limit=LIMIT)


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


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def names(text: str) -> list[str]:
    return [line[2:] for line in text.splitlines() if line.startswith("# ")]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "root"
    made.mkdir()
    return made


def refused(root: Path, *patterns: str, limit: int = LIMIT, home: str | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        context_text(root, list(patterns), limit=limit, home=home)
    return caught.value.message


@pytest.mark.parametrize(
    ("there", "found"),
    [
        (["AGENTS.md"], ["AGENTS.md"]),
        (["CLAUDE.md", "GEMINI.md"], ["CLAUDE.md"]),
        (["GEMINI.md"], ["GEMINI.md"]),
        (
            ["AGENTS.md", "src/CLAUDE.md", "src/deep/AGENTS.md", "docs/AGENTS.md"],
            ["AGENTS.md", "src/CLAUDE.md", "src/deep/AGENTS.md"],
        ),
    ],
)
def test_instructions_are_found_in_the_root_and_down_to_the_files_that_are_named(
    root: Path, there: list[str], found: list[str]
) -> None:
    write(root, dict.fromkeys([*there, "src/deep/x.py"], "text\n"))
    assert names(context_text(root, ["agents-md", "src/deep/x.py"])) == [*found, "src/deep/x.py"]


def test_instructions_that_are_nowhere_are_refused(root: Path) -> None:
    assert "none of AGENTS.md, CLAUDE.md, GEMINI.md" in refused(root, "agents-md")


def test_a_file_that_is_called_like_the_word_is_that_file(root: Path) -> None:
    write(root, {"agents-md": "own", "AGENTS.md": "other"})
    assert names(context_text(root, ["agents-md"])) == ["agents-md"]


def test_instructions_that_link_out_of_the_repository_are_refused(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (root / "AGENTS.md").symlink_to(tmp_path / "secret")
    assert "AGENTS.md is a link out of the repository" in refused(root, "agents-md")


def test_one_instruction_file_under_two_names_stands_there_once(root: Path) -> None:
    write(root, {"AGENTS.md": "text\n", "CLAUDE.md": "@AGENTS.md\n"})
    (root / "GEMINI.md").symlink_to("AGENTS.md")
    assert names(context_text(root, ["GEMINI.md", "CLAUDE.md", "AGENTS.md"])) == ["GEMINI.md", "CLAUDE.md"]


def test_imports_follow_the_file_that_imports_them_from_its_own_folder(root: Path) -> None:
    write(
        root,
        {
            "docs/a.md": "- @b.md, and (@sub/c.txt).\n@../top.md:\n",
            "docs/b.md": "b @./sub/c.txt\n",
            "docs/sub/c.txt": "@../a.md is no import in a text file\n",
            "top.md": "top\n",
            "last.md": "last\n",
        },
    )
    text = context_text(root, ["docs/a.md", "last.md"])
    assert names(text) == ["docs/a.md", "docs/b.md", "docs/sub/c.txt", "top.md", "last.md"]
    assert "- @b.md, and" in text


@pytest.mark.parametrize(
    "text",
    [
        "mail ann@b.md now",
        "`@b.md` and ``x @b.md ` ``",
        "```\n@b.md\n```",
        "~~~~ text\n~~~\n@b.md\n~~~~",
        "@types/node @alice @v1.2 @param @@b.md @",
        "@" + "x" * 5000,
        "@a/" + "y" * 300,
        "@folder",
    ],
)
def test_what_only_looks_like_an_import_is_left_alone(root: Path, text: str) -> None:
    write(root, {"a.md": text, "b.md": "imported", "folder/x": "y"})
    assert names(context_text(root, ["a.md"])) == ["a.md"]


def test_a_markdown_file_that_is_missing_is_named_with_the_line_that_imports_it(root: Path) -> None:
    write(root, {"a.md": "one\nsee @docs/missing.md\n"})
    assert refused(root, "a.md") == "a.md:2: `@docs/missing.md` imports a file that does not exist"


def test_circles_are_refused_and_told(root: Path) -> None:
    write(root, {"a.md": "@b.md", "b.md": "@c.md", "c.md": "@b.md"})
    assert refused(root, "a.md") == "context files import each other in a circle: b.md → c.md → b.md"
    write(root, {"self.md": "@self.md"})
    assert "self.md → self.md" in refused(root, "self.md")


def test_imports_are_limited_in_depth(root: Path) -> None:
    write(root, {f"{number}.md": f"@{number + 1}.md" for number in range(6)} | {"6.md": "end"})
    assert names(context_text(root, ["1.md"])) == [f"{number}.md" for number in range(1, 7)]
    assert "more than 5 deep: 0.md → 1.md" in refused(root, "0.md")


@pytest.mark.parametrize(
    "given",
    [
        "@/etc/passwd",
        "@../secret.md",
        "@~/secret.md",
        "@link.md",
        "@folder/secret.md",
        "@.git/config",
        "@../nowhere.md",
    ],
)
def test_a_file_of_the_repository_imports_none_from_outside(root: Path, tmp_path: Path, given: str) -> None:
    write(tmp_path, {"secret.md": "secret"})
    write(root, {"a.md": f"\n{given}\n", ".git/config": "token"})
    (root / "link.md").symlink_to(tmp_path / "secret.md")
    (root / "folder").symlink_to(tmp_path)
    message = refused(root, "a.md", home=str(tmp_path))
    assert message.startswith(f"a.md:2: `{given}` imports a file outside of the repository")


def test_nor_does_one_that_is_only_reached_by_a_link_or_dots(root: Path, tmp_path: Path) -> None:
    write(tmp_path, {"secret.md": "secret", "own/notes.md": "@../root/a.md\n", "secret.txt": "s"})
    write(root, {"a.md": "@../secret.txt\n", "sub/x": ""})
    (root / "linked.md").symlink_to(tmp_path / "own" / "notes.md")
    assert "outside of the repository" in refused(root, str(tmp_path / "own" / "notes.md"))
    assert "outside of the repository" in refused(root, "sub/../a.md")
    write(tmp_path, {"own/notes.md": "@../secret.md\n"})
    assert "outside of the repository" in refused(root, "linked.md")


def test_a_file_of_the_user_imports_what_it_names(root: Path, tmp_path: Path) -> None:
    write(tmp_path, {"home/x.md": "x", "own/notes.md": "@~/x.md @other.md @/nowhere/at/all\n", "own/other.md": "o"})
    text = context_text(root, ["../own/notes.md"], home=str(tmp_path / "home"))
    assert [Path(name).name for name in names(text)] == ["notes.md", "x.md", "other.md"]
    assert "does not exist" in refused(root, "../own/notes.md")


def test_what_is_named_as_well_may_be_imported_from_anywhere(root: Path, tmp_path: Path) -> None:
    write(tmp_path, {"home/mine.md": "mine"})
    write(root, {"AGENTS.md": "@~/mine.md\n"})
    text = context_text(root, ["agents-md", str(tmp_path / "home/mine.md")], home=str(tmp_path / "home"))
    assert [Path(name).name for name in names(text)] == ["AGENTS.md", "mine.md"]


def test_the_size_is_limited_over_all_files_and_the_largest_are_named(root: Path) -> None:
    write(root, {"a.md": "a" * 60, "b.md": "b" * 31 + " @c.md", "c.md": "c" * 4})
    assert len(context_text(root, ["a.md", "b.md"], limit=101)) > 101
    with pytest.raises(ConfigError) as caught:
        context_text(root, ["a.md", "b.md"], limit=100)
    assert caught.value.message.endswith(
        "larger than 100 bytes, the most that an agent gets; largest so far: a.md (60), b.md (37), c.md (4)"
    )
    assert caught.value.hint == "name fewer files, or: git pliny config set execution.context_limit 202"


def test_a_large_file_is_not_read_whole(root: Path) -> None:
    with (root / "huge").open("wb") as file:
        file.truncate(1 << 40)
    assert "huge (1099511627776)" in refused(root, "huge")


def test_a_pipe_is_refused_and_not_waited_for(root: Path) -> None:
    os.mkfifo(root / "pipe")
    assert "pipe" in refused(root, "pipe")


def test_patterns_leave_git_s_own_folder_out(root: Path) -> None:
    write(root, {".git/x.md": "x", "sub/y.md": "y"})
    assert names(context_text(root, ["**/*.md"])) == ["sub/y.md"]


def test_imports_and_sizes_are_checked_before_anything_runs(root: Path) -> None:
    write(root, {"a.md": "@missing.md", "b.md": "x" * (LIMIT - 10), "c.md": "y" * 20})
    with pytest.raises(ConfigError, match="imports a file that does not exist"):
        check_context(plan(agent("a"), context=("a.md",)), [], root=root, done=())
    with pytest.raises(ConfigError, match="larger than"):
        check_context(plan(agent("a", "c.md"), context=("b.md",)), [], root=root, done=())
