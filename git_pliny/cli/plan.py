"""`git pliny plan`: an agent writes a plan, which is checked before anybody sees it."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import msgspec

from git_pliny.cli import messages, output, render
from git_pliny.cli.coder import Use, chooser, load_plan
from git_pliny.cli.declare import argument, option
from git_pliny.cli.interrupts import interrupting
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.options import Json
from git_pliny.cli.workbench import Workbench, open_workbench, user_folder
from git_pliny.errors import AgentFailedError, ConfigError, StorageError, UsageError, WouldOverwriteError
from git_pliny.executor.workers import Workers
from git_pliny.executor.writing import ROUNDS, Desk, Round, write_plan
from git_pliny.git.process import without_local_variables
from git_pliny.git.scratch import scratch
from git_pliny.model import graph
from git_pliny.model.duration import parse_duration
from git_pliny.model.plan import Agent, Plan
from git_pliny.model.spending import Spending
from git_pliny.model.visible import visible
from git_pliny.plans import atomic
from git_pliny.plans.answers import request
from git_pliny.plans.coder import bare
from git_pliny.plans.discovery import list_agents
from git_pliny.plans.files import label, read_text
from git_pliny.plans.loading import LoadedPlan, read_sections
from git_pliny.plans.positions import Place
from git_pliny.plans.preset_files import Presets
from git_pliny.runners.installed import found

_YAML, _MANIFEST = "pliny.yaml", "plan_manifest.json"
_STDOUT = "-"
_LIKE_A_FILE = re.compile(r"[^\s:]+\.(?:md|markdown|txt|rst|adoc)")
_LONGEST_NAME, _WIDTH = 255, 60

Spec = Annotated[
    str, argument(metavar="TEXT", help="What the plan is for, in words, or a file that says it.", show_default=False)
]
Target = Annotated[
    str | None,
    option("--output", "-o", metavar="FILE", help="Write the plan there; a .json file is a plan manifest."),
]
Force = Annotated[bool, option("--force", help="Replace the file where it is there already.")]


class _Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Where the plan goes; None: to standard output."""

    path: Path | None

    @property
    def name(self) -> str:
        return self.path.name if self.path else _YAML

    @property
    def is_manifest(self) -> bool:
        return self.name.lower().endswith(".json")


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    """An agent in the graph; what has the same `level` of the same phase can run at the same time."""

    phase: str
    level: int
    agent: str
    needs: tuple[str, ...]
    runs: str


