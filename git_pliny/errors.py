"""The tree of errors that a user can meet: each has an exit code and, where there is one, the next command to type.

Anything raised that is not a `PlinyError` is a bug, and is shown as one.
"""


class PlinyError(Exception):
    """An error of the user or of the environment: one sentence, and a hint that says what to type next."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(PlinyError):
    """The command line itself is wrong."""

    exit_code = 2


class ConfigError(PlinyError):
    """A setting, plan, agent or program is missing or wrong."""


class NoPlanError(ConfigError):
    """There is no plan file."""


class PlanError(ConfigError):
    """A plan file is wrong at a place: `file`, and `line` and `column` from 1 where they are known."""

    def __init__(
        self, message: str, *, file: str, line: int | None = None, column: int | None = None, hint: str | None = None
    ) -> None:
        place = ":".join(str(part) for part in (file, line, column) if part is not None)
        super().__init__(f"{place}: {message}", hint=hint)
        self.file, self.line, self.column = file, line, column


class NotFoundError(PlinyError):
    """A session, checkpoint or agent of that name does not exist."""


class GitError(PlinyError):
    """Git refused or failed; the message carries git's own words."""


class StorageError(PlinyError):
    """The disk is full, read-only or not permitted: what was to be kept could not be written."""


class BusyError(PlinyError):
    """Another process holds what is needed; the message says who."""


class CorruptError(PlinyError):
    """Something stored is not what it should be and could not be repaired."""


class AgentFailedError(PlinyError):
    """An agent of the plan failed for good."""

    exit_code = 3


class WouldOverwriteError(PlinyError):
    """Refused, so as not to overwrite work."""

    exit_code = 4


class OverBudgetError(PlinyError):
    """A further attempt would go beyond a budget; the session can be resumed with a higher one."""

    exit_code = 5


class InterruptedRunError(PlinyError):
    """The user interrupted the run; it can be resumed."""

    exit_code = 130
