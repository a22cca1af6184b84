"""What was spent, added up. What nobody told is unknown: it is never counted as nothing."""

import msgspec

from git_pliny.model.payloads import Spent
from git_pliny.model.session import Tokens


class Spending(msgspec.Struct, kw_only=True):
    """What is known to have been spent, added up."""

    tokens: Tokens | None = None
    cost_usd: float | None = None

    def spend(self, spent: Spent | None) -> None:
        """Add what one attempt told."""
        if spent is None:
            return
        if spent.tokens is not None:
            self.tokens = spent.tokens if self.tokens is None else self.tokens + spent.tokens
        if spent.cost_usd is not None:
            self.cost_usd = round((self.cost_usd or 0.0) + spent.cost_usd, 9)
