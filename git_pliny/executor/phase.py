"""One phase under way: starts ready agents, takes outcomes in, retries, and has everything recorded before it counts.

All of it on the coordinator's thread. The end of one agent and the start of the next are written together: one sync.
"""

import math
from collections import deque
from typing import Any

import msgspec

from git_pliny.executor.attempt import Conclusion, conclude
from git_pliny.executor.budgets import Budgets, OverBudget, is_cut_short
from git_pliny.executor.desk import Desk
from git_pliny.executor.isolation import IsolatedJob, is_isolated
from git_pliny.executor.job import Finished, Job
from git_pliny.executor.jobs import make_job
from git_pliny.executor.merging import Merging
from git_pliny.executor.queue import Queue
from git_pliny.executor.records import Records
from git_pliny.executor.resolving import Intake, Resolution, Settled
from git_pliny.executor.retry import RetryPolicy
from git_pliny.executor.schedule import Schedule
from git_pliny.executor.waiting import Waiting
from git_pliny.executor.workers import Interrupt
from git_pliny.model.events import EventType
from git_pliny.model.failure import Failure
from git_pliny.model.plan import Phase
from git_pliny.model.settings import CheckpointWhen
from git_pliny.store.checkpoints import CheckpointKind, Occasion

_HORIZON_S = 0.05
_MOST_AHEAD = 32
_LONGEST_SILENCE_S = 0.02
_SHORTEST_S = 0.001


