"""What the README tells a reader to type works: its tour as one script, its Python examples one after the other."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from scratch import Scratch

README = Path(__file__).parents[2] / "README.md"
TEXT = README.read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str, part: str) -> list[str]:
    text = TEXT.partition(f"\n## {part}\n")[2].partition("\n## ")[0]
    return [body for kind, body in BLOCK.findall(text) if kind == language]


def test_the_tour_runs_as_it_is_printed(make_scratch: Callable[..., Scratch]) -> None:
    scratch = make_scratch(commit=False)
    tour = blocks("sh", "A five-minute tour")
    assert len(tour) >= 4
    done = scratch.run("bash", "-euo", "pipefail", "-c", "\n".join(tour))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "flaky" in done.stdout
    session = Scratch(root=scratch.root / "tour", environ=scratch.environ).session()
    assert session["status"] == "completed"
    assert session["agents"]["flaky"]["attempts"] == 2
    assert session["metrics"]["retries"] == 1


def test_the_python_examples_run_as_they_are_printed(scratch: Scratch) -> None:
    examples = blocks("python", "From Python")
    assert len(examples) == 2
    done = scratch.run(sys.executable, "-c", "\n".join(examples))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "0 %"


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\]\((?!http|#)([^)]+)\)", TEXT))))
def test_a_link_leads_to_a_file(name: str) -> None:
    assert (README.parent / name).exists()


def presets_of_the_table() -> list[str]:
    part = TEXT.partition("\n## Use it with your agent\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([\w-]+)` \| `", part, re.MULTILINE)


def test_the_table_of_coding_agents_has_every_preset_with_the_command_that_installs_it() -> None:
    files = (README.parent / "git_pliny" / "plans" / "presets").glob("*.yaml")
    shipped = {file.stem: yaml.safe_load(file.read_text(encoding="utf-8"))["install"] for file in files}
    assert sorted(presets_of_the_table()) == sorted(shipped)
    assert all(f"| `{name}` | `{install}` |" in TEXT for name, install in shipped.items())


@pytest.mark.parametrize("name", presets_of_the_table())
def test_an_agent_of_the_table_needs_one_line(scratch: Scratch, name: str) -> None:
    scratch.plan(f"agents: {{fix: {{use: {name}, prompt: Fix the failing test.}}}}\n")
    assert "fix" in scratch.pliny("execute", "--dry-run").stdout


@pytest.mark.parametrize("number", range(len(blocks("yaml", "Use it with your agent"))))
def test_a_plan_for_coding_agents_would_run_as_it_is_printed(scratch: Scratch, number: int) -> None:
    scratch.write("prompts/fix.md", "Fix the failing test.\n")
    block = blocks("yaml", "Use it with your agent")[number]
    scratch.plan(block if "agents:" in block else f"{block}agents: {{a: {{use: mine, prompt: Look here.}}}}\n")
    scratch.pliny("execute", "--dry-run")
