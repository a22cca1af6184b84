"""The runner of coding agents: a command, called as the agent's preset says, whose output is read once it has ended.

How it is started, ended and waited for is the command runner's business.
"""

import os
import re
from pathlib import Path

import msgspec

from git_pliny.model.plan import Agent
from git_pliny.model.preset import Use
from git_pliny.runners.alarm import AlarmClock
from git_pliny.runners.base import Attempt, Outcome, Result, Running, Watchable
from git_pliny.runners.command import CommandRunner, never_started, refused, write_own
from git_pliny.runners.deliverables import collect
from git_pliny.runners.forms.reading import Output, Reading
from git_pliny.runners.forms.registry import FORMS
from git_pliny.runners.patience import WAITS, Patient
from git_pliny.runners.prices import price_of
from git_pliny.runners.results import believable

_AT_START = re.compile(r"\{(prompt|prompt_file|deliverables|result|file:([A-Za-z0-9_][A-Za-z0-9_.-]*))\}")
_CONTEXT = re.compile(r"\{[{%][^}]*\bcontext\b")
_NO_FILE = 2
_SOON_READ = 1 << 20
"""Bytes of output that are read in no time."""
_WHOSE = {"codex": "openai", "gemini": "google"}
"""Whose models a program works with, where their names do not say it."""

LONGEST_ARGUMENT = 128 * 1024
"""Bytes of one argument or variable that Linux takes no more (MAX_ARG_STRLEN, execve(2)); others take about as many."""


class PresetRunner:
    """Gives the program its prompt on standard input, unless its arguments or environment say where they want it."""

    def __init__(self) -> None:
        self._commands = CommandRunner()
        self._alarms = AlarmClock()

    def start(self, attempt: Attempt) -> Running:
        use = attempt.agent.use
        assert use is not None  # noqa: S101 - the registry chose by it
        prompt = with_context(attempt)
        try:
            attempt.folder.parent.mkdir(parents=True, exist_ok=True)
            for name, text in use.files.items():
                write_own(Path(f"{attempt.folder}.{name}"), text)
            write_own(attempt.prompt_file, prompt)
        except OSError as error:
            return never_started(error, attempt)
        called = _called(attempt, use, prompt)
        if problem := _ungivable(called.agent):
            return refused(problem)
        running = self._commands.start(called)
        if wait := WAITS.get(use.output):
            running = Patient(running, attempt.output, wait, self._alarms)
        return _RunningAgent(attempt, use, running)


def with_context(attempt: Attempt) -> str:
    """The prompt with the context above it, unless it is a template that says itself where that goes."""
    context = "" if _places_context(attempt) else attempt.context.strip("\n")
    return "\n\n".join(filter(None, (context, attempt.prompt)))


def _places_context(attempt: Attempt) -> bool:
    agent = attempt.agent
    return agent.template and agent.prompt is not None and _CONTEXT.search(agent.prompt) is not None


class _RunningAgent(Watchable):
    """As the command that it is, and what is read of it once that has ended."""

    def __init__(self, attempt: Attempt, use: Use, running: Running) -> None:
        self._attempt = attempt
        self._use = use
        self._running = running
        self._collected: Outcome | None = None

    def wait(self) -> Outcome:
        return self._read(self._collected or self._running.wait())

    def descriptor(self) -> int | None:
        return self._running.descriptor() if isinstance(self._running, Watchable) else None

    def collect(self) -> Outcome | None:
        """None too where so much was printed that reading it would keep the others waiting.

        And where an answer is to be delivered: once collected, the folder of what was may be another attempt's.
        """
        assert isinstance(self._running, Watchable)  # noqa: S101 - only then there is a descriptor
        if self._attempt.agent.answer:
            return None
        self._collected = outcome = self._running.collect()
        if outcome is None or outcome.output_size > _SOON_READ:
            return None
        return self._read(outcome)

    def lasts(self) -> None:
        if isinstance(self._running, Watchable):
            self._running.lasts()

    def _read(self, outcome: Outcome) -> Outcome:
        if outcome.launch_errno == _NO_FILE and self._use.install:
            said = f"{outcome.launch_error}; to install it: {self._use.install}"
            return msgspec.structs.replace(outcome, launch_error=said)
        if outcome.cancelled or outcome.launch_errno is not None:
            return outcome
        output = Output(path=self._attempt.output, beside=os.fspath(self._attempt.folder))
        outcome = told(outcome, FORMS[self._use.output](output), self._use.preset, self._use.model)
        return _answered(outcome, self._attempt)

    def cancel(self, *, now: bool = False) -> None:
        self._running.cancel(now=now)


