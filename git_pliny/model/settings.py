"""The settings that decide how a plan is executed, as typed values. Where they come from is `config`'s business."""

from enum import StrEnum
from typing import Annotated

import msgspec

from git_pliny.model.duration import DURATION_PATTERN, parse_duration
from git_pliny.model.session import BudgetRecord

# `extra["check"]` names what `plans` and `config` check beyond the type.
Duration = Annotated[
    str,
    msgspec.Meta(
        pattern=DURATION_PATTERN, description="a duration like `10m`, `1h30m` or `90s`", extra={"check": "duration"}
    ),
]
Timeout = Annotated[
    str,
    msgspec.Meta(
        pattern=DURATION_PATTERN, description="a duration like `10m`, `1h30m` or `90s`", extra={"check": "timeout"}
    ),
]
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=86_400_000, description="a number of milliseconds, at most a day")]
Retries = Annotated[int, msgspec.Meta(ge=0, le=1000, description="a number of retries, 0 to 1000")]
Slots = Annotated[int, msgspec.Meta(ge=1, le=1024, description="a number from 1 to 1024")]
Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000, description="a number from 1 to 1000000")]
Bytes = Annotated[int, msgspec.Meta(ge=0, le=1 << 30, description="a number of bytes, at most 1 GiB")]
Dollars = Annotated[
    float, msgspec.Meta(gt=0, le=1e6, description="an amount of US dollars above 0, like `2.50`, at most a million")
]
TokenCount = Annotated[int, msgspec.Meta(ge=1, le=10**15, description="a number of tokens, 1 or more")]
ExitStatus = Annotated[int, msgspec.Meta(ge=0, le=255, description="an exit status, 0 to 255")]
IgnoredPath = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        description="a path or glob of ignored files below the repository root",
        extra={"check": "ignored-path"},
    ),
]
OnConflict = Annotated[
    str,
    msgspec.Meta(
        description="`fail`, or `agent:NAME` for the agent that resolves conflicts", extra={"check": "on-conflict"}
    ),
]
Regex = Annotated[
    str,
    msgspec.Meta(description="a regular expression", extra_json_schema={"format": "regex"}, extra={"check": "regex"}),
]


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
    """Where an agent works: in the workspace, or in a worktree of its own, whose changes are merged as it ends."""

    NONE = "none"
    WORKTREE = "worktree"


class SignWhen(StrEnum):
    """When checkpoint tags are signed; `auto`: as git's own `tag.gpgSign` says, with a warning where that fails."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


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

    max_retries: Retries | None = None
    backoff: Backoff | None = None
    initial_delay: Milliseconds | None = None
    max_delay: Milliseconds | None = None


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What may be spent before no further attempt starts; `None` leaves a kind without a limit.

    `tokens` are input and output together. `time` is the time worked, over all runs of a session, like `1h30m`.
    """

    cost_usd: Dollars | None = None
    tokens: TokenCount | None = None
    time: Timeout | None = None

    def record(self) -> BudgetRecord:
        """The budget as the trail and the session tell it."""
        time_s = None if self.time is None else parse_duration(self.time)
        return BudgetRecord(cost_usd=self.cost_usd, tokens=self.tokens, time_s=time_s)


class ErrorRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A user's rule: where `match` (a regular expression) is found in the output, or the exit status is in `exit`."""

    category: Category
    match: Regex | None = None
    exit: tuple[ExitStatus, ...] = ()
    recoverable: bool | None = None


class ExecutionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    framework: str | None = None
    use: str | None = None
    """The preset of a coding agent that runs the agents that do not say themselves what runs them."""
    allow: tuple[str, ...] = ()
    """Tools that this coding agent may use beside those that it uses anyway, in its own words, like `Bash`."""
    parallel: bool = False
    checkpoint: CheckpointWhen = CheckpointWhen.PHASE
    jobs: Slots = 4
    max_retries: Retries | None = None
    isolation: Isolation | None = None
    """None: `worktree` for coding agents that run side by side with others, else `none`."""
    worktree_include: tuple[IgnoredPath, ...] = ()
    """Ignored files (paths or globs) that are copied into the worktrees of isolated agents, like `.env`."""
    worktree_link: tuple[IgnoredPath, ...] = ()
    """Ignored files that are linked there instead: agents then work on the workspace's own."""
    on_conflict: OnConflict = "fail"
    """What becomes of an isolated agent's changes that conflict: it fails, or the named agent resolves them."""
    fail_fast: bool = False
    budget: Budget = Budget()
    """What the whole session may spend."""
    timeout: Timeout | None = None
    """Default time limit of an agent, like `10m`; none where absent."""
    grace: Duration = "10s"
    """How long a process group has to end after TERM before it is killed."""
    iterations: Count = 5
    """How many iterations a manifest runs in bounded mode."""
    sanity_limit: Count = 100
    """After how many iterations continuous mode stops by itself."""
    context_limit: Bytes = 1_048_576
    """Bytes of context files that an agent gets at most; more is refused."""
    prompt_limit: Bytes = 1_048_576
    """Bytes of a prompt once its template is rendered; more is refused."""


class ErrorHandling(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    retry_strategies: dict[Category, RetryStrategy] = {}
    rules: tuple[ErrorRule, ...] = ()
    max_delay: Milliseconds = 300_000
    """No retry waits longer than this, in milliseconds, unless the server itself asked for more."""
    max_wait: Duration = "1h"
    """No server is waited for longer than this: where it asks for more, the agent fails and can be run again later."""


class OutputSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    limit: Bytes = 1_048_576
    """Bytes of one attempt's output that are stored in git; more is stored as its head and tail."""


class MaskingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    variables: tuple[str, ...] = ()
    """Further environment variables (shell patterns) whose values are masked."""
    patterns: tuple[Regex, ...] = ()
    """Further regular expressions whose matches are masked."""
    keep: tuple[str, ...] = ()
    """Environment variables (shell patterns) that are never masked."""


class SessionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    prune_after: Duration = "30d"
    """How old a finished session is before `session prune` takes it."""


class SharingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    warn_size: Bytes = 50 * 1024 * 1024
    """From how many bytes on a push says beforehand how much it sends."""
    allow_secrets: bool = False
    """Send checkpoints without looking for files in them that look like secrets."""
    tombstone_age: Duration = "365d"
    """How long a deleted session is remembered, so that it does not come back from another clone."""
    sign: SignWhen = SignWhen.AUTO
    """Whether checkpoint tags are signed, with the key and the program that `git tag -s` uses."""
    require_on_push: bool = False
    """Whether the pre-push hook stops `git push` where the sessions of its commits can't be shared."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting; the same sections and keys in `config.toml`, `pliny.yaml`, the environment and `config set`."""

    execution: ExecutionSettings = ExecutionSettings()
    error_handling: ErrorHandling = ErrorHandling()
    output: OutputSettings = OutputSettings()
    masking: MaskingSettings = MaskingSettings()
    session: SessionSettings = SessionSettings()
    sharing: SharingSettings = SharingSettings()
