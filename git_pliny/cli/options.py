"""Parameters that several commands share, so that they are spelled and explained in one way."""

from typing import Annotated

from git_pliny.cli import values
from git_pliny.cli.declare import argument, option

Json = Annotated[bool, option("--json", help="Print JSON.")]
SessionArgument = Annotated[
    str | None,
    argument(
        metavar="ID",
        help="A session: its id, the beginning of it, or its name. Without one, the current session is meant.",
        show_default=False,
        autocompletion=values.session_ids,
    ),
]
SessionOption = Annotated[
    str | None,
    option(
        "--session",
        metavar="ID",
        help="A session: its id, the beginning of it, or its name. Without one, the current session is meant.",
        autocompletion=values.session_ids,
    ),
]
