"""From a plan file, a framework and discovered agents to one plan: which agents there are, and in which phases."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from git_pliny.errors import PlanError
from git_pliny.model.plan import Agent, Plan
from git_pliny.plans.coder import Coder, bare
from git_pliny.plans.definition import Definition
from git_pliny.plans.discovery import PROJECT_AGENTS, Discovery
from git_pliny.plans.document import Document
from git_pliny.plans.draft import Draft
from git_pliny.plans.filling import Filling
from git_pliny.plans.frameworks import Framework
from git_pliny.plans.nodes import place_of
from git_pliny.plans.positions import Place, quoted, suggestion
from git_pliny.plans.preset_files import Presets
from git_pliny.plans.resolvers import named_resolvers
from git_pliny.plans.rules import Member, check_names, check_needs

ONLY_PHASE = "main"
"""What the one phase is called where the plan names none."""


class Assembly:
    """One plan in the making."""

    def __init__(
        self,
        document: Document,
        discovery: Discovery,
        root: Path,
        *,
        presets: Presets | None = None,
        coder: Coder | None = None,
        on_conflict: str = "fail",
    ) -> None:
        self._document = document
        self._presets = presets or document.presets(None)
        self._coder = coder or Coder(self._presets, None)
        self._built_in: dict[str, Definition] = {}
        self._has_framework = False
        self._discovery = discovery
        self._root = root
        self._definitions = document.definitions
        self._phase_of: dict[str, str] = {}
        self._resolvers = dict(named_resolvers(document, on_conflict))

    def plan(self, framework: Framework | None) -> Plan:
        """The plan, or PlanError with the place of what is wrong with it."""
        self._has_framework = framework is not None
        drafts = self._listed()
        self._by_phase_key(drafts, framework)
        if framework is None:
            self._rest(drafts)
        else:
            filling = Filling(
                self._document,
                self._discovery,
                self._coder,
                put=self._put,
                unplaced=self._unplaced,
                phase_of=self._phase_of,
            )
            filled, self._built_in = filling.fill(framework, drafts)
            if filling.asks_for(framework):
                self._refuse_unplaced(filled)
            drafts = filled
        definitions = self._resolved(drafts.values())
        _check(drafts.values(), definitions)
        return self._made(framework, drafts, definitions)

    def resolve(self, name: str, place: Place) -> Definition:
        """The definition of the agent that `place` names: the file's own, else (or completed by) a discovered one."""
        if name in self._built_in:
            return self._coder.run(self._built_in[name])
        own = self._definitions.get(name)
        if own is not None and own.says_what and (own.entry.run is not None or own.entry.prompt is not None):
            return own
        found = self._discovery.find(name)
        if own is not None and own.says_what:
            theirs = found.definition if found else None
            is_more = theirs is not None and (not theirs.says_what or (own.asks_model and theirs.entry.run is None))
            return own.over(theirs) if theirs is not None and is_more else own
        if found is not None and found.error is not None:
            raise place.error(f"agent {quoted(name)} can't be run: {found.error.message}", hint=found.error.hint)
        theirs = msgspec.structs.replace(found.definition, name=name) if found and found.definition else None
        whole = theirs if own is None else own if theirs is None else own.over(theirs)
        if whole is not None and self._coder.can(whole, choosing=self._has_framework):
            return self._coder.run(whole)
        if found is not None and found.unsaid is not None:
            raise place.error(f"agent {quoted(name)} can't be run: {found.unsaid.message}", hint=found.unsaid.hint)
        if whole is None or theirs is None:
            raise self._nobody_defines(name, place, own)
        return whole

    @property
    def is_built_in(self) -> bool:
        """Whether agents that come with a framework are among the plan's."""
        return bool(self._built_in)

    def agent(self, name: str, place: Place) -> Agent:
        """The agent that `place` names; a preset's name stands for that coding agent without a prompt of its own."""
        is_known = name in self._definitions or self._discovery.find(name) is not None
        if not is_known and name in self._presets.all:
            return bare(name, place).agent(self._root, self._presets)
        return self.resolve(name, place).agent(self._root, self._presets)

    def resolvers(self, plan: Plan) -> dict[str, Agent]:
        """The agents that resolve conflicts and stand in no phase of the plan."""
        named = dict(self._resolvers)
        found = {name: self.resolve(name, place) for name, place in named.items() if name not in plan.agents}
        for name, definition in found.items():
            if definition.entry.budget is not None:
                raise place_of(definition.node, "budget").error(
                    f"agent {quoted(name)} resolves the conflicts of others, at the cost of their budgets; "
                    "it can't have one of its own"
                )
        return {name: definition.agent(self._root, self._presets) for name, definition in found.items()}

    def _nobody_defines(self, name: str, place: Place, own: Definition | None) -> PlanError:
        hint = f"write `agents: {{{name}: {{run: …}}}}` in {self._document.name}, or a program {PROJECT_AGENTS}/{name}"
        if own is not None and own.entry.model is not None:
            model = quoted(own.entry.model)
            return place_of(own.node, "model").error(
                f"{model} goes with `use`, a coding agent; asked by itself, it names its provider: `provider/name`",
                hint="git pliny agents list",
            )
        if own is not None:
            return own.place.error(
                f"agent {quoted(name)} has no `run` or `use` and no file in {PROJECT_AGENTS}", hint=hint
            )
        near = suggestion(name, [*self._definitions, *self._discovery.names()])
        return place.error(f"nobody defines agent {quoted(name)}{near}", hint=hint)

    def _listed(self) -> dict[str, Draft]:
        """The phases that the file lists, with the agents that they name."""
        drafts: dict[str, Draft] = {}
        for index, entry in enumerate(self._document.content.phases or ()):
            place = self._document.place("phases", index, "name")
            if entry.name in drafts:
                raise place.error(f"phase {quoted(entry.name)} is listed twice")
            draft = Draft(name=entry.name, place=place, parallel=entry.parallel, fail_fast=entry.fail_fast)
            draft.title = entry.title or entry.description or ""
            draft.isolation, draft.on_conflict, draft.budget = entry.isolation, entry.on_conflict, entry.budget
            drafts[entry.name] = draft
            names = (entry.agents,) if isinstance(entry.agents, str) else entry.agents or ()
            for number, name in enumerate(names):
                self._put(draft, name, self._document.place("phases", index, "agents", number))
        return drafts

    def _by_phase_key(self, drafts: dict[str, Draft], framework: Framework | None) -> None:
        """Put each agent that says `phase: …` there."""
        fixed = bool(drafts)
        for name, definition in self._definitions.items():
            phase = definition.entry.phase
            if phase is None:
                continue
            place = place_of(definition.node, "phase")
            if fixed and phase not in drafts and not (framework and phase in framework.phase_names):
                raise place.error(
                    f"agent {quoted(name)} is in phase {quoted(phase)}, which is not listed{suggestion(phase, drafts)}",
                    hint=f"add it to `phases:` in {self._document.name}",
                )
            draft = drafts.setdefault(phase, Draft(name=phase, place=place))
            if name not in draft.agents:
                self._put(draft, name, place)

    def _rest(self, drafts: dict[str, Draft]) -> None:
        """Without `phases:` what names no phase makes one; with it, such an agent would never run and is refused."""
        if self._document.content.phases:
            self._refuse_unplaced(drafts)
        for name, definition in self._unplaced():
            draft = drafts.setdefault(ONLY_PHASE, Draft(name=ONLY_PHASE, place=definition.place))
            self._put(draft, name, definition.place)
        for draft in drafts.values():
            if not draft.agents:
                raise draft.place.error(
                    f"phase {quoted(draft.name)} has no agents",
                    hint=f"give it some: {{name: {draft.name}, agents: […]}}",
                )

    def _refuse_unplaced(self, drafts: dict[str, Draft]) -> None:
        for name, definition in self._unplaced():
            self._resolved(drafts.values())  # where a phase misspells an agent, both ends show; its place says more
            raise definition.place.error(
                f"agent {quoted(name)} is in no phase and would never run",
                hint=f"add it to the `agents:` of a phase, or give it `phase: {next(iter(drafts))}`",
            )

    def _unplaced(self) -> list[tuple[str, Definition]]:
        placed = self._phase_of.keys() | self._resolvers.keys()
        return [(name, each) for name, each in self._definitions.items() if name not in placed]

    def _put(self, draft: Draft, name: str, place: Place) -> None:
        if name in self._phase_of:
            other = self._phase_of[name]
            raise place.error(
                f"agent {quoted(name)} stands in phase {quoted(other)} already; it can stand in one, once"
            )
        self._phase_of[name] = draft.name
        draft.agents[name] = place

    def _resolved(self, drafts: Iterable[Draft]) -> dict[str, Definition]:
        found: dict[str, Definition] = {}
        for draft in drafts:
            for name, place in draft.agents.items():
                found[name] = self.resolve(name, place)
                phase = found[name].entry.phase
                if phase is not None and phase != draft.name:
                    where = quoted(draft.name)
                    raise place.error(
                        f"agent {quoted(name)} stands in phase {where}, but its definition says {quoted(phase)}"
                    )
        return found

    def _made(
        self, framework: Framework | None, drafts: Mapping[str, Draft], definitions: Mapping[str, Definition]
    ) -> Plan:
        name, description = self._title(framework)
        agents = {each: self._whole(definition) for each, definition in definitions.items()}
        return Plan(
            name=name,
            description=description,
            framework=framework.name if framework else None,
            phases=tuple(draft.phase() for draft in drafts.values()),
            agents=agents,
            context=self._document.content.context_files,
            task=f"{name}\n\n{description}".strip() if self._document.content.task else "",
            rounds=framework.rounds if framework else None,
        )

    def _whole(self, definition: Definition) -> Agent:
        agent = definition.agent(self._root, self._presets)
        if agent.model is not None and not (agent.prompt or "").strip():
            raise place_of(definition.node, "model").error(
                f"agent {quoted(agent.name)} asks {quoted(agent.model.full_name)} and has no prompt",
                hint="give it `prompt:`, a text or a file",
            )
        if agent.use is not None and not agent.prompt:
            raise place_of(definition.node, "use").error(
                f"agent {quoted(agent.name)} uses {quoted(agent.use.preset)} and has no prompt",
                hint="give it `prompt:`, a text or a file",
            )
        return agent

    def _title(self, framework: Framework | None) -> tuple[str, str]:
        task = self._document.content.task
        if task is None:
            return (framework.title if framework else self._document.name), ""
        if isinstance(task, str):
            name, _, description = task.strip().partition("\n")
            return name or self._document.name, description.strip()
        return task.name, task.description or ""


def _check(drafts: Iterable[Draft], definitions: Mapping[str, Definition]) -> None:
    every = list(drafts)
    members = {
        name: Member(name=name, phase=index, place=place, needs=definitions[name].needs)
        for index, draft in enumerate(every)
        for name, place in draft.agents.items()
    }
    phases = [("phase", draft.name, draft.place) for draft in every]
    check_names(phases + [("agent", member.name, member.place) for member in members.values()])
    check_needs(members)
