"""What an attempt's outcome means: success or which failure, and how the trail tells it."""

import math
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from git_pliny.model.failure import Evidence, Failure, classify
from git_pliny.model.payloads import AgentEnd, Spent
from git_pliny.model.plan import Agent
from git_pliny.model.session import AgentStatus, ErrorRecord, Tokens
from git_pliny.model.settings import Category, ErrorRule
from git_pliny.runners.base import Outcome, Result, Verdict
from git_pliny.runners.leftovers import Leftover
from git_pliny.runners.results import read_verdict

AGAIN_EXIT = 10
"""The exit status by which an evaluate agent without a result file asks for another round (DESIGN section 5)."""

_SUMMARY = 2000


class MaskText(Protocol):
    """Takes secrets out of text."""

    def mask_text(self, text: str) -> str: ...


class Conclusion(msgspec.Struct, frozen=True, kw_only=True):
    """How an attempt counts; `failure` is None for a success."""

    outcome: Outcome
    failure: Failure | None
    verdict: Verdict | None = None

    @property
    def spent(self) -> Spent | None:
        """What the attempt says that it cost."""
        result = self.outcome.result
        if result is None or (result.cost_usd is None and result.tokens is None):
            return None
        return Spent(tokens=result.tokens, cost_usd=result.cost_usd)


def conclude(
    outcome: Outcome, agent: Agent, *, rules: Sequence[ErrorRule], leftovers: Sequence[Leftover], judges: bool
) -> Conclusion:
    """The meaning of an outcome; `judges` is for an agent whose verdict decides whether the plan goes round again."""
    if leftovers:
        return Conclusion(outcome=outcome, failure=_still_alive(leftovers))
    if outcome.failed_check is not None:
        return Conclusion(outcome=outcome, failure=_unproven(outcome.failed_check))
    if judges and _is_answered(outcome):
        outcome, failure = _judged(outcome)
        if failure is not None:
            return Conclusion(outcome=outcome, failure=failure)
    verdict = _verdict(outcome) if judges else None
    if verdict is not None or outcome.succeeded:
        return Conclusion(outcome=outcome, failure=None, verdict=verdict)
    evidence = Evidence(
        exit_code=outcome.exit_code,
        signal=outcome.signal,
        timed_out=outcome.timed_out and outcome.error is None,  # what kept it waiting says more
        launch_errno=outcome.launch_errno,
        launch_error=outcome.launch_error,
        refusal=outcome.refusal,
        exception=outcome.exception,
        http_status=outcome.http_status,
        retry_after_s=outcome.retry_after_s,
        missing_deliverables=outcome.missing_deliverables,
        invalid_result=outcome.invalid_result,
        unusable=outcome.error if outcome.exit_code == 0 and not outcome.tail else None,
        tail=outcome.tail,
    )
    return Conclusion(outcome=outcome, failure=classify(evidence, rules=rules, retry_on_exit=agent.retry_on_exit))


def error_data(conclusion: Conclusion, failure: Failure, masking: MaskText) -> dict[str, Any]:
    """The `data` of an `error` entry."""
    record = msgspec.to_builtins(_error(failure, masking))
    outcome = conclusion.outcome
    spent = ({"spent": msgspec.to_builtins(conclusion.spent)} | _priced(outcome)) if conclusion.spent else {}
    signal = {"signal": outcome.signal} if outcome.signal is not None else {}
    return {**record, "exit_code": outcome.exit_code, **signal, "duration_s": _seconds(outcome), **spent}


def spent_data(outcome: Outcome) -> dict[str, Any] | None:
    """The `data` of a `spend` entry; None where the attempt told nothing."""
    spent = Conclusion(outcome=outcome, failure=None).spent
    if spent is None:
        return None
    return {"spent": msgspec.to_builtins(spent), "duration_s": _seconds(outcome), **_priced(outcome)}


def _priced(outcome: Outcome) -> dict[str, Any]:
    """Whose prices the cost is from, where the agent did not tell it."""
    source = outcome.result.cost_from if outcome.result else None
    return {"cost_from": source} if source else {}