class PhaseLoop:
    """The execution of some agents of one phase, to the end of all that can run."""

    def __init__(self, desk: Desk, phase: Phase, agents: list[str]) -> None:
        order = desk.order
        self._desk = desk
        self._phase = phase
        self._judges = order.plan.rounds is not None and order.plan.rounds.verdict == phase.name
        self._schedule = Schedule(
            agents,
            {name: order.plan.agents[name].needs for name in agents},
            parallel=order.is_parallel(phase),
            fail_fast=order.settings.execution.fail_fast if phase.fail_fast is None else phase.fail_fast,
        )
        self._jobs: dict[str, Job] = {}
        self._reports: deque[Finished | Interrupt] = deque()
        """What the workers told and is still to be heeded; what ends the phase early counts the rest as well."""
        self._queue = Queue(self._schedule, desk.holds, self._provider)
        self._waiting = Waiting(desk)
        self._retries: dict[str, int] = {}
        self._merging = Merging(desk, phase)
        self._intake = Intake(desk, phase, self._merging)
        self._budgets = Budgets(desk, phase)
        self._records = Records(desk)
        self._resolutions: dict[str, Resolution] = {}
        self._usual_s = math.inf
        self._enough = 0
        self._written_at = -math.inf
        self.failed: list[str] = []
        self.over_budget: OverBudget | None = None
        self.interrupted: Interrupt | None = None

    def run(self) -> None:
        """Run until nothing of the phase is under way and nothing more can start.

        Whatever ends it early, a full disk for one, it leaves no agent running.
        """
        try:
            self._loop()
        except BaseException:
            self._abandon()
            raise

    def _loop(self) -> None:
        if self._desk.workers.interrupted is not None:
            self._interrupt(self._desk.workers.interrupted)
        while True:
            if not self._may_linger():
                jobs = self._start()
                self._desk.commit()
                self._written_at = self._desk.order.monotonic()
                self._jobs.update((job.attempt.agent.name, job) for job in jobs)
                self._desk.workers.submit(jobs)
                self._enough = self._desk.workers.ahead // 2
            if not self._jobs and not self._queue.has_waiting:
                self._merging.end()
                return
            self._reports.extend(self._desk.workers.next(self._patience()))
            while self._reports:
                report = self._reports.popleft()
                if isinstance(report, Interrupt):
                    self._interrupt(report)
                else:
                    self._finish(report)

    def _may_linger(self) -> bool:
        """Whether ends may wait for more of them, to be written with one sync: while no slot is free for lack of it.

        Only where attempts are over in an instant, and then for no more than an instant.
        """
        if self._desk.workers.ahead <= self._enough or self.interrupted is not None:
            return False
        return self._desk.order.monotonic() < self._written_at + _LONGEST_SILENCE_S

    def _patience(self) -> float | None:
        """Seconds to wait for reports: until somebody in the queue may start, or what lingers is to be written."""
        at = self._queue.next_at() if len(self._jobs) < self._desk.order.settings.execution.jobs else None
        until = [] if at is None else [at]
        if self._desk.waiting:
            until.append(self._written_at + _LONGEST_SILENCE_S)
        return max(min(until) - self._desk.order.monotonic(), 0.0) if until else None

    def _start(self) -> list[Job]:
        """Jobs for what may start: for the free slots, and ahead of them for those that will soon be free.

        So that no slot waits for a sync, and one sync does for several attempts: the start of the next one is durable
        before the last one has ended. Agents that take their time have none handed over ahead.
        """
        now = self._desk.order.monotonic()
        slots = self._desk.order.settings.execution.jobs
        ahead = 0 if self._budgets.is_limited else min(int(slots * _HORIZON_S / self._usual_s), _MOST_AHEAD)
        if self._budgets.is_limited:
            self._desk.commit()  # so that what ended counts
        free = slots + ahead - len(self._jobs)
        jobs: list[Job] = []
        while len(jobs) < free:
            is_ahead = len(self._jobs) + len(jobs) >= slots
            if (name := self._queue.take(now, ahead=is_ahead)) is None:
                break
            if self._budgets.is_limited and (over := self._budgets.over(name)):
                self._hold(name, over)
                break
            jobs.append(self._make(name))
            self._desk.workers.tend()
        if self._budgets.is_limited and not jobs and not self._jobs:
            self._wait_within_budget(now)
        return jobs

    def _wait_within_budget(self, now: float) -> None:
        """Nothing is under way: stop, rather than wait for what a budget of time will not let start."""
        name, at = self._queue.first(), self._queue.next_at()
        if name is not None and at is not None and (over := self._budgets.over(name, in_s=max(at - now, 0.0))):
            self._hold(name, over)

    def _provider(self, name: str) -> str:
        resolution = self._resolutions.get(name)
        return (resolution.resolver if resolution else self._desk.order.plan.agents[name]).provider

    def _hold(self, name: str, over: OverBudget) -> None:
        """Start nothing more: the agent would go beyond a budget. What runs comes to its end."""
        self.over_budget = self.over_budget or over
        self._schedule.dropped(name)
        self._schedule.hold()
        self._queue.drop()

    def _make(self, name: str) -> Job:
        left_s = self._budgets.time_left_s(name)
        if not is_isolated(self._desk.order, self._phase, self._desk.order.plan.agents[name]):
            self._merging.is_shared = True
            return make_job(self._desk, self._phase, name, time_left_s=left_s)
        resolution = self._resolutions.get(name)
        return make_job(self._desk, self._phase, name, merging=self._merging, resolution=resolution, time_left_s=left_s)

    def _finish(self, report: Finished) -> None:
        try:
            self._heed(report)
        except BaseException:
            report.job.settled(kept=False)
            raise
        report.job.settled(kept=True)

    def _heed(self, report: Finished) -> None:
        name = report.job.attempt.agent.name
        del self._jobs[name]
        if report.outcome is None:
            raise report.error or RuntimeError(f"the worker of {name} reported nothing")
        self._records.reply(report.job, report.outcome)
        if report.outcome.cancelled:
            self._records.cut_off(report.job, report.outcome)
            self._keep_version(report.job, f"interrupted-{name}", CheckpointKind.INTERRUPTED)
            self._schedule.dropped(name)
            return
        agent = report.job.attempt.agent
        self._learn(report.outcome.duration_s)
        rules = self._desk.order.settings.error_handling.rules
        conclusion = conclude(report.outcome, agent, rules=rules, leftovers=report.job.leftovers, judges=self._judges)
        conclusion = self._waiting.heed(report.job, self._budgets.heed(report.job, conclusion))
        if conclusion.failure is None:
            self._succeed(report.job, conclusion)
        else:
            self._fail(report.job, conclusion, conclusion.failure)

    def _learn(self, duration_s: float) -> None:
        """Keep in mind how long attempts take of late."""
        known = duration_s if math.isinf(self._usual_s) else self._usual_s
        self._usual_s = max(known + (duration_s - known) / 4, _SHORTEST_S)

    def _succeed(self, job: Job, conclusion: Conclusion) -> None:
        name = job.attempt.agent.name
        data = self._records.end_data(job, conclusion)
        settled = self._settle(job, data)
        if settled.resolution is not None:
            self._have_resolved(job, conclusion, settled, settled.resolution)
            return
        if settled.failure is not None:
            failed = msgspec.structs.replace(conclusion, failure=settled.failure)
            self._lose(job, self._records.end_data(job, failed) | settled.data)
            return
        self._records.end(job, data)
        self._schedule.completed(name)
        if self._desk.order.settings.execution.checkpoint is CheckpointWhen.AGENT:
            self._checkpoint(job, name, CheckpointKind.AGENT)

    def _settle(self, job: Job, data: dict[str, Any]) -> Settled:
        """Take in what an isolated attempt made."""
        if not isinstance(job, IsolatedJob):
            return Settled()
        return self._intake.settle(job, data, self._resolutions.get(job.attempt.agent.name))

    def _have_resolved(self, job: Job, conclusion: Conclusion, settled: Settled, resolution: Resolution) -> None:
        """The agent's next attempt is made by the one that resolves conflicts."""
        name = job.attempt.agent.name
        assert settled.failure is not None  # noqa: S101 - a conflict is one
        self._records.error(job, conclusion, settled.failure, settled.data)
        self._resolutions[name] = resolution
        if self._schedule.stopped or self.over_budget:
            self._schedule.dropped(name)
        else:
            self._queue.delay(name, self._desk.order.monotonic())

    def _unresolved(self, name: str) -> dict[str, Any]:
        """The conflicts that an agent was to resolve, and failed to."""
        resolution = self._resolutions.get(name)
        return Settled(conflicts=resolution.conflicts).data if resolution else {}

    def _lose(self, job: Job, data: dict[str, Any]) -> None:
        """An agent failed for good: say so, and what can't run now."""
        name = job.attempt.agent.name
        self._records.end(job, data)
        self.failed.append(name)
        for blocked in self._schedule.failed(name):
            self._desk.note(EventType.AGENT_BLOCK, agent=blocked, phase=self._phase.name, data={"by": name})
        if self._schedule.stopped:
            self._cancel(now=False)

    def _fail(self, job: Job, conclusion: Conclusion, failure: Failure) -> None:
        name, order = job.attempt.agent.name, self._desk.order
        retries = self._retries.get(name, 0)
        policy = RetryPolicy.resolve(failure.category, agent=job.attempt.agent, settings=order.settings)
        delay_s = policy.delay_s(retries, retry_after_s=failure.retry_after_s, rng=order.rng)
        may_retry = failure.recoverable and policy.allows(retries) and not self._waiting.is_too_long(failure)
        is_retried = is_cut_short(job, conclusion) or may_retry
        if is_retried and not self._schedule.stopped:
            self._retries[name] = retries + 1
            self._keep_version(job, f"error-{name}", CheckpointKind.ERROR)
            self._records.error(job, conclusion, failure)
            self._waiting.hold(job, failure, delay_s)
            self._retry(job, conclusion, failure, delay_s)
            return
        self._lose(job, self._records.end_data(job, conclusion) | self._unresolved(name))
        self._waiting.hold(job, failure, delay_s)
        if not self._keep_version(job, f"error-{name}", CheckpointKind.ERROR):
            self._checkpoint(job, f"error-{name}", CheckpointKind.ERROR)

    def _keep_version(self, job: Job, name: str, kind: CheckpointKind) -> bool:
        """Keep what an isolated attempt changed before it ended badly; False where there is nothing of the kind."""
        if not isinstance(job, IsolatedJob) or not job.has_changes:
            return False
        return self._merging.keep_aside(job, name, kind) is not None

    def _retry(self, job: Job, conclusion: Conclusion, failure: Failure, delay_s: float) -> None:
        """Have the next attempt wait its time, unless there is a budget that it would go beyond."""
        name = job.attempt.agent.name
        if self._budgets.is_limited:
            self._desk.commit()  # so that what the attempt spent counts
            is_up = is_cut_short(job, conclusion)
            over = self._budgets.time_is_up(name) if is_up else self._budgets.over(name, in_s=delay_s)
            if over := self.over_budget or over:
                self._hold(name, over)
                return
        self._records.retry(job, failure, retry=self._retries[name], delay_s=delay_s)
        self._desk.commit()
        self._queue.delay(name, self._desk.order.monotonic() + delay_s)

    def _checkpoint(self, job: Job, name: str, kind: CheckpointKind) -> None:
        attempt = job.attempt
        occasion = Occasion(name=name, kind=kind, phase=attempt.phase, agent=attempt.agent.name, attempt=attempt.number)
        if isinstance(job, IsolatedJob):
            self._merging.checkpoint(occasion)
        else:
            self._desk.checkpoint(occasion)

    def _interrupt(self, kind: Interrupt) -> None:
        self.interrupted = kind
        self._schedule.stop()
        self._cancel(now=kind is Interrupt.AT_ONCE)

    def _abandon(self) -> None:
        self._cancel(now=False)
        while self._jobs:
            if not self._reports:
                self._reports.extend(self._desk.workers.next(None))
            report = self._reports.popleft()
            if isinstance(report, Finished):
                self._jobs.pop(report.job.attempt.agent.name, None)
                report.job.settled(kept=False)
            else:
                self._cancel(now=True)

    def _cancel(self, *, now: bool) -> None:
        self._queue.drop()
        for job in self._jobs.values():
            job.cancel(now=now)
