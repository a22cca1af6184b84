"""The runner of agents that ask a model: the prompt goes there, and the text that comes back is the output.

Nothing runs on this machine but the request, inside this very process, with which it ends. The libraries that it takes
are an extra of the package, imported by the thread that waits for the first answer.
"""

import errno
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from git_pliny.runners import results
from git_pliny.runners.answer import Answer, Pending
from git_pliny.runners.base import Attempt, Outcome, Running
from git_pliny.runners.command import never_started, write_own
from git_pliny.runners.deliverables import collect
from git_pliny.runners.preset import with_context

EXTRA = "llm"
"""The extra of the package that holds the libraries."""

PACKAGES = ("pydantic_ai", "openai", "anthropic", "genai_prices")
"""What it installs, by the names that are imported."""

_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


class ModelRunner:
    """Asks models. All requests share one thread, and those to one server its connections."""

    def start(self, attempt: Attempt) -> Running:
        prompt = with_context(attempt)
        try:
            attempt.deliverables.mkdir(parents=True, exist_ok=True)
            write_own(attempt.prompt_file, prompt)
            attempt.output.touch(mode=0o600)
        except OSError as error:
            return never_started(error, attempt)
        return _RunningModel(attempt, prompt)


class _RunningModel:
    """The request is begun by the thread that waits for its end."""

    def __init__(self, attempt: Attempt, prompt: str) -> None:
        self._attempt = attempt
        self._prompt = prompt
        self._guard = threading.Lock()
        self._pending: Pending | None = None
        self._is_cancelled = False

    def wait(self) -> Outcome:
        begun = time.monotonic()
        try:
            from git_pliny.runners.requests import ask  # noqa: PLC0415 - an extra, and slow to import

            pending = ask(self._attempt, self._prompt)
        except ImportError as error:
            return _without_extra(error)
        with self._guard:
            self._pending = pending
            if self._is_cancelled:
                pending.cancel()
        answer = pending.answer()
        duration_s = time.monotonic() - begun
        if answer is None:
            return Outcome(cancelled=True, duration_s=duration_s)
        return _outcome(self._attempt, answer, duration_s)

    def cancel(self, *, now: bool = False) -> None:  # noqa: ARG002 - as of the protocol
        """There is nobody to be polite to: the connection is closed."""
        with self._guard:
            self._is_cancelled = True
            if self._pending is not None:
                self._pending.cancel()


def _without_extra(error: ImportError) -> Outcome:
    words = f"the packages that models are asked with can't be used ({error}): pip install 'git-pliny[{EXTRA}]'"
    return Outcome(launch_errno=errno.ENOENT, launch_error=words)


def _outcome(attempt: Attempt, answer: Answer, duration_s: float) -> Outcome:
    has_failed = answer.error is not None or answer.timed_out
    problem = None if has_failed else _deliver(attempt, answer.text)
    declared = () if has_failed else attempt.agent.deliverables
    deliverables, missing = collect(declared=declared, folder=attempt.deliverables, root=attempt.root)
    said = answer.error or problem
    return Outcome(
        exit_code=1 if has_failed or problem else 0,
        timed_out=answer.timed_out,
        duration_s=duration_s,
        tail=said or "",
        answer=None if has_failed else answer.text,
        error=None if answer.timed_out else said,  # its own time limit is what ended it
        exception=answer.exception,
        http_status=answer.http_status,
        retry_after_s=answer.retry_after_s,
        result=answer.result,
        reply=answer.reply,
        deliverables=deliverables,
        missing_deliverables=missing,
        output_size=results.size_of(attempt.output),
    )


def _deliver(attempt: Attempt, text: str) -> str | None:
    """Write the text to the deliverable that the agent names: into the attempt's own folder, and below the root.

    So it is kept even where another agent writes to the same place at the same time. Gives what went wrong.
    """
    data = (text if text.endswith("\n") else f"{text}\n").encode("utf-8", "replace")
    wanted = [(name, top) for name in attempt.agent.deliverables for top in (attempt.deliverables, attempt.root)]
    if attempt.agent.answer is not None:
        wanted.append((attempt.agent.answer, attempt.deliverables))
    for name, top in wanted:
        try:
            _place(top, name, data, draft=f".pliny-{attempt.run}-{attempt.number}.tmp")
        except OSError as error:
            return f"cannot write the deliverable {name}: {error.strerror or error}"
    return None


def _place(top: Path, name: str, data: bytes, draft: str) -> None:
    """Write a file below `top` in one piece, with the mode of the one whose place it takes; no link leads out."""
    path = top / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.parent.resolve().is_relative_to(top.resolve()):
        raise OSError(errno.EXDEV, "it would lie outside of the repository")
    new = path.parent / draft
    try:
        with open(os.open(new, _NEW, 0o666), "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(data)
        with suppress(FileNotFoundError):
            new.chmod(path.stat().st_mode & 0o777)
        new.replace(path)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise
