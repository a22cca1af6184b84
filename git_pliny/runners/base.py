"""What a runner is: it starts one attempt of one agent, and says afterwards how that went.

The values here pass between the coordinator and its runners. A runner decides nothing about retries, categories or
what is stored: it reports facts.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import msgspec

from git_pliny.model.plan import Agent
from git_pliny.model.session import Tokens

OUTPUT, RESULT, CONTEXT, PROMPT, ANSWER = ".log", ".result.json", ".context.md", ".prompt.md", ".answer.md"
"""What is added to the path of an attempt's folder for its other files: they lie beside it."""


class Verdict(StrEnum):
    """What an evaluate agent says about the round it has seen (DESIGN section 5)."""

    AGAIN = "again"
    DONE = "done"


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try of an agent, with everything it needs. `number` is its number in the whole session, from 1."""

    session: str
    run: str
    phase: str
    number: int
    agent: Agent
    root: Path
    """The repository root, where the agent runs."""
    environ: Mapping[str, str]
    """The caller's whole environment; the runner adds to it, and takes nothing away."""
    folder: Path
    """The attempt's own place on this machine; the runner creates it, and the files beside it that it needs."""
    timeout_s: float | None = None
    is_budget: bool = False
    """Whether `timeout_s` is what is left of the agent's budget of time, rather than its timeout."""
    grace_s: float = 10.0
    """How long the process group has to end after TERM before it is killed."""
    prompt: str | None = None
    """The text for standard input."""
    context: str = ""
    """The text of the context file."""

    @property
    def output(self) -> Path:
        """What the agent wrote to standard output and standard error, in the order it came."""
        return beside(self.folder, OUTPUT)

    @property
    def result(self) -> Path:
        """`PLINY_RESULT`: where the agent may write JSON."""
        return beside(self.folder, RESULT)

    @property
    def deliverables(self) -> Path:
        """`PLINY_DELIVERABLES`: the folder whose files are kept."""
        return self.folder

    @property
    def context_file(self) -> Path:
        """`PLINY_CONTEXT` where there is a context."""
        return beside(self.folder, CONTEXT)

    @property
    def prompt_file(self) -> Path:
        """The prompt as the agent gets it on standard input, where there is one."""
        return beside(self.folder, PROMPT)

    @property
    def answer(self) -> Path:
        """What a coding agent answered, as it was read out of its output."""
        return beside(self.folder, ANSWER)


def begun_check(command: str) -> str:
    """What stands in the output where the agent's check begins."""
    return f"\n$ {command}\n"


def beside(folder: Path, ending: str) -> Path:
    """One of the files beside an attempt's folder."""
    return Path(f"{folder}{ending}")


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent said of itself in its result file; unknown is None."""

    cost_usd: float | None = None
    tokens: Tokens | None = None
    verdict: Verdict | None = None
    score: float | None = None
    summary: str | None = None
    cost_from: str | None = None
    """Whose list of prices the cost is from, where the agent did not tell it itself."""


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came back of one request to a model: as which it answered, and why it stopped, in the server's words."""

    model: str | None = None
    finish: str | None = None
    http_status: int | None = None
    first_text_s: float | None = None
    """How long its first text took."""


class Deliverable(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is kept: its name as a relative POSIX path, and the regular file that it was found to be.

    Bytes of the name that are no UTF-8 are surrogate escapes (PEP 383), as everywhere in Python's file names.
    """

    name: str
    path: Path


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How an attempt went. A runner that started it gives exactly one of `exit_code`, `signal` and `launch_errno`."""

    exit_code: int | None = None
    signal: int | None = None
    timed_out: bool = False
    cancelled: bool = False
    launch_errno: int | None = None
    """Why there is no exit status: the process could not be started, or its status was lost (ECHILD)."""
    launch_error: str | None = None
    refusal: str | None = None
    """Why it never came to a start: a sentence about the prompt or the context that it was to get."""
    duration_s: float = 0.0
    """From the start to the end of the agent's first process; the rest of its group may have taken longer to end."""
    tail: str = ""
    """The end of the output, at most 16 KiB; empty where the attempt succeeded."""
    result: Result | None = None
    invalid_result: str | None = None
    """A sentence, where a result file was written and cannot be used."""
    missing_deliverables: tuple[str, ...] = ()
    deliverables: tuple[Deliverable, ...] = ()
    output_size: int = 0
    answer: str | None = None
    """What a coding agent answered in the end; None for a command, whose output is no answer."""
    failed_check: str | None = None
    """A sentence, where the agent ended well and its check did not."""
    error: str | None = None
    """What its output says went wrong, whatever its exit status: there are programs that exit with 0 all the same."""
    exception: str | None = None
    """The name of the kind of error that ended it, where there was one in this process."""
    denied: tuple[str, ...] = ()
    """Tools that a coding agent wanted to use and was not allowed to."""
    http_status: int | None = None
    """What the server of a model answered, where that is why it failed."""
    retry_after_s: float | None = None
    reply: Reply | None = None
    """Where the attempt was one request to a model: what is known of the answer."""

    @property
    def succeeded(self) -> bool:
        """Whether nothing speaks against it."""
        return (
            self.exit_code == 0
            and not self.timed_out
            and not self.cancelled
            and not self.missing_deliverables
            and self.refusal is None
            and self.invalid_result is None
            and self.failed_check is None
            and self.error is None
        )


class Running(Protocol):
    """An attempt under way."""

    def wait(self) -> Outcome:
        """Block until the attempt has ended; to be called once, on any thread."""
        ...

    def cancel(self, *, now: bool = False) -> None:
        """End the attempt, politely unless `now`. Returns at once, may be called again, and from any thread."""
        ...


class Watchable(ABC):
    """An attempt (`Running`) for which no thread has to wait: a descriptor tells when there is something to collect."""

    @abstractmethod
    def wait(self) -> Outcome:
        """As of `Running`."""

    @abstractmethod
    def cancel(self, *, now: bool = False) -> None:
        """As of `Running`."""

    @abstractmethod
    def descriptor(self) -> int | None:
        """What becomes readable when the attempt ends; not ours to close. None where it has to be waited for."""

    @abstractmethod
    def collect(self) -> Outcome | None:
        """Once the descriptor is readable: the outcome, without blocking; None where `wait` has to be called for it."""

    @abstractmethod
    def lasts(self) -> None:
        """It did not end in its first instant: do now what only such attempts are worth. At most once, before its end.

        Not called where it is waited for.
        """


class Runner(Protocol):
    """A way to execute an agent."""

    def start(self, attempt: Attempt) -> Running:
        """Start the attempt, and return at once. What keeps it from starting is told by its outcome, not raised."""
        ...
