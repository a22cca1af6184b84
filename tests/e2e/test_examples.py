"""The plans in `examples/` run as they are."""

import shutil
from pathlib import Path

import pytest
from scratch import Scratch

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.yaml")))
def test_an_example_runs_to_its_end(scratch: Scratch, name: str) -> None:
    shutil.copytree(EXAMPLES, scratch.root / "examples")
    scratch.commit("examples")
    scratch.pliny("execute", "--plan", f"examples/{name}")
    session = scratch.session()
    assert session["status"] == "completed"
    kept = scratch.git("ls-tree", "-r", "--name-only", f"refs/pliny/artifacts/{session['id']}")
    assert "deliverables/" in kept
