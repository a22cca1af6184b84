"""One trial: the stages one after the other, a kill in one of them, and what has to follow."""

import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from git_pliny.model.session import SessionStatus
from kills import checks
from kills.calls import Point, was_killed
from kills.checks import Outcome, Seen
from kills.lab import MEND, STAGES, Ended, Lab, Trial, settle, with_no_error

_FAILED = (-9, 0, 1, 3, 4, 137)
"""What a disturbed stage may end with: killed, done all the same, or one of our refusals."""


@dataclass(frozen=True, slots=True)
class Result:
    """Whether the kill took place, and what did not hold."""

    name: str
    killed: bool
    problems: list[str]
    seconds: float
    mended: list[str]
    """What was left half done, and could be mended."""


@dataclass(frozen=True, slots=True)
class Calm:
    """An undisturbed trial: how it stood before each stage, what each came to, and how long it took."""

    before: dict[str, Trial]
    outcome: dict[str, Outcome]
    seconds: dict[str, float]


def undisturbed(lab: Lab, name: str, traces: Path | None = None) -> Calm:
    """A whole trial without a kill; with `traces`, every process traced into that folder."""
    trial = lab.trial(name)
    calm = Calm({}, {}, {})
    for stage in STAGES:
        calm.before[stage] = lab.trial(f"{name}-{stage}", trial)
        env = {}
        if traces is not None:
            (traces / stage).mkdir(parents=True)
            env = lab.traced(trial, KILLS_TRACES=str(traces / stage))
        begun = time.monotonic()
        ended = trial.start(stage, env).wait()
        calm.seconds[stage] = time.monotonic() - begun
        calm.outcome[stage] = checks.outcome(trial)
        if problems := [*checks.command(ended), *checks.finished(trial, [], calm.outcome[stage])]:
            raise AssertionError(problems)
    return calm


def at(lab: Lab, point: Point, calm: Calm, *, name: str, look: bool, to_end: bool) -> Result:
    """Kill at a point. With `look`, everything is looked at before it goes on; without, it goes on at once."""
    begun = time.monotonic()
    trial = lab.trial(name, calm.before[point.stage])
    before: list[Seen] = []
    problems: list[str] = []
    stages = list(STAGES)[list(STAGES).index(point.stage) :]
    for stage in stages if to_end else stages[:1]:
        if stage == point.stage:
            env = lab.traced(trial, KILLS_TARGET=point.process, KILLS_INJECT=point.inject)
            ended = trial.start(stage, env).wait()
            problems += checks.command(ended, allowed=_FAILED)
            problems += _after(trial, stage, ended, before, look=look)
        else:
            problems += checks.command(trial.start(stage).wait())
    killed = was_killed(trial.folder / "killed")
    mended = _finish(lab, trial, before, calm.outcome[stage], problems, look=look)
    return Result(str(point), killed, problems, time.monotonic() - begun, mended)


def at_random(lab: Lab, seed: int, calm: Calm, *, name: str) -> Result:
    """Kill at random times, up to three times in a stage: the coordinator's group, or all that the trial started."""
    begun = time.monotonic()
    rng = random.Random(seed)
    victim = rng.choice(["execute", *STAGES])
    trial = lab.trial(name, calm.before[victim])
    before: list[Seen] = []
    problems: list[str] = []
    killed = False
    for stage in list(STAGES)[list(STAGES).index(victim) :]:
        kills = rng.choice((1, 1, 2, 3)) if stage == victim else 0
        under = trial.start(stage)
        for number in range(kills):
            everything = rng.random() < 0.3
            time.sleep(rng.uniform(0.0, calm.seconds[stage] * 1.1))
            killed |= under.process.poll() is None
            _kill(trial, under.process.pid, everything=everything)
            ended = under.wait()
            problems += checks.command(ended, allowed=_FAILED)
            before.append(checks.observe(trial))
            if rng.random() < 0.5:
                problems += [*checks.repository(trial), *checks.readers(trial)]
            again = _again(trial, stage)
            if again is None:
                break
            if number < kills - 1:
                under = trial.start(again)
        if kills:
            problems += _recover(trial, stage, before)
        else:
            problems += checks.command(under.wait())
    mended = _finish(lab, trial, before, calm.outcome[stage], problems)
    return Result(f"random {seed}", killed, problems, time.monotonic() - begun, mended)


def _finish(
    lab: Lab, trial: Trial, before: list[Seen], wanted: Outcome, problems: list[str], *, look: bool = True
) -> list[str]:
    """Hold the end of a trial against the undisturbed one; once more where there was something to mend."""
    found = list(checks.finished(trial, before, wanted, look=look))
    mended: list[str] = []
    if found and before:
        checks.age_locks(trial)
        problems += checks.command(trial.pliny(*MEND))
        again = list(checks.finished(trial, before, wanted))
        found, mended = again, [problem for problem in found if problem not in again]
    problems += found
    trial.kill_all()
    if problems and lab.keep:
        shutil.copytree(trial.folder, lab.keep / trial.folder.name, symlinks=True)
    shutil.rmtree(trial.folder)
    return mended


def _kill(trial: Trial, group: int, *, everything: bool) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return
    if everything:
        for pid in list(trial.processes()):
            with_no_error(pid)


def _after(trial: Trial, stage: str, ended: Ended, before: list[Seen], *, look: bool) -> Iterator[str]:
    before.append(checks.observe(trial))
    if look:
        settle(trial)
        yield from checks.repository(trial)
        yield from checks.readers(trial)
    if ended.code != 0:
        yield from _recover(trial, stage, before)


def _recover(trial: Trial, stage: str, before: list[Seen]) -> Iterator[str]:
    again = _again(trial, stage)
    if again is None:
        return
    yield from checks.command(trial.start(again).wait())
    yield from checks.not_again(trial, before[-1])


def _again(trial: Trial, stage: str) -> str | None:
    """The stage that goes on after a kill; None where the killed one had done its work."""
    state = trial.fold()
    if stage in ("execute", "resume"):
        if state is not None and state.status is SessionStatus.COMPLETED:
            return None
        return ("again" if stage == "execute" else "resume") if state and state.id == _current(trial) else "execute"
    if stage == "rollback" and state is not None and state.rollbacks:
        return None
    if stage == "undo" and state is not None and state.rollbacks and state.rollbacks[-1].undo:
        return None
    if stage == "delete" and state is not None and "before-rollback" not in state.checkpoints:
        return None
    return stage


def _current(trial: Trial) -> str | None:
    done = trial.scratch.run("git", "symbolic-ref", "-q", "PLINY_HEAD")
    return done.stdout.strip().rpartition("/")[2] or None
