"""What the README tells a reader to type works: its tour as one script, its Python examples one after the other."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
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
