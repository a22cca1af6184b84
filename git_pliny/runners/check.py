"""The check of an agent: a command that runs once the agent has ended well, and decides whether it has succeeded."""

import threading

import msgspec

from git_pliny.runners import results
from git_pliny.runners.base import Attempt, Outcome, Runner, Running, begun_check
from git_pliny.runners.command import CommandRunner, append_own

_NOT_RUNNABLE = (126, 127)
"""By these a shell says that it can't run what it was told to."""


class CheckedRunner:
    """Runs the agent as `runner` does, and its check after it: at the same place, into the same output."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._commands = CommandRunner()

    def start(self, attempt: Attempt) -> Running:
        return _RunningBoth(attempt, self._runner.start(attempt), self._commands)


class _RunningBoth:
    def __init__(self, attempt: Attempt, running: Running, commands: CommandRunner) -> None:
        self._attempt = attempt
        self._running = running
        self._commands = commands
        self._guard = threading.Lock()
        self._is_cancelled = False

    def wait(self) -> Outcome:
        outcome = self._running.wait()
        if not outcome.succeeded:
            return outcome
        check = self._check(outcome.duration_s)
        try:
            append_own(check.output, begun_check(words(check)))
        except OSError:
            return msgspec.structs.replace(outcome, error="its check can't be started: its output can't be written")
        with self._guard:
            if self._is_cancelled:
                return msgspec.structs.replace(outcome, cancelled=True)
            self._running = self._commands.start(check)
        return _checked(outcome, self._running.wait(), check)

    def _check(self, spent_s: float) -> Attempt:
        attempt = self._attempt
        run = attempt.agent.check
        assert run is not None  # noqa: S101 - the registry chose by it
        agent = msgspec.structs.replace(attempt.agent, run=run, deliverables=())
        left_s = None if attempt.timeout_s is None else max(attempt.timeout_s - spent_s, 1.0)
        return msgspec.structs.replace(attempt, agent=agent, prompt=None, timeout_s=left_s)

    def cancel(self, *, now: bool = False) -> None:
        with self._guard:
            self._is_cancelled = True
            running = self._running
        running.cancel(now=now)


def words(check: Attempt) -> str:
    """The command for people."""
    run = check.agent.run
    return run if isinstance(run, str) else " ".join(run)


def _checked(outcome: Outcome, ended: Outcome, check: Attempt) -> Outcome:
    together = msgspec.structs.replace(
        outcome,
        duration_s=outcome.duration_s + ended.duration_s,
        output_size=results.size_of(check.output),
        cancelled=ended.cancelled,
    )
    if ended.cancelled or ended.succeeded:
        return together
    what = f"its check `{' '.join(words(check).split())[:_SHOWN]}`"
    if ended.launch_error is not None or ended.exit_code in _NOT_RUNNABLE:
        why = ended.launch_error or _last_line(ended.tail) or "it is not there, or no program"
        return msgspec.structs.replace(together, refusal=f"{what} can't be run: {why}")
    if ended.timed_out:
        return msgspec.structs.replace(together, failed_check=f"{what} did not end within what was left of its time")
    how = f"by signal {ended.signal}" if ended.signal is not None else f"with exit status {ended.exit_code}"
    said = _last_line(ended.tail)
    return msgspec.structs.replace(together, failed_check=f"{what} ended {how}" + (f": {said}" if said else ""))


_SHOWN = 100


def _last_line(tail: str) -> str:
    lines = [line.strip() for line in tail.splitlines() if line.strip()]
    return lines[-1][:_SHOWN] if lines and not lines[-1].startswith("$ ") else ""
