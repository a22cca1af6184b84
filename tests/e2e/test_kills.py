"""A sample of the kill harness; `tests/kills/run --all` is the whole of it."""

import random
import sys
from pathlib import Path

import pytest
from kills import trials
from kills.calls import points
from kills.lab import PLANS, Lab, can_trace

SEED = 7
CALLS = 5
TIMES = 3

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the harness reads /proc")


@linux
@pytest.mark.skipif(not can_trace(), reason="strace is missing, or may not trace here")
@pytest.mark.parametrize("plan", PLANS)
def test_a_kill_at_any_system_call_loses_nothing(tmp_path: Path, plan: str) -> None:
    lab = Lab(tmp_path, plan=plan)
    traces = tmp_path / "traces"
    calm = trials.undisturbed(lab, "traced", traces)
    found = list(points(traces))
    assert {point.stage for point in found} == set(calm.outcome)
    sample = random.Random(SEED).sample(found, CALLS)
    results = [
        trials.at(lab, point, calm, name=str(number), look=number % 3 == 0, to_end=number == 0)
        for number, point in enumerate(sample)
    ]
    assert [(result.name, result.problems) for result in results if result.problems] == []
    assert any(result.killed for result in results)


@linux
@pytest.mark.parametrize("plan", PLANS)
def test_a_kill_at_any_moment_loses_nothing(tmp_path: Path, plan: str) -> None:
    lab = Lab(tmp_path, plan=plan)
    calm = trials.undisturbed(lab, "calm")
    results = [trials.at_random(lab, SEED + number, calm, name=str(number)) for number in range(TIMES)]
    assert [(result.name, result.problems) for result in results if result.problems] == []
