"""Conflicts that are not resolved: what is said of them, and how the session goes on."""

import pytest
from scratch import Scratch
from told import statuses

LINES = "".join(f"line {number}\n" for number in range(1, 21))
CONFLICT = """
execution: {parallel: true, jobs: 4, isolation: worktree, on_conflict: 'agent:mend', max_retries: 0}
agents:
  a: {run: "sed -i 's/line 5/line 5 a/' file"}
  b: {run: "while grep -q 'line 5$' \\"$TOP/file\\"; do sleep 0.02; done; sed -i 's/line 5/line 5 b/' file"}
"""


@pytest.fixture
def lines(scratch: Scratch) -> Scratch:
    """A repository with a file of twenty lines."""
    scratch.write("file", LINES)
    scratch.commit()
    return scratch


def test_what_the_resolving_agent_failed_to_resolve_the_user_can(lines: Scratch) -> None:
    lines.plan(CONFLICT + '  mend: {run: "exit 3"}\n')
    done = lines.pliny("execute", exits=3, env={"TOP": str(lines.root)})
    assert "git pliny checkpoint diff conflict-b" in done.stdout
    lines.pliny("execute", "--resolved", "b")
    assert statuses(lines) == {"a": "completed", "b": "completed"}
