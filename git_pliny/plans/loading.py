"""Finds the plan of a repository and reads it: `--plan FILE`, else `pliny.yaml`, else `plan/plan_manifest.json`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from git_pliny.errors import ConfigError, NoPlanError
from git_pliny.model.plan import Plan
from git_pliny.model.settings import ExecutionSettings, Settings
from git_pliny.plans import frameworks
from git_pliny.plans.assembly import Assembly
from git_pliny.plans.coder import ChoosePreset, Coder
from git_pliny.plans.discovery import Discovery
from git_pliny.plans.document import Document, parse_document, read_document
from git_pliny.plans.files import label
from git_pliny.plans.frameworks import Framework
from git_pliny.plans.manifest_file import load_manifest
from git_pliny.plans.positions import Place, listed, quoted
from git_pliny.plans.prompts import check_mentions

PLAN_FILE = "pliny.yaml"
MANIFEST = "plan/plan_manifest.json"

_INIT = "git pliny init"

SettingsOf = Callable[[Mapping[str, Any]], Settings]
"""Lays a plan file's sections over the other layers of settings."""


class LoadedPlan(msgspec.Struct, frozen=True, kw_only=True):
    """`sections` are the settings that the plan file gives; `notes` are sentences that the user should read."""

    plan: Plan
    document: Document
    notes: tuple[str, ...] = ()
    use: str | None = None
    """The preset of the agents that do not say themselves what runs them."""
    is_built_in: bool = False
    """Whether agents that come with a framework are among them."""

    @property
    def sections(self) -> dict[str, Any]:
        return self.document.sections

    def place(self, *path: str | int) -> Place:
        """Where the value at `path` stands in the plan file, as in `place("execution", "jobs")`."""
        return self.document.place(*path)


def load(
    root: Path,
    *,
    plan_file: Path | None = None,
    framework: str | None = None,
    user_agents_dir: Path | None = None,
    user_presets_dir: Path | None = None,
    settings_of: SettingsOf | None = None,
    use: str | None = None,
    choose_preset: ChoosePreset | None = None,
    without_plan: str = _INIT,
) -> LoadedPlan:
    """The plan of the repository at `root`, checked throughout; PlanError or ConfigError where it can't be run.

    `framework` is the one asked for on the command line; without it the plan file decides, then the other settings.
    `use` is the preset for agents that do not say what runs them, before the one in the settings; `choose_preset` is
    asked where a framework needs one and nobody has named it. `without_plan` is the command to type where nothing here
    is a plan. A `pliny.yaml` without phases beside a manifest gives
    that its settings and agents.
    """
    document = read_sections(root, plan_file=plan_file)
    execution = settings_of(document.sections).execution if settings_of else _own_settings(document)
    presets = document.presets(user_presets_dir)
    coder = Coder(presets, use or execution.use, choose_preset, allow=execution.allow)
    assembly = Assembly(
        document,
        Discovery(root, user_agents_dir),
        root,
        presets=presets,
        coder=coder,
        on_conflict=execution.on_conflict,
    )
    manifest = _manifest_file(root, plan_file, document)
    if manifest is not None and framework is None:
        return _loaded(_manifest_plan(manifest, root, assembly, document), document, assembly, coder)
    if manifest is not None and manifest == plan_file:
        message = f"{quoted(label(manifest, root))} has iterations of its own, which are no phases of a framework"
        raise ConfigError(message, hint="leave --framework or --plan out")
    chosen = _framework_of(document, framework, settings_of)
    if chosen is None and not document.content.agents and not document.content.phases:
        raise _no_plan(document, root, hint=without_plan)
    return _loaded(assembly.plan(chosen), document, assembly, coder)


def _loaded(plan: Plan, document: Document, assembly: Assembly, coder: Coder) -> LoadedPlan:
    whole = msgspec.structs.replace(plan, resolvers=assembly.resolvers(plan))
    check_mentions(whole)
    notes = _left_out(whole, document) if plan.framework else ()
    return LoadedPlan(plan=whole, document=document, notes=notes, use=coder.used, is_built_in=assembly.is_built_in)


def _own_settings(document: Document) -> ExecutionSettings:
    return document.content.execution or ExecutionSettings()


def read_sections(root: Path, *, plan_file: Path | None = None) -> Document:
    """The plan file for its settings, whether or not it has a plan; an empty one where there is no file."""
    if plan_file is not None and not _is_manifest(plan_file):
        return read_document(plan_file, root)
    path = root / PLAN_FILE
    if path.exists() or path.is_symlink():
        return read_document(path, root)
    short = path.with_suffix(".yml")
    if short.exists():
        raise ConfigError(f"the plan file is called {PLAN_FILE}, not {short.name}", hint=f"mv {short.name} {PLAN_FILE}")
    return msgspec.structs.replace(parse_document("", PLAN_FILE), missing=True)


def _is_manifest(path: Path) -> bool:
    return path.suffix.lower() == ".json"


def _manifest_file(root: Path, plan_file: Path | None, document: Document) -> Path | None:
    """The manifest that is the plan, if one is."""
    if plan_file is not None:
        return plan_file if _is_manifest(plan_file) else None
    path = root / MANIFEST
    return None if _is_plan(document) or not path.exists() else path


def _is_plan(document: Document) -> bool:
    """Whether a file says itself which phases there are, and so is more than settings and agents for a manifest."""
    content = document.content
    by_key = any(definition.entry.phase for definition in document.definitions.values())
    framework = content.execution.framework if content.execution else None
    return bool(content.phases) or by_key or framework is not None


def _manifest_plan(path: Path, root: Path, assembly: Assembly, document: Document) -> Plan:
    return load_manifest(path, root).to_plan(
        assembly.agent,
        path=label(path, root),
        context=document.content.context_files,
    )


def _framework_of(document: Document, asked: str | None, settings_of: SettingsOf | None) -> Framework | None:
    """The one asked for on the command line, else the file's; another setting's only where the file has no plan."""
    if asked is not None:
        return frameworks.get(asked)
    content = document.content
    own = content.execution.framework if content.execution else None
    if own is None and (content.agents or content.phases):
        return None
    name = settings_of(document.sections).execution.framework if settings_of else own
    if name is None:
        return None
    return frameworks.get(name, document.place("execution", "framework") if name == own else None)


def _no_plan(document: Document, root: Path, *, hint: str) -> ConfigError:
    if document.node.items or (root / PLAN_FILE).exists():
        return document.place().error(
            "the plan has no agents", hint="add some, like `agents: {hello: {run: echo hello}}`"
        )
    return NoPlanError(f"there is no plan here, neither {PLAN_FILE} nor {MANIFEST}", hint=hint)


def _left_out(plan: Plan, document: Document) -> tuple[str, ...]:
    names = [name for name in document.definitions if name not in plan.agents and name not in plan.resolvers]
    if not names:
        return ()
    return (f"framework {plan.framework} leaves out {listed(names)} of {document.name}",)
