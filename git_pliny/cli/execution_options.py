"""The parameters of `git pliny execute`, in the words of its help."""

from pathlib import Path
from typing import Annotated

from git_pliny.cli import values
from git_pliny.cli.declare import argument, option
from git_pliny.model.settings import CheckpointWhen

Task = Annotated[
    str | None,
    argument(
        metavar="TASK", help="What is to be done, in words: starts a new session of that name.", show_default=False
    ),
]
Framework = Annotated[str | None, option("--framework", metavar="NAME", help="Run this framework: rise or care.")]
PlanFile = Annotated[
    Path | None,
    option("--plan", metavar="FILE", help="The plan, instead of pliny.yaml or plan/plan_manifest.json."),
]
Resume = Annotated[bool, option("--resume", help="Go on with the current session, which must be unfinished.")]
When = Annotated[CheckpointWhen | None, option("--checkpoint", help="When to take a checkpoint by itself.")]
Parallel = Annotated[bool, option("--parallel", help="Run the agents of every phase at the same time.")]
Sequential = Annotated[bool, option("--sequential", help="Run the agents of every phase one after another.")]
Jobs = Annotated[int | None, option("--jobs", "-j", metavar="N", min=1, help="How many agents run at the same time.")]
Rerun = Annotated[
    list[str] | None,
    option(
        "--rerun",
        metavar="AGENT",
        help="Run this agent again, and what needs it.",
        autocompletion=values.agent_names,
    ),
]
Resolved = Annotated[
    list[str] | None,
    option(
        "--resolved",
        metavar="AGENT",
        help="Go on as if this agent had completed: its conflicting changes are taken over by hand.",
        autocompletion=values.agent_names,
    ),
]
Only = Annotated[
    list[str] | None,
    option(
        "--only",
        metavar="NAME",
        help="Run only this agent or phase.",
        autocompletion=values.phase_and_agent_names,
    ),
]
Iterations = Annotated[
    int | None, option("--iterations", metavar="N", min=1, help="How many iterations or rounds to run at most.")
]
Continuous = Annotated[bool, option("--continuous", help="Run iterations until the plan is complete.")]
Context = Annotated[
    list[str] | None,
    option("--context", metavar="FILE", help="A file that every agent gets as context, or `agents-md`."),
]
DryRun = Annotated[bool, option("--dry-run", "-n", help="Show what would run, and do nothing.")]
IgnoreLeftovers = Annotated[
    bool, option("--ignore-leftovers", help="Go on though processes of an earlier attempt still live.")
]
ApprovePlan = Annotated[
    str | None,
    option(
        "--approve-plan",
        metavar="HEX",
        help="Execute only the plan of this digest, and that without asking, though it came with a fetched session.",
    ),
]
TakeOver = Annotated[
    bool, option("--take-over", help="Go on with a session that another clone executes, as far as is known here.")
]
