"""Parameters that several commands share, so that they are spelled and explained in one way."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
