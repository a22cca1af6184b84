"""What came of a request to a model, as it passes from the thread that makes all requests to the one that waits."""

from typing import Protocol

import msgspec

from git_pliny.runners.base import Reply, Result


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The text, and what is known of it; or `error`, a sentence without the key in it, and what that follows from."""

    text: str = ""
    result: Result | None = None
    reply: Reply | None = None
    error: str | None = None
    exception: str | None = None
    http_status: int | None = None
    retry_after_s: float | None = None
    timed_out: bool = False


class Pending(Protocol):
    """A request under way."""

    def answer(self) -> Answer | None:
        """Block until it has ended; None where it was cancelled."""
        ...

    def cancel(self) -> None:
        """Close its connection. Returns at once, and may be called again."""
        ...
