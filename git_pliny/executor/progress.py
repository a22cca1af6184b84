"""What the coordinator tells whoever shows progress: every entry, once it is durable."""

from collections.abc import Sequence
from typing import Protocol

from git_pliny.model.events import Line
from git_pliny.model.fold import Fold


class Reporter(Protocol):
    """Shows a run to its user. Called on the coordinator's thread; `state` is to be read, not kept or changed."""

    def entries(self, lines: Sequence[Line], state: Fold) -> None:
        """Something happened, and is durable; what was written together is told together."""
        ...

    def warn(self, text: str) -> None:
        """Something that the user should know and that is no event."""
        ...
