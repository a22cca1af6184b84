"""`git pliny frameworks`: the plans that come with git-pliny."""

from typing import Annotated

from git_pliny.cli import output
from git_pliny.cli.declare import argument
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.options import Json
from git_pliny.plans import frameworks
from git_pliny.plans.frameworks import Framework


def _names() -> list[str]:
    return [framework.name for framework in frameworks.list_frameworks()]


Name = Annotated[
    str, argument(metavar="NAME", help="A framework, such as rise.", show_default=False, autocompletion=_names)
]


def list_command(here: Invocation, *, as_json: Json = False) -> None:  # noqa: ARG001 - every command gets it
    """List the frameworks that come with git-pliny.

    A framework is a plan whose phases wait for agents of yours. A phase takes the agents that pliny.yaml puts into it,
    or those of .pliny/agents/ whose names begin with its name.
    """
    found = frameworks.list_frameworks()
    if as_json:
        output.data_json(found)
    else:
        output.table(
            ("name", "phases", "what it does"),
            [(each.name, ", ".join(each.phase_names), each.description) for each in found],
        )


def show_command(here: Invocation, *, name: Name, as_json: Json = False) -> None:  # noqa: ARG001 - every command gets it
    """Show a framework: its phases, and which agents they wait for.

    To run one, give it to execute, or as execution.framework in pliny.yaml:

        git pliny execute --framework rise
    """
    found = frameworks.get(name)
    if as_json:
        output.data_json(found)
        return
    output.data(f"{found.title}\n{found.description}\n")
    output.table(
        ("phase", "agents", "what for"),
        [(phase.name, f".pliny/agents/{phase.name}*", phase.description) for phase in found.phases],
    )
    if repetition := _repetition(found):
        output.data(f"\n{repetition}")


def _repetition(framework: Framework) -> str:
    rounds = framework.rounds
    if rounds is None:
        return ""
    often = f"{rounds.limit} rounds, and up to {rounds.ceiling} while the score improves"
    return f"It repeats as {rounds.verdict} decides: {often}."
