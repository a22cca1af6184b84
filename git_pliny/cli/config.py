"""`git pliny config`: what is set, where it comes from, and changing it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from git_pliny.cli import messages, output
from git_pliny.cli.declare import argument, option
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.options import Json
from git_pliny.cli.workbench import user_folder
from git_pliny.config import Resolved, resolve
from git_pliny.config.edit import put
from git_pliny.config.keys import ALIASES, Setting, every, named
from git_pliny.config.layers import display_name, variable_of
from git_pliny.config.values import from_text, is_list
from git_pliny.errors import GitError, PlinyError, UsageError
from git_pliny.git.repository import discover
from git_pliny.plans.document import Document
from git_pliny.plans.loading import read_sections
from git_pliny.plans.schema import json_schema

_SECTION_OF_MANY = "error_handling.retry_strategies."


def setting_names() -> list[str]:
    """What TAB offers."""
    return list(every())


Key = Annotated[
    str,
    argument(
        metavar="KEY", help="A setting, such as execution.jobs.", show_default=False, autocompletion=setting_names
    ),
]
Values = Annotated[
    list[str] | None,
    argument(metavar="VALUE", help="The new value; of a list all its items.", show_default=False),
]
Unset = Annotated[bool, option("--unset", help="Take the setting out of the file.")]


def get_command(here: Invocation, *, key: Key, as_json: Json = False) -> None:
    """Print the value of a setting.

    It is the value in force: of all layers the last one that sets it. A list is printed an item a line, and what is
    not set as an empty line.
    """
    value = _resolved(here).value(key)
    if as_json:
        output.data_json(value)
    else:
        output.data("\n".join(map(_shown, value)) if isinstance(value, list) else _shown(value))


def set_command(here: Invocation, *, key: Key, values: Values = None, unset: Unset = False) -> None:
    """Change a setting in the user's configuration file.

    A list takes several values, or one in JSON. Everything else in the file stays as it is. Where pliny.yaml or an
    environment variable sets it too, and so counts more, a warning says so.

        git pliny config set execution.jobs 8
        git pliny config set masking.variables 'ACME_*' LICENCE
        git pliny config set --unset execution.jobs
    """
    setting = named(key)
    _put(here, setting.key, None if unset and not values else _new_value(setting, values or [], unset=unset))
    for alias in (alias for alias, own in ALIASES.items() if own == setting.key):
        _put(here, alias, None)
    _say_what_counts_more(here, setting.key)


def list_command(here: Invocation, *, as_json: Json = False) -> None:
    """List all settings, and where each value comes from.

    A later layer wins: built-in, the user's configuration file, pliny.yaml, environment variables such as
    PLINY_CONFIG_EXECUTION__JOBS, the command line. Retry strategies are listed where they are set.
    """
    resolved = _resolved(here)
    rows = [(key, value, resolved.origin(key)) for key, value in resolved.values.items() if _is_listed(resolved, key)]
    if as_json:
        output.data_json([{"key": key, "value": value, "origin": origin} for key, value, origin in rows])
    else:
        output.table(("key", "value", "from"), [(key, _in_a_line(value), origin) for key, value, origin in rows])


def path_command(here: Invocation, *, as_json: Json = False) -> None:  # noqa: ARG001 - every command gets it
    """Print where the user's configuration file is."""
    if as_json:
        output.data_json(str(_file()))
    else:
        output.data(str(_file()))


def schema_command(here: Invocation) -> None:  # noqa: ARG001 - every command gets it
    """Print the JSON Schema of pliny.yaml, for editors.

    Editors that know the YAML language server take it from a comment at the top of pliny.yaml:

        # yaml-language-server: $schema=pliny.schema.json
    """
    output.data_json(json_schema())


def _file() -> Path:
    return user_folder() / "config.toml"


def _resolved(here: Invocation) -> Resolved:
    """The settings of all layers; without the plan's outside of a repository."""
    return _laid_over(_document(here), user_file=_file(), environ=here.environ)


def _laid_over(document: Document | None, *, user_file: Path | None, environ: Mapping[str, str]) -> Resolved:
    return resolve(
        user_file=user_file,
        plan_sections=document.sections if document else {},
        plan_file=document.name if document else None,
        plan_place=document.place if document else None,
        environ=environ,
    )


def _document(here: Invocation) -> Document | None:
    try:
        repository = discover(here.cwd, here.environ)
    except GitError:
        return None
    return read_sections(repository.root)


def _new_value(setting: Setting, values: Sequence[str], *, unset: bool) -> Any:
    if unset or not values:
        hint = f"git pliny config set --unset {setting.key}" if unset else f"git pliny config set {setting.key} VALUE"
        raise UsageError("--unset takes no value" if unset else f"what should {setting.key} be?", hint=hint)
    if is_list(setting.kind) and not values[0].startswith("["):
        return from_text(setting.kind, json.dumps(list(values)), setting.key)
    if len(values) > 1:
        raise UsageError(f"{setting.key} takes one value, not {len(values)}", hint="put quotes around it")
    return from_text(setting.kind, values[0], setting.key)


def _put(here: Invocation, key: str, value: Any) -> None:
    path = _file()
    backup = put(path, display_name(path, here.environ), tuple(key.split(".")), value)
    if backup is not None:
        name = display_name(backup, here.environ)
        messages.warning(f"the file had to be written anew, without its comments; the old one is {name}")


def _say_what_counts_more(here: Invocation, key: str) -> None:
    variable = variable_of(key)
    if variable in here.environ:
        messages.warning(f"the environment variable {variable} is set, and counts more")
    elif place := _place_in_plan(here, key):
        messages.warning(f"{place} sets {key} too, and counts more here")


def _place_in_plan(here: Invocation, key: str) -> str | None:
    """Where the repository's plan file sets it; None as well for a file that can't be read, as others will say."""
    try:
        return _laid_over(_document(here), user_file=None, environ={}).origins.get(key)
    except PlinyError:
        return None


def _is_listed(resolved: Resolved, key: str) -> bool:
    return not key.startswith(_SECTION_OF_MANY) or key in resolved.origins


def _in_a_line(value: object) -> str:
    return ", ".join(map(_shown, value)) if isinstance(value, list) else _shown(value)


def _shown(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
