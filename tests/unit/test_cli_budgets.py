"""The command that goes on where a budget is used up."""

import random
from pathlib import Path

import pytest

from git_pliny.cli.endings import way_on
from git_pliny.executor.budgets import OverBudget
from git_pliny.executor.options import Options, Order
from git_pliny.masking import Masker
from git_pliny.model.budget import Resource, UsedUp
from git_pliny.model.plan import Agent, Phase, Plan
from git_pliny.model.settings import MaskingSettings, Settings

AGENTS = {"a": Agent(name="a", run="x", source="pliny.yaml:4"), "b": Agent(name="b", run="x")}
ORDER = Order(
    plan=Plan(name="p", phases=(Phase(name="one", agents=("a", "b")),), agents=AGENTS),
    plan_file=None,
    settings=Settings(),
    options=Options(),
    root=Path(),
    environ={},
    masking=Masker({}, MaskingSettings()),
    monotonic=lambda: 0.0,
    rng=random.Random(1),
)


@pytest.mark.parametrize(
    ("resource", "spent", "limit", "option"),
    [
        (Resource.COST, 1.2, 1.0, "--budget-cost-usd 2.20"),
        (Resource.COST, 0.001, 0.001, "--budget-cost-usd 0.01"),
        (Resource.TOKENS, 1200, 1000, "--budget-tokens 2200"),
        (Resource.TIME, 90.0, 60.0, "--budget-time 2m30s"),
        (Resource.TIME, 50.0, 60.0, "--budget-time 2m"),
        (Resource.TIME, 0.2, 0.2, "--budget-time 400ms"),
    ],
)
def test_a_session_goes_on_with_as_much_again_as_there_was(
    resource: Resource, spent: float, limit: float, option: str
) -> None:
    over = OverBudget(used_up=UsedUp(resource=resource, spent=spent, limit=limit))
    assert way_on(ORDER, over, "git pliny execute --resume") == f"git pliny execute --resume {option}"


@pytest.mark.parametrize(
    ("phase", "agent", "whose"),
    [(None, "a", "agent a (pliny.yaml:4)"), (None, "b", "agent b"), ("one", None, "phase one")],
)
def test_for_a_phase_or_an_agent_the_budget_of_the_plan_has_to_be_higher(
    phase: str | None, agent: str | None, whose: str
) -> None:
    used_up = UsedUp(resource=Resource.TOKENS, spent=10, limit=10)
    way = way_on(ORDER, OverBudget(used_up=used_up, phase=phase, agent=agent), "git pliny execute --resume")
    assert way == f"give {whose} a higher budget, tokens: 20, then: git pliny execute --resume"
