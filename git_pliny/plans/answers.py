"""Plans that an agent writes: what it is told, and the plan in its answer."""

import re
from importlib import resources

from git_pliny.plans.prompts import parse_template

LIMIT = 1_048_576
"""Bytes of what an agent is told."""

_BLOCK = re.compile(r"^(?P<fence>`{3,}|~{3,})[^\n`]*\n(?P<text>.*?)^(?P=fence)[ \t]*$", re.MULTILINE | re.DOTALL)


def request(form: str, *, task: str, known: str, refused: str) -> str:
    """What the agent is told; `form` is `yaml` or `manifest`, `refused` what was wrong with its last plan."""
    text = (resources.files("git_pliny.plans") / "planning" / f"{form}.md").read_text(encoding="utf-8")
    return parse_template(text).render({"task": task, "context": known, "error": refused}, limit=LIMIT)


def plan_in(answer: str) -> str:
    """The last fenced block of an answer, else all of it."""
    blocks = list(_BLOCK.finditer(answer))
    text = blocks[-1]["text"] if blocks else answer
    return text.strip("\n") + "\n"
