"""The JSON Schema of pliny.yaml: what loads is valid for an editor, and what is mistyped is not."""

from typing import Any

import jsonschema
import pytest
import yaml

from git_pliny.errors import PlanError
from git_pliny.plans.document import parse_document
from git_pliny.plans.schema import json_schema

VALIDATOR = jsonschema.Draft202012Validator(json_schema())

DESIGN = """\
task: {name: Tidy the parser, description: …}
execution: {framework: rise, parallel: true, checkpoint: phase, jobs: 4, max_retries: 3, isolation: none}
context: [docs/architecture.md]
agents:
  research-web:  {run: ./scripts/research.sh, timeout: 10m}
  research-code: {run: [claude, -p], prompt: prompts/research.md}
  fix:           {run: ./fix, prompt: "…", needs: [research-code], deliverables: [report.md]}
phases:
  - {name: research, parallel: true, agents: [research-web, research-code]}
  - {name: fix, agents: [fix]}
error_handling:
  retry_strategies:
    network: {max_retries: 3, backoff: exponential, initial_delay: 1000}   # milliseconds
"""
PHASES = """\
phases:
  - name: research
    parallel: true
    agents:
      - research-web
      - research-code
      - research-docs
"""
ERRORS = """\
error_handling:
  retry_strategies:
    network:
      max_retries: 3
      backoff: exponential
      initial_delay: 1000
  rules:
    - {category: tool, match: 'lock', exit: [75], recoverable: true}
"""
LISTED = """\
task: Tidy
execution: {checkpoint_frequency: agent, timeout: 90, grace: 5s, sanity_limit: 10}
context: README.md
agents:
  - {name: a, phase: one, run: 'true', env: {PORT: 8080, DEBUG: true}, retry_on_exit: 75}
  - {name: b, phase: one, run: 'true', prerequisites: a, retry: {max_retries: 2}, max_retries: 1, title: B, description: b}
output: {limit: 1000}
masking: {variables: [MY_*], patterns: ['x+'], keep: [PATH]}
session: {prune_after: 2w}
"""


@pytest.mark.parametrize("text", [DESIGN, PHASES, ERRORS, LISTED, "{}"])
def test_what_loads_is_valid_for_an_editor(text: str) -> None:
    parse_document(text, "pliny.yaml")
    VALIDATOR.validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("timeout", "tiemout"),
        ("jobs: 4", "jobs: 0"),
        ("jobs: 4", "jobs: many"),
        ("checkpoint: phase", "checkpoint: fase"),
        ("isolation: none", "isolation: nune"),
        ("network:", "netwrk:"),
        ("backoff: exponential", "backoff: expo"),
        ("max_retries: 3", "max_retries: -1"),
        ("initial_delay: 1000", "initial_delay: soon"),
        ("parallel: true", "parallel: 7"),
        ("timeout: 10m", "timeout: ten minutes"),
        ("error_handling", "eror_handling"),
        ("agents: [fix]", "agents: {fix: fix}"),
        ("name: research", "nam: research"),
        ("run: [claude, -p]", "run: []"),
    ],
)
def test_what_is_mistyped_is_refused_by_the_editor_and_by_us(right: str, wrong: str) -> None:
    assert right in DESIGN
    text = DESIGN.replace(right, wrong)
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(yaml.safe_load(text))
    with pytest.raises(PlanError, match=r"^pliny\.yaml:\d+:\d+: "):
        parse_document(text, "pliny.yaml")


def test_the_schema_is_one_and_refers_only_to_itself() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    references = set(_references(schema))
    assert references
    assert all(name.removeprefix("#/$defs/") in schema["$defs"] for name in references)


def _references(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [name for each in schema for name in _references(each)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"]] if isinstance(schema.get("$ref"), str) else []
    return own + [name for each in schema.values() for name in _references(each)]
