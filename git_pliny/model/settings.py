"""The settings that decide how a plan is executed, as typed values. Where they come from is `config`'s business."""

from enum import StrEnum

import msgspec


class Backoff(StrEnum):
    EXPONENTIAL = "exponential"
    LINEAR = "linear"
    FIXED = "fixed"


class CheckpointWhen(StrEnum):
    """When a snapshot is taken by itself; `step` is C-A-R-E's word for `phase`."""

    PHASE = "phase"
    AGENT = "agent"
    STEP = "step"
    MANUAL = "manual"


class Isolation(StrEnum):
    NONE = "none"


class Category(StrEnum):
    """The kinds of failure; DESIGN section 6 says how each is retried."""

    NETWORK = "network"
    AI = "ai"
    TOOL = "tool"
    CONFIG = "config"
    VALIDATION = "validation"
    SYSTEM = "system"


class RetryStrategy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How often and after which delay to try again; `None` leaves a value to the next layer. Delays in milliseconds."""

    max_retries: int | None = None
    backoff: Backoff | None = None
    initial_delay: int | None = None
    max_delay: int | None = None


class ErrorRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A user's rule: where `match` (a regular expression) is found in the output, or the exit status is in `exit`."""

    category: Category
    match: str | None = None
    exit: tuple[int, ...] = ()
    recoverable: bool | None = None


class ExecutionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    framework: str | None = None
    parallel: bool = False
    checkpoint: CheckpointWhen = CheckpointWhen.PHASE
    jobs: int = 4
    max_retries: int | None = None
    isolation: Isolation = Isolation.NONE
    fail_fast: bool = False
    timeout: str | None = None
    """Default time limit of an agent, like `10m`; none where absent."""
    grace: str = "10s"
    """How long a process group has to end after TERM before it is killed."""
    iterations: int = 5
    """How many iterations a manifest runs in bounded mode."""
    sanity_limit: int = 100
    """After how many iterations continuous mode stops by itself."""


class ErrorHandling(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    retry_strategies: dict[Category, RetryStrategy] = {}
    rules: tuple[ErrorRule, ...] = ()
    max_delay: int = 300_000
    """No retry waits longer than this, in milliseconds, unless the server itself asked for more."""


class OutputSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    limit: int = 1_048_576
    """Bytes of one attempt's output that are stored in git; more is stored as its head and tail."""


class MaskingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    variables: tuple[str, ...] = ()
    """Further environment variables (shell patterns) whose values are masked."""
    patterns: tuple[str, ...] = ()
    """Further regular expressions whose matches are masked."""
    keep: tuple[str, ...] = ()
    """Environment variables (shell patterns) that are never masked."""


class SessionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    prune_after: str = "30d"
    """How old a finished session is before `session prune` takes it."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting; the same sections and keys in `config.toml`, `pliny.yaml`, the environment and `config set`."""

    execution: ExecutionSettings = ExecutionSettings()
    error_handling: ErrorHandling = ErrorHandling()
    output: OutputSettings = OutputSettings()
    masking: MaskingSettings = MaskingSettings()
    session: SessionSettings = SessionSettings()
