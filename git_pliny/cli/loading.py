"""Imports what the command line asks for, and only that: the one place that imports late."""

import gc
from importlib import import_module
from typing import Any

from git_pliny.cli import table


def function_of(command: table.Command, group: table.Group | None = None) -> Any:
    """The function of a command; its module is imported now."""
    module = command.module or (group or command).name
    gc.disable()  # while modules are imported the collector finds nothing, and takes a tenth of the time to look
    try:
        return getattr(import_module(f"git_pliny.cli.{module}"), f"{command.name}_command")
    finally:
        gc.enable()


def program() -> Any:
    """The module that knows typer."""
    return import_module("git_pliny.cli.program")


def live() -> Any:
    """The module that draws on a terminal, and knows rich."""
    return import_module("git_pliny.cli.live")