class _Written(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    loaded: LoadedPlan
    rounds: int
    spending: Spending


def plan_command(
    here: Invocation,
    *,
    text: Spec,
    use: Use = None,
    output_: Target = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Have an agent write a plan.

    The agent works on a copy of the files, and what it changes there is thrown away. Its plan is checked as execute
    checks it: form, needs, cycles, agents, prompts. What is wrong goes back to the agent, for three rounds in all. A
    valid plan is printed, or written with -o, which never replaces a file without --force:

        git pliny plan "Port the tests to pytest, file by file" --use claude -o pliny.yaml
    """
    bench = open_workbench(here)
    wanted = _Wanted(path=here.cwd / output_ if output_ not in (None, _STDOUT) else None)
    _check_target(wanted, force=force)
    task = _task(here, text)
    workers = Workers(1)
    with interrupting(workers):
        written = _write(here, bench, wanted, task, workers=workers, use=use)
        workers.close()
    if wanted.path is not None:
        _save(wanted.path, written.text, force=force)
    _show(here, wanted, written, as_json=as_json)


def _check_target(wanted: _Wanted, *, force: bool) -> None:
    path = wanted.path
    if path is None:
        return
    if path.suffix.lower() not in (".yaml", ".yml", ".json"):
        raise UsageError(
            f"a plan is a .yaml or a .json file, and {visible(path.name)} is neither",
            hint=f"git pliny plan … -o {_YAML}",
        )
    if not path.parent.is_dir():
        raise StorageError(
            f"there is no folder {visible(str(path.parent))}", hint=f"mkdir -p {quote(str(path.parent))}"
        )
    if not force and (path.exists() or path.is_symlink()):
        raise _taken(path)


def _taken(path: Path) -> WouldOverwriteError:
    return WouldOverwriteError(f"{visible(path.name)} is there already", hint="name another file, or add --force")


def _task(here: Invocation, text: str) -> str:
    """The text, or what the file of that name says."""
    if "\n" not in text and len(text) <= _LONGEST_NAME:
        path = here.cwd / text
        with suppress(OSError, ValueError):
            if path.is_file() or _LIKE_A_FILE.fullmatch(text):
                return read_text(path, text)
    if not text.strip():
        raise UsageError("there is nothing to plan", hint='git pliny plan "WHAT IS TO BE DONE"')
    return text


def _write(
    here: Invocation, bench: Workbench, wanted: _Wanted, task: str, *, workers: Workers, use: str | None
) -> _Written:
    presets = _presets(bench)
    name = use or bench.settings.execution.use or chooser(here, bench.repository.root, "git pliny plan TEXT")(presets)
    loaded: list[LoadedPlan] = []
    spending = Spending()
    desk = Desk(
        repository=bench.repository,
        environ=without_local_variables(here.environ),
        workers=workers,
        grace_s=parse_duration(bench.settings.execution.grace),
        tell=lambda refused: request(
            "manifest" if wanted.is_manifest else "yaml", task=task, known=_known(here, bench, presets), refused=refused
        ),
        check=lambda text: loaded.append(_load(here, bench, wanted, text)),
        mask=bench.masker.mask_text,
    )
    last = None
    for last in write_plan(desk, _agent(bench, presets, name), spending):
        refused = "a valid plan" if last.refused is None else f"refused: {last.refused}"
        messages.note(f"{name}: round {last.number} of at most {ROUNDS}: {refused}")
    assert last is not None  # noqa: S101 - there is a round, or an error
    if last.refused is not None:
        raise _never_valid(here, bench, wanted, last, spending)
    return _Written(text=last.text, loaded=loaded[-1], rounds=last.number, spending=spending)


def _never_valid(
    here: Invocation, bench: Workbench, wanted: _Wanted, last: Round, spending: Spending
) -> AgentFailedError:
    """What was paid for is not thrown away."""
    draft = bench.repository.local / f"refused-{wanted.name}"
    spent = render.spent(spending.cost_usd, spending.tokens)
    with suppress(OSError):
        draft.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(last.text, encoding="utf-8")
    return AgentFailedError(
        f"the plan is still not valid after {last.number} rounds" + (f" ({spent})" if spent else ""),
        hint=f"mend the last one by hand: {os.path.relpath(draft, here.cwd)}",
    )


def _presets(bench: Workbench) -> Presets:
    """Every preset that can be named here."""
    return read_sections(bench.repository.root).presets(user_folder() / "presets")


def _agent(bench: Workbench, presets: Presets, name: str) -> Agent:
    presets.get(name, Place("--use"))
    return bare(name, Place("--use")).agent(bench.repository.root, presets)


def _known(here: Invocation, bench: Workbench, presets: Presets) -> str:
    """The agents and coding agents that the plan may name."""
    agents = [each for each in list_agents(bench.repository.root, user_folder() / "agents") if each.error is None]
    lines = ["# What is here", "", "Coding agents that are installed (for `use`):", ""]
    coders = found(presets.all.values(), here.environ, bench.repository.root)
    lines += [f"- `{each.name}`: {each.title or each.program}" for each in coders]
    if agents:
        lines += ["", "Agents that are defined already, and may be named as they are:", ""]
        lines += [f"- `{each.name}`: {' '.join(each.description.split()) or each.source}" for each in agents]
    return "\n".join(lines)


def _load(here: Invocation, bench: Workbench, wanted: _Wanted, text: str) -> LoadedPlan:
    """The plan, checked as `execute` does; ConfigError speaks of the file by the name that it will have."""
    if not text.strip():
        raise ConfigError("the answer has no plan in it")
    with scratch(bench.repository) as own:
        path = own / wanted.name
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
        shown = label(path, bench.repository.root)
        try:
            loaded = load_plan(
                here, bench, plan_file=path, framework=None, use=None, overrides={}, command="git pliny execute"
            )
        except ConfigError as error:
            said, hint = (text and text.replace(shown, wanted.name) for text in (error.message, error.hint))
            raise ConfigError(said or "", hint=hint) from error
    plan = msgspec.structs.replace(loaded.plan, name=loaded.plan.name.replace(shown, wanted.name))
    notes = tuple(note.replace(shown, wanted.name) for note in loaded.notes)
    return msgspec.structs.replace(loaded, plan=plan, notes=notes)


def _save(path: Path, text: str, *, force: bool) -> None:
    with atomic.held(path):
        if not force and (path.exists() or path.is_symlink()):
            raise _taken(path)
        atomic.replace_text(path, text)


def _show(here: Invocation, wanted: _Wanted, written: _Written, *, as_json: bool) -> None:
    plan, spending = written.loaded.plan, written.spending
    rows = list(_rows(plan))
    for note in written.loaded.notes:
        messages.warning(note)
    if as_json:
        output.data_json(_described(wanted, written, rows))
        return
    heading = ("phase", "level", "agent", "needs", "runs")
    cells = [[row.phase, str(row.level), row.agent, ", ".join(row.needs), row.runs] for row in rows]
    if wanted.path is None:
        output.data(written.text.rstrip("\n"))
        output.flush()
        messages.note("\n".join(["", *output.aligned(heading, cells)]))
    else:
        output.table(heading, cells)
    spent = render.spent(spending.cost_usd, spending.tokens)
    counts = f"{render.plural(len(plan.agents), 'agent')} in {render.plural(len(plan.phases), 'phase')}"
    rounds = render.plural(written.rounds, "round")
    messages.note(f"plan {visible(plan.name)}: {counts}, written in {rounds}" + (f" ({spent})" if spent else ""))
    if wanted.path is not None:
        shown = os.path.relpath(wanted.path, here.cwd)
        messages.note(f"wrote {visible(shown)}\nhint: run it: git pliny execute --plan {quote(shown)}")


def _rows(plan: Plan) -> Iterator[_Row]:
    for phase in plan.phases:
        needs = {name: plan.agents[name].needs for name in phase.agents}
        for level, names in enumerate(graph.levels(needs), 1):
            for name in names:
                agent = plan.agents[name]
                yield _Row(phase=phase.name, level=level, agent=name, needs=agent.needs, runs=_runs(agent))


def _runs(agent: Agent) -> str:
    if agent.use is not None:
        return f"use {agent.use.preset}"
    return " ".join((agent.run if isinstance(agent.run, str) else " ".join(agent.run)).split())[:_WIDTH]


def _described(wanted: _Wanted, written: _Written, rows: Sequence[_Row]) -> dict[str, Any]:
    return {
        "file": str(wanted.path) if wanted.path else None,
        "rounds": written.rounds,
        "tokens": written.spending.tokens,
        "cost_usd": written.spending.cost_usd,
        "agents": rows,
        "plan": written.text,
    }
