"""What the package says of itself is true."""

import re
import sys
import tomllib
from pathlib import Path

import git_pliny

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def test_the_changelog_names_every_dependency_with_its_reason() -> None:
    extras = PROJECT["optional-dependencies"]
    wanted = PROJECT["dependencies"] + extras["test"] + extras["llm"]
    names = {re.split(r"[\[<>=!~ ]", requirement)[0] for requirement in wanted} - {PROJECT["name"]}
    named = set(re.findall(r"\*\*([^*]+)\*\*", (ROOT / "CHANGELOG.md").read_text("utf-8")))
    assert names - named == set()


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    declared = {re.split(r"[<>=!~ ]", requirement)[0].lower() for requirement in PROJECT["dependencies"]}
    for requirement in PROJECT["optional-dependencies"]["llm"]:
        declared |= set(re.findall(r"[a-z][a-z-]*", re.split(r"[<>=!~]", requirement)[0]))
    modules = {
        "pyyaml": "yaml",
        "tomli-w": "tomli_w",
        "pydantic-ai-slim": "pydantic_ai",
        "genai-prices": "genai_prices",
    }
    source = "\n".join(path.read_text("utf-8") for path in Path(git_pliny.__file__).parent.rglob("*.py"))
    imported = set(re.findall(r"^ *(?:from|import) (\w+)(?= import|\.|$)", source, re.MULTILINE))
    assert imported - set(sys.stdlib_module_names) - {"git_pliny"} == {modules.get(name, name) for name in declared}
