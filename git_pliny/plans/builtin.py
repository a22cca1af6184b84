"""The agents that come with the frameworks: a prompt for each phase, in the form of `.pliny/agents/<phase>.md`."""

from importlib import resources

from git_pliny.plans.definition import Definition
from git_pliny.plans.discovery import parse_markdown


def prompt_of(framework: str, phase: str) -> str:
    """The file as it is."""
    file = resources.files("git_pliny.plans") / "frameworks" / framework / f"{phase}.md"
    return file.read_text(encoding="utf-8")


def agent_of(framework: str, phase: str) -> Definition:
    """The agent that it makes, which does not say who runs it."""
    return parse_markdown(prompt_of(framework, phase), source_of(framework, phase), phase)


def source_of(framework: str, phase: str) -> str:
    """What messages call the file."""
    return f"built-in {framework}/{phase}.md"
