"""`git pliny frameworks`: the plans that come with git-pliny."""

from typing import Annotated, Any

import msgspec

from git_pliny.cli import output
from git_pliny.cli.declare import argument, option
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.options import Json
from git_pliny.errors import UsageError
from git_pliny.model.visible import visible
from git_pliny.plans import frameworks
from git_pliny.plans.builtin import prompt_of
from git_pliny.plans.frameworks import Framework


def _names() -> list[str]:
    return [framework.name for framework in frameworks.list_frameworks()]


def _phases(ctx: Any) -> list[str]:
    return list(frameworks.get(ctx.params["name"]).phase_names)


Name = Annotated[
    str, argument(metavar="NAME", help="A framework, such as rise.", show_default=False, autocompletion=_names)
]

Prompt = Annotated[
    str | None,
    option(
        "--prompt",
        metavar="PHASE",
        help="Print the prompt that comes along for this phase, as a file for .pliny/agents/.",
        autocompletion=_phases,
    ),
]


def list_command(here: Invocation, *, as_json: Json = False) -> None:  # noqa: ARG001 - every command gets it
    """List the frameworks that come with git-pliny.

    A framework is a plan whose phases wait for agents. A phase takes the agents that pliny.yaml puts into it, or those
    of .pliny/agents/ whose names begin with its name; else a coding agent runs it with the prompt that comes along.
    """
    found = frameworks.list_frameworks()
    if as_json:
        output.data_json(found)
    else:
        output.table(
            ("name", "phases", "what it does"),
            [(each.name, ", ".join(each.phase_names), each.description) for each in found],
        )


def show_command(
    here: Invocation,  # noqa: ARG001 - every command gets it
    *,
    name: Name,
    prompt: Prompt = None,
    as_json: Json = False,
) -> None:
    """Show a framework: its phases, and which agents they wait for.

    To run one, give it to execute, or as execution.framework in pliny.yaml. A coding agent runs the phases for which
    there are no agents of yours:

        git pliny execute --framework rise --use claude "Find and fix the flaky test"

    Its prompts come along. To see one, and to change it for this repository:

        git pliny frameworks show rise --prompt research > .pliny/agents/research.md
    """
    found = frameworks.get(name)
    if prompt is not None:
        _show_prompt(found, prompt)
        return
    if as_json:
        prompts = {phase: prompt_of(found.name, phase) for phase in found.phase_names}
        output.data_json({**msgspec.to_builtins(found), "prompts": prompts})
        return
    output.data(f"{found.title}\n{found.description}\n")
    output.table(
        ("phase", "agents", "what for"),
        [(phase.name, f".pliny/agents/{phase.name}*", phase.description) for phase in found.phases],
    )
    output.data(
        f"\nElse a coding agent runs them. Its prompts:\n    git pliny frameworks show {found.name} --prompt PHASE"
    )
    if repetition := _repetition(found):
        output.data(f"\n{repetition}")


def _show_prompt(framework: Framework, phase: str) -> None:
    if phase not in framework.phase_names:
        phases = ", ".join(framework.phase_names)
        raise UsageError(f"{framework.name} has no phase {visible(phase)}", hint=f"its phases are {phases}")
    output.data(prompt_of(framework.name, phase).rstrip("\n"))


def _repetition(framework: Framework) -> str:
    rounds = framework.rounds
    if rounds is None:
        return ""
    often = f"{rounds.limit} rounds, and up to {rounds.ceiling} while the score improves"
    return f"It repeats as {rounds.verdict} decides: {often}."
