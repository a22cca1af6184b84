"""The table of commands: their names, the module that holds each, and one line of help.

Listing, completing and suggesting commands needs nothing but this table. The function of `git pliny session list` is
`list_command` in `git_pliny.cli.session`, that of `git pliny execute` is `execute_command` in `git_pliny.cli.execute`,
where the table names no other module.
"""

from collections.abc import Iterator
from typing import NamedTuple


class Command(NamedTuple):
    name: str
    help: str
    """The first line of the function's docstring."""
    module: str = ""
    """The module that holds it, where its group's does not: commands that look must not import what writes."""


class Group(NamedTuple):
    name: str
    help: str
    commands: tuple[Command, ...]


class Section(NamedTuple):
    """A heading in the list of commands."""

    title: str
    entries: tuple[Command | Group, ...]


SECTIONS = (
    Section(
        "Run a plan",
        (
            Command("init", "Write a starter pliny.yaml."),
            Command("plan", "Have an agent write a plan."),
            Command("execute", "Run a plan, or go on with one that is unfinished."),
            Group(
                "session",
                "Start, list, show, resume and remove sessions.",
                (
                    Command("start", "Start a session without running anything yet.", "session_changes"),
                    Command("list", "List the sessions of this repository."),
                    Command("show", "Show a session: its phases, agents, checkpoints and metrics."),
                    Command("resume", "Go on with a session that is unfinished.", "session_resume"),
                    Command("archive", "Mark a session as archived.", "session_changes"),
                    Command(
                        "delete", "Delete a session with its checkpoints, audit trail and artifacts.", "session_removal"
                    ),
                    Command("prune", "Delete finished sessions that are older than a given age.", "session_removal"),
                ),
            ),
        ),
    ),
    Section(
        "Keep and restore the workspace",
        (
            Group(
                "checkpoint",
                "Create, list, show, compare and delete checkpoints.",
                (
                    Command("create", "Keep the workspace as it is now under a name.", "checkpoint_changes"),
                    Command("list", "List the checkpoints of a session."),
                    Command("show", "Show a checkpoint: when and where it was taken, and what it changed."),
                    Command("diff", "Show what changed since a checkpoint, or between two."),
                    Command("delete", "Delete a checkpoint.", "checkpoint_changes"),
                ),
            ),
            Command("rollback", "Make files, index and branch as they were at a checkpoint."),
        ),
    ),
    Section(
        "See what happened",
        (
            Command("status", "Show where the current session stands."),
            Group(
                "audit",
                "Read, sum up, verify and export the audit trail of a session.",
                (
                    Command("view", "Print the events of a session."),
                    Command("summary", "Sum up time, attempts, costs and rollbacks of a session."),
                    Command("verify", "Check that the audit trail is complete and unchanged."),
                    Command("export", "Write the audit trail, or what it adds up to, for other programs.", "export"),
                ),
            ),
            Command("stats", "Sum up all sessions of this repository."),
        ),
    ),
    Section(
        "Share sessions",
        (
            Command("push", "Send sessions to a remote.", "sharing"),
            Command("fetch", "Bring in the sessions of a remote.", "sharing"),
            Command("sync", "Fetch from a remote, merge, and push.", "sharing"),
        ),
    ),
    Section(
        "Set up",
        (
            Group(
                "agents",
                "List the agents that plans here can use.",
                (Command("list", "List the agents that plans here can use."),),
            ),
            Group(
                "frameworks",
                "List and show the frameworks that come with git-pliny.",
                (
                    Command("list", "List the frameworks that come with git-pliny."),
                    Command("show", "Show a framework: its phases, and which agents they wait for."),
                ),
            ),
            Group(
                "config",
                "Read and change settings.",
                (
                    Command("get", "Print the value of a setting."),
                    Command("set", "Change a setting in the user's configuration file."),
                    Command("list", "List all settings, and where each value comes from."),
                    Command("path", "Print where the user's configuration file is."),
                    Command("schema", "Print the JSON Schema of pliny.yaml, for editors."),
                ),
            ),
            Command("doctor", "Check the installation and this repository, and mend what is safe to mend."),
        ),
    ),
)


def entries() -> Iterator[Command | Group]:
    """Every top-level entry, in the order of the help text."""
    for section in SECTIONS:
        yield from section.entries