def told(outcome: Outcome, reading: Reading | None, name: str, model: str | None = None) -> Outcome:
    """The outcome with what the agent told of itself; None: it told nothing that can be read.

    What it used counts whatever its result file says; the rest of that file stands. Where neither tells a cost, it
    follows from the listed prices of the models that it says it worked with, or else of `model`.
    """
    if reading is None:
        is_whole = outcome.exit_code == 0 and not outcome.timed_out
        unread = f"{name} ended without a result that can be read" if is_whole else None
        return msgspec.structs.replace(outcome, error=unread)
    own = outcome.result or Result()
    cost_usd = own.cost_usd if reading.cost_usd is None else reading.cost_usd
    listed = price_of(reading.used, model=model, provider=_WHOSE.get(name)) if cost_usd is None else None
    result = believable(
        msgspec.structs.replace(
            own,
            cost_usd=listed.cost_usd if listed else cost_usd,
            cost_from=listed.source if listed else None,
            tokens=reading.tokens or own.tokens,
            summary=own.summary or reading.text,
        )
    )
    return msgspec.structs.replace(
        outcome,
        answer=(reading.text or "") if reading.error is None else None,
        result=None if result == Result() else result,
        error=reading.error,
        http_status=reading.http_status,
        retry_after_s=reading.retry_after_s,
        denied=reading.denied,
        tail=outcome.tail if reading.error is None else reading.error,
    )


def _answered(outcome: Outcome, attempt: Attempt) -> Outcome:
    """The outcome once its answer is kept, and delivered where the agent has not delivered a file of that name."""
    if outcome.answer is None:
        return outcome
    name, folder = attempt.agent.answer, attempt.folder
    try:
        write_own(attempt.answer, outcome.answer)
        if name and outcome.answer and not folder.is_symlink() and not os.path.lexists(folder / name):
            write_own(folder / name, outcome.answer)
    except OSError as error:
        return msgspec.structs.replace(outcome, error=f"its answer can't be kept: {os.strerror(error.errno or 0)}")
    if name is None:
        return outcome
    found, missing = collect(declared=attempt.agent.deliverables, folder=folder, root=attempt.root)
    if name not in {each.name for each in found}:
        missing = (*missing, name)
    return msgspec.structs.replace(outcome, deliverables=found, missing_deliverables=missing)


def _ungivable(agent: Agent) -> str | None:
    """Why the program can't be given its prompt, where that stands in an argument or a variable."""
    run = (agent.run,) if isinstance(agent.run, str) else agent.run
    words = [*run, *(f"{name}={text}" for name, text in agent.env.items())]
    if any("\0" in word for word in words):
        return (
            f"the prompt has a NUL character in it, which no argument of {run[0]} can have; take it out, or have the "
            "preset give it by `{prompt_file}`"
        )
    longest = max((len(os.fsencode(word)) for word in words), default=0)
    if longest < LONGEST_ARGUMENT:
        return None
    return (
        f"with the prompt in it, an argument of {run[0]} would be {longest} bytes long, and the system takes "
        f"{LONGEST_ARGUMENT - 1} at most; shorten the prompt, or have the preset give it by `{{prompt_file}}`"
    )


def _called(attempt: Attempt, use: Use, prompt: str) -> Attempt:
    """The attempt with its command as it is executed."""
    agent = attempt.agent
    wanted: set[str] = set()
    places = {
        "prompt_file": os.fspath(attempt.prompt_file),
        "deliverables": os.fspath(attempt.deliverables),
        "result": os.fspath(attempt.result),
    }

    def placed(word: str) -> str:
        def value(found: re.Match[str]) -> str:
            wanted.add(found[1])
            if found[2]:
                return f"{attempt.folder}.{found[2]}"
            return places.get(found[1], prompt)

        return _AT_START.sub(value, word)

    words = (agent.run,) if isinstance(agent.run, str) else agent.run
    run = tuple(placed(word) for word in words)
    usual = {name: text for name, text in use.env.items() if name not in attempt.environ}
    env = {name: placed(text) for name, text in (usual | agent.env).items()}
    by_itself = {"prompt", "prompt_file"} & wanted
    return msgspec.structs.replace(
        attempt,
        agent=msgspec.structs.replace(agent, run=run, env=env),
        prompt=None if by_itself else prompt,
    )
