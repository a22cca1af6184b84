"""The plans in `examples/` that need no model run as they are; `test_gallery` has the others."""

import shutil
from pathlib import Path

import pytest
from scratch import Scratch

EXAMPLES = Path(__file__).parents[2] / "examples"


PLANS = {path.name: path.read_text(encoding="utf-8") for path in sorted(EXAMPLES.glob("*.yaml"))}


@pytest.mark.parametrize("name", [name for name, text in PLANS.items() if "use:" not in text])
def test_an_example_runs_to_its_end(scratch: Scratch, name: str) -> None:
    shutil.copytree(EXAMPLES, scratch.root / "examples")
    scratch.commit("examples")
    scratch.pliny("execute", "--plan", f"examples/{name}")
    session = scratch.session()
    assert session["status"] == "completed"
    kept = scratch.git("ls-tree", "-r", "--name-only", f"refs/pliny/artifacts/{session['id']}")
    assert "deliverables/" in kept


@pytest.mark.parametrize("name", PLANS)
def test_an_example_shows_what_it_would_do_and_has_its_own_line_in_the_gallery(scratch: Scratch, name: str) -> None:
    scratch.write(name, PLANS[name])
    scratch.pliny("execute", "--plan", name, "--dry-run")
    assert f"]({name})" in (EXAMPLES / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [name for name, text in PLANS.items() if "use:" in text])
def test_an_example_runs_with_any_coding_agent(scratch: Scratch, name: str) -> None:
    for agent in ("codex", "gemini", "opencode"):
        lines = [line for line in PLANS[name].splitlines(keepends=True) if not line.strip().startswith("allow:")]
        scratch.write(name, "".join(lines).replace("claude", agent))
        scratch.pliny("execute", "--plan", name, "--dry-run")
