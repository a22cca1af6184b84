"""`git pliny session resume`: apart from the other commands, since it alone needs all that executes."""

from git_pliny.cli.execute import execute_command
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.options import Json, SessionArgument
from git_pliny.git.repository import discover
from git_pliny.store import sessions


def resume_command(here: Invocation, *, session: SessionArgument = None, as_json: Json = False) -> None:
    """Go on with a session that is unfinished.

    The same as execute --session ID, which has more options: agents that completed are not run again, the one that was
    cut off is.
    """
    found = sessions.resolve(discover(here.cwd, here.environ), session)
    execute_command(here, session=found, as_json=as_json)
