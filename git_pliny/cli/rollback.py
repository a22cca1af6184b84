"""`git pliny rollback`: the workspace as it was at a checkpoint."""

from typing import Annotated

from git_pliny.cli import messages, output, render, values
from git_pliny.cli.choosing import OUTER
from git_pliny.cli.declare import argument, option
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.options import Json, SessionOption
from git_pliny.cli.repairs import say_repairs
from git_pliny.cli.workbench import open_workbench_anyway
from git_pliny.errors import UsageError
from git_pliny.git.treediff import Kind
from git_pliny.model.visible import visible
from git_pliny.store import rollback, sessions
from git_pliny.store.checkpoints import not_held
from git_pliny.store.opening import resume

Name = Annotated[
    str | None,
    argument(
        metavar="NAME",
        help="The checkpoint; before-X and after-X also find the last one before agent or phase X, the first after it.",
        autocompletion=values.checkpoint_names,
    ),
]
DryRun = Annotated[bool, option("--dry-run", "-n", help="List what would change, and change nothing.")]
KeepHead = Annotated[bool, option("--keep-head", help="Leave HEAD and its branch where they are.")]
Undo = Annotated[bool, option("--undo", help="Return from the last rollback.")]

_SHOWN = 20
_WORDS = {Kind.WRITE: "write", Kind.REMOVE: "remove", Kind.SUBMODULE: "submodule"}


def rollback_command(
    here: Invocation,
    *,
    name: Name = None,
    undo: Undo = False,
    dry_run: DryRun = False,
    keep_head: KeepHead = False,
    session: SessionOption = None,
    as_json: Json = False,
) -> None:
    """Make files, index and branch as they were at a checkpoint.

    What is there now is kept first, as checkpoint before-rollback. Ignored files are never touched. What ended after
    the checkpoint is set back in the session and runs again with the next execute.
    """
    if (name is None) != undo:
        raise UsageError("give the name of a checkpoint, or --undo", hint="git pliny checkpoint list")
    bench = open_workbench_anyway(here)
    found = sessions.resolve(bench.repository, session or here.environ.get(OUTER))
    with resume(bench.repository, found, clock=bench.clock, bounds=bench.bounds) as (run, repairs):
        say_repairs(repairs)
        checkpoint = rollback.last_rollback(run.state) if name is None else rollback.find_checkpoint(run, name)
        if dry_run:
            done = rollback.plan_rollback(run, checkpoint, undo=undo)
        else:
            done = rollback.roll_back(run, checkpoint, keep_head=keep_head, undo=undo)
    for text in not_held(done.restore.current):
        messages.warning(text)
    if as_json:
        output.data_json(_facts(done))
        return
    _show(done, dry_run=dry_run)


def _facts(done: rollback.Rollback) -> dict[str, object]:
    return {
        "checkpoint": done.checkpoint.name,
        "commit": done.checkpoint.commit,
        "before": done.before,
        "changes": [{"path": change.path, "change": _WORDS[change.kind]} for change in done.restore.changes],
        "set_back": done.set_back,
        "restored": done.restored,
    }


def _show(done: rollback.Rollback, *, dry_run: bool) -> None:
    changes = done.restore.changes
    for change in changes if dry_run else changes[:_SHOWN]:
        output.data(f"{_WORDS[change.kind]} {visible(change.path)}")
    if not dry_run and len(changes) > _SHOWN:
        output.data(f"and {len(changes) - _SHOWN} more")
    names = list(dict.fromkeys(key.agent for key in done.set_back))  # an agent may have several attempts to set back
    again = ", ".join(names[:_SHOWN])
    paths = render.plural(len(changes), "path")
    if dry_run:
        agents = render.plural(len(names), "agent")
        messages.note(f"{paths} would change, {agents} would be set back")
        return
    messages.note(f"rolled back to checkpoint {done.checkpoint.name}; {paths} changed")
    if again:
        messages.note(f"set back: {again}; to run them again: git pliny execute --resume")
    messages.note("to undo this: git pliny rollback --undo")
