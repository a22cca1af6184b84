"""A framework's phases filled with agents: the plan file's, those of the agents' folder, else the built-in ones."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from git_pliny.errors import PlanError
from git_pliny.plans.builtin import agent_of
from git_pliny.plans.coder import Coder
from git_pliny.plans.definition import Definition
from git_pliny.plans.discovery import PROJECT_AGENTS, Discovery
from git_pliny.plans.document import Document
from git_pliny.plans.draft import Draft
from git_pliny.plans.frameworks import Framework, FrameworkPhase
from git_pliny.plans.positions import Place, listed, quoted, suggestion


class Filling:
    """`put` sets an agent into a phase; `phase_of` says in which each is, `unplaced` which of the file are in none."""

    def __init__(
        self,
        document: Document,
        discovery: Discovery,
        coder: Coder,
        *,
        put: Callable[[Draft, str, Place], None],
        unplaced: Callable[[], list[tuple[str, Definition]]],
        phase_of: Mapping[str, str],
    ) -> None:
        self._document = document
        self._discovery = discovery
        self._coder = coder
        self._put = put
        self._unplaced = unplaced
        self._phase_of = phase_of

    def fill(self, framework: Framework, drafts: dict[str, Draft]) -> tuple[dict[str, Draft], dict[str, Definition]]:
        """The framework's phases in its order, each with the agents that the file or the agents' folder has for it.
        Phases that would have none get the agents that come with the framework: these are the second value.

        Where the file itself asks for the framework, whatever would not run in it is refused; where the user did on the
        command line, the framework selects from the file.
        """
        if self.asks_for(framework):
            _refuse_others(framework, drafts)
        filled: dict[str, Draft] = {}
        for phase in framework.phases:
            draft = drafts.setdefault(phase.name, Draft(name=phase.name, place=self._place_of_framework(framework)))
            draft.title = draft.title or phase.title
            if not draft.agents:
                self._fill_phase(phase, draft)
            filled[phase.name] = draft
        built_in = dict(self._build_in(framework, filled, drafts))
        return filled, built_in

    def _build_in(
        self, framework: Framework, filled: Mapping[str, Draft], drafts: Iterable[str]
    ) -> Iterator[tuple[str, Definition]]:
        """Give the phases that have no agent the one that comes with the framework.

        Not beside agents that all say themselves what runs them, unless a coding agent was asked for: there an empty
        phase is a slip.
        """
        names = [name for draft in filled.values() for name in draft.agents]
        is_meant = self._coder.is_asked or all(self._leaves_open(name) for name in names)
        for phase in framework.phases:
            if filled[phase.name].agents:
                continue
            agent = agent_of(framework.name, phase.name)
            if not is_meant or not self._coder.can(agent, choosing=True):
                raise self._no_agent_for(phase, framework, drafts)
            filled[phase.name].agents[phase.name] = agent.place
            yield phase.name, agent

    def _leaves_open(self, name: str) -> bool:
        """Whether the agent has a prompt, and does not say what runs it."""
        own, found = self._document.definitions.get(name), self._discovery.find(name)
        if own is not None and (own.says_what or own.entry.prompt is not None):
            return not own.says_what
        return found is not None and found.unsaid is not None

    def asks_for(self, framework: Framework) -> bool:
        execution = self._document.content.execution
        return execution is not None and execution.framework == framework.name

    def _place_of_framework(self, framework: Framework) -> Place:
        if self._document.missing:
            return Place(f"framework {framework.name}")
        execution = self._document.content.execution
        given = execution is not None and execution.framework is not None
        return self._document.place("execution", "framework") if given else Place(self._document.name)

    def _fill_phase(self, phase: FrameworkPhase, draft: Draft) -> None:
        """Agents of the file whose names begin with the phase's, else those of the agents' folder."""
        for name, definition in self._unplaced():
            if name.startswith(phase.name):
                self._put(draft, name, definition.place)
        if not draft.agents:
            for name in self._discovery.of_phase(phase.name):
                if name not in self._phase_of:
                    self._put(draft, name, draft.place)

    def _no_agent_for(self, phase: FrameworkPhase, framework: Framework, drafts: Iterable[str]) -> PlanError:
        near = suggestion(phase.name, [name for name in drafts if name not in framework.phase_names])
        snippet = f"`agents: {{{phase.name}: {{run: …, phase: {phase.name}}}}}` in {self._document.name}"
        program = f"a program {PROJECT_AGENTS}/{phase.name}"
        place = self._place_of_framework(framework)
        if self._document.missing:
            hint = f"write {program}, or {snippet}"
            return place.error(f"phase {quoted(phase.name)} has no agent, and there is no plan file", hint=hint)
        return place.error(
            f"phase {quoted(phase.name)} of framework {framework.name} has no agent{near}",
            hint=f"write {snippet}, or {program}; or have the built-in agent do it: --use PRESET",
        )


def _refuse_others(framework: Framework, drafts: Mapping[str, Draft]) -> None:
    for draft in drafts.values():
        if draft.name not in framework.phase_names:
            near = suggestion(draft.name, framework.phase_names)
            raise draft.place.error(
                f"phase {quoted(draft.name)} is none of framework {framework.name}{near}",
                hint=f"its phases are {listed(framework.phase_names)}; leave `framework` out to run others",
            )
