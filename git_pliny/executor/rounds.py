"""Whether a plan that judges itself goes round again (C-A-R-E, DESIGN section 5)."""

from enum import Enum

from git_pliny.executor.options import Order
from git_pliny.model.fold import EndedAttempt, Fold
from git_pliny.runners.base import Verdict


class NextRound(Enum):
    """What follows a round."""

    DONE = ""
    BEGIN = "begin"
    LIMIT = "the limit of rounds is reached, and the last verdict was 'again'"

    @property
    def reason(self) -> str:
        """Why it ends here, for people."""
        return self.value if self is NextRound.LIMIT else ""


def after_round(order: Order, state: Fold) -> NextRound:
    """Begin another round if an evaluate agent said `again`, within the limit, or past it while the score improves."""
    rounds = order.plan.rounds
    if rounds is None:
        return NextRound.DONE
    judges = order.plan.phases[[phase.name for phase in order.plan.phases].index(rounds.verdict)].agents
    ends = [[ended for ended in state.agents[name].ends if ended.counts] for name in judges]
    ends = [counting for counting in ends if counting]
    if not any(ended[-1].end.verdict == Verdict.AGAIN for ended in ends):
        return NextRound.DONE
    if order.options.iterations is not None:
        return NextRound.BEGIN if state.round < order.options.iterations else NextRound.LIMIT
    if order.options.continuous:
        return NextRound.BEGIN if state.round < order.settings.execution.sanity_limit else NextRound.LIMIT
    if state.round < rounds.limit or (state.round < rounds.ceiling and _improved(ends)):
        return NextRound.BEGIN
    return NextRound.LIMIT


def _improved(ends: list[list[EndedAttempt]]) -> bool:
    now, before = _score(ends, -1), _score(ends, -2)
    return now is not None and before is not None and now > before


def _score(ends: list[list[EndedAttempt]], place: int) -> float | None:
    """The mean score of the evaluate agents, in the last round or the one before."""
    scores = [ended[place].end.score for ended in ends if len(ended) >= -place]
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if known else None
