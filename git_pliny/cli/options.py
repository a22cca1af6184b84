"""Parameters that several commands share, so that they are spelled and explained in one way."""

from typing import Annotated

import typer

from git_pliny.cli import values

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
SessionArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="ID",
        help="A session: its id, the beginning of it, or its name. Without one, the current session is meant.",
        show_default=False,
        autocompletion=values.session_ids,
    ),
]
SessionOption = Annotated[
    str | None,
    typer.Option(
        "--session",
        metavar="ID",
        help="A session: its id, the beginning of it, or its name. Without one, the current session is meant.",
        autocompletion=values.session_ids,
    ),
]
