"""Whatever stands in a plan file: a plan that holds together, or one line that says where it does not."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from git_pliny.errors import ConfigError, PlanError
from git_pliny.model.codec import decode_plan, encode_plan
from git_pliny.model.graph import find_cycle
from git_pliny.model.plan import Plan
from git_pliny.model.visible import visible
from git_pliny.plans.loading import load

WORDS = [
    *("task", "execution", "context", "agents", "phases", "error_handling", "output", "masking", "session"),
    *("name", "run", "needs", "timeout", "prompt", "env", "phase", "parallel", "max_retries", "retry_strategies"),
    *("framework", "rise", "jobs", "a", "b", "research", "identify", "network", "10m", "<<", "checkpoint", "rules"),
]
HOSTILE = [
    "",
    " ",
    "../x",
    "-x",
    "a..b",
    "refs/heads/main",
    "con",
    "\x00",
    "\x1b[2J",
    "\u202e",
    "\ud800",
    "x" * 100_000,
]
SCALARS = (
    st.sampled_from(WORDS)
    | st.sampled_from(HOSTILE)
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.dates()
    | st.text(max_size=8)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS) | SCALARS, inner, max_size=3),
    max_leaves=25,
)
VALID = """\
task: {name: Tidy}
execution: {parallel: true, jobs: 4, checkpoint: phase}
agents:
  a: &a {run: ./a.sh, timeout: 10m, env: {A: 1}}
  b: {<<: *a, needs: [a], deliverables: [out.md], retry: {max_retries: 1}}
  c: {run: [x, "y"], prompt: "Do: it", phase: last}
phases:
  - {name: first, agents: [a, b]}
  - name: last
"""
PIECES = st.sampled_from(
    [
        *"{}[]:,-&*!|>'\"#%@`?\n\t ~<",
        "- ",
        ": ",
        "<<: *a",
        "\n  ",
        "&a ",
        "*a",
        "!!x ",
        "---\n",
        "\u2028",
        "\ufeff",
        "é",
    ]
)

quick = settings(deadline=None, max_examples=80)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repo")
    for name in ("research", "identify", "synthesize"):
        path = folder / ".pliny" / "agents" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    return folder


def judge(root: Path, data: bytes, framework: str | None = None) -> Plan | None:
    """The plan that the file makes, or None where it is refused in the way that every refusal has to have."""
    (root / "pliny.yaml").write_bytes(data)
    try:
        plan = load(root, framework=framework).plan
    except ConfigError as error:
        for text in (error.message, error.hint or ""):
            assert visible(text) == text
            assert len(text) < 2000
        place = isinstance(error, PlanError) and error.message.startswith(("pliny.yaml:", ".pliny/agents/"))
        assert place or "pliny.yaml" in error.message  # noqa: PT017 - likewise
        return None
    holds_together(plan)
    return plan


def holds_together(plan: Plan) -> None:
    place = {name: number for number, phase in enumerate(plan.phases) for name in phase.agents}
    assert sorted(place) == sorted(name for phase in plan.phases for name in phase.agents) == sorted(plan.agents)
    assert all(phase.agents for phase in plan.phases)
    assert all(place[need] <= place[name] for name, agent in plan.agents.items() for need in agent.needs)
    assert not find_cycle({name: agent.needs for name, agent in plan.agents.items()})
    assert all(agent.timeout_s is None or agent.timeout_s > 0 for agent in plan.agents.values())
    assert decode_plan(encode_plan(plan)) == plan


def written(value: Any, *, flow: bool) -> bytes:
    return yaml.safe_dump(value, default_flow_style=flow, allow_unicode=True).encode("utf-8", "surrogatepass")


@quick
@given(value=VALUES, flow=st.booleans(), framework=st.sampled_from([None, "rise", "care"]))
def test_values_of_every_wrong_shape(root: Path, value: Any, *, flow: bool, framework: str | None) -> None:
    judge(root, written(value, flow=flow), framework)


@quick
@given(
    agents=st.dictionaries(st.sampled_from(["a", "b", "c", "A", *HOSTILE]), st.fixed_dictionaries({"run": SCALARS}, optional={"needs": VALUES, "timeout": SCALARS, "phase": st.sampled_from(["p", "q"]), "env": VALUES, "prompt": SCALARS, "retry": VALUES}), max_size=4),
    phases=st.none() | st.lists(st.fixed_dictionaries({"name": SCALARS}, optional={"agents": st.lists(st.sampled_from(["a", "b", "c", "research"]), max_size=3) | VALUES}), max_size=3),
    rest=st.dictionaries(st.sampled_from(["execution", "error_handling", "output", "masking", "session", "task", "context"]), VALUES, max_size=2),
)  # fmt: skip
def test_plans_with_wrong_parts(root: Path, agents: Any, phases: Any, rest: Any) -> None:
    judge(root, written({"agents": agents, "phases": phases, **rest}, flow=False))


@quick
@given(st.lists(PIECES | st.sampled_from(WORDS), max_size=40))
def test_pieces_of_yaml_in_any_order(root: Path, pieces: list[str]) -> None:
    judge(root, "".join(pieces).encode())


@quick
@given(st.integers(0, len(VALID)), st.integers(0, 6), st.lists(PIECES, max_size=3))
def test_a_plan_with_a_slip_of_the_pen(root: Path, at: int, cut: int, pieces: list[str]) -> None:
    judge(root, (VALID[:at] + "".join(pieces) + VALID[at + cut :]).encode())


@quick
@given(st.binary(max_size=60))
def test_any_bytes(root: Path, data: bytes) -> None:
    judge(root, data)


@quick
@given(data=st.data())
def test_plans_with_needs_at_random(root: Path, data: st.DataObject) -> None:
    names = [f"a{number}" for number in range(data.draw(st.integers(1, 6)))]
    agents = {
        name: {
            "run": "x",
            "needs": data.draw(st.lists(st.sampled_from(names), max_size=2)),
            "phase": data.draw(st.sampled_from(["p", "q"])),
        }
        for name in names
    }
    plan = judge(root, written({"agents": agents}, flow=True))
    circle = find_cycle({name: agent["needs"] for name, agent in agents.items()})
    order = list(dict.fromkeys(agent["phase"] for agent in agents.values()))
    later = any(
        order.index(agents[need]["phase"]) > order.index(agent["phase"])
        for agent in agents.values()
        for need in agent["needs"]
    )
    assert (plan is None) == bool(circle or later)


def test_the_plan_that_the_slips_begin_from_is_right(root: Path) -> None:
    plan = judge(root, VALID.encode())
    assert plan is not None
    assert [msgspec.structs.asdict(phase)["agents"] for phase in plan.phases] == [("a", "b"), ("c",)]