def end_data(
    conclusion: Conclusion,
    masking: MaskText,
    *,
    phase: str,
    attempts: int,
    started_at: str | None,
    ended_at: str,
    before: Spent | None,
) -> dict[str, Any]:
    """The `data` of an `agent_end` entry: the agent's record, what this attempt cost, and what it said of itself.

    `before` is what the agent's earlier attempts cost.
    """
    outcome, failure = conclusion.outcome, conclusion.failure
    total = _together(before, conclusion.spent)
    end = AgentEnd(
        status=AgentStatus.COMPLETED if failure is None else AgentStatus.FAILED,
        started_at=started_at,
        duration_s=_seconds(outcome),
        exit_code=outcome.exit_code,
        error=_error(failure, masking) if failure else None,
        spent=conclusion.spent,
        verdict=conclusion.verdict.value if conclusion.verdict else None,
        score=outcome.result.score if outcome.result else None,
    )
    record = {
        "phase": phase,
        "status": end.status.value,
        "attempts": attempts,
        "started_at": started_at,
        "ended_at": ended_at,
        "duration_s": end.duration_s,
        "exit_code": end.exit_code,
        "tokens": msgspec.to_builtins(total.tokens),
        "cost_usd": total.cost_usd,
        "error": msgspec.to_builtins(end.error),
    }
    said = {"spent": msgspec.to_builtins(end.spent), "verdict": end.verdict, "score": end.score}
    said["summary"] = _summary(outcome.result, masking)
    if outcome.signal is not None:
        said["signal"] = outcome.signal
    if outcome.denied:
        said["denied"] = [masking.mask_text(name) for name in outcome.denied]
    return record | {key: value for key, value in said.items() if value is not None} | _priced(outcome)


def _together(one: Spent | None, two: Spent | None) -> Spent:
    known = [spent for spent in (one, two) if spent is not None]
    tokens = [spent.tokens for spent in known if spent.tokens is not None]
    costs = [spent.cost_usd for spent in known if spent.cost_usd is not None]
    cost_usd = round(sum(costs), 9) if costs else None
    return Spent(tokens=sum(tokens, start=Tokens()) if tokens else None, cost_usd=cost_usd)


def _verdict(outcome: Outcome) -> Verdict | None:
    if outcome.timed_out or outcome.missing_deliverables or outcome.invalid_result or outcome.error:
        return None
    said = outcome.result.verdict if outcome.result else None
    if outcome.exit_code == AGAIN_EXIT:
        return said or Verdict.AGAIN
    return (said or Verdict.DONE) if outcome.exit_code == 0 else None


def _is_answered(outcome: Outcome) -> bool:
    """Whether a coding agent ended well, and has not said its verdict in its result file."""
    said = outcome.result.verdict if outcome.result else None
    return said is None and outcome.answer is not None and outcome.succeeded


def _judged(outcome: Outcome) -> tuple[Outcome, Failure | None]:
    """The outcome with the verdict at the end of its answer: its exit status, which is not its own, is none."""
    found, problem = read_verdict(outcome.answer or "")
    if found is None:
        failure = Failure(
            category=Category.VALIDATION,
            recoverable=True,
            reason="it was to judge, and gave no verdict that can be read",
            message=problem or 'its answer must end with its verdict, a line like {"verdict": "again", "score": 7}',
        )
        return outcome, failure
    own = outcome.result or Result()
    score = found.score if own.score is None else own.score
    result = msgspec.structs.replace(own, verdict=found.verdict, score=score, summary=found.summary or own.summary)
    return msgspec.structs.replace(outcome, result=result), None


def _unproven(said: str) -> Failure:
    """Another attempt may get it right, once it knows what the check found."""
    return Failure(category=Category.VALIDATION, recoverable=True, reason="its check failed", message=said)


def _still_alive(leftovers: Sequence[Leftover]) -> Failure:
    pids = ", ".join(str(leftover.pid) for leftover in leftovers[:10])
    return Failure(
        category=Category.SYSTEM,
        recoverable=False,
        reason="processes of an earlier attempt of this agent are still alive",
        message=f"processes of an earlier attempt still live: {pids}; end them, or pass --ignore-leftovers",
        retry_after_s=None,
    )


def _error(failure: Failure, masking: MaskText) -> ErrorRecord:
    return ErrorRecord(
        category=failure.category.value,
        recoverable=failure.recoverable,
        reason=masking.mask_text(failure.reason),
        message=masking.mask_text(failure.message),
    )


def _summary(result: Result | None, masking: MaskText) -> str | None:
    return masking.mask_text(result.summary)[:_SUMMARY] if result and result.summary else None


def _seconds(outcome: Outcome) -> float:
    return round(outcome.duration_s, 6) if math.isfinite(outcome.duration_s) else 0.0
