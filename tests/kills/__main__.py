"""The command line: which kills to try, and what came of each."""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from kills import trials
from kills.calls import Point, points
from kills.lab import PLANS, Lab, can_trace
from kills.trials import Calm, Result


def main() -> int:
    """Try what was asked for; 1 where something did not hold."""
    asked = _arguments()
    done = set(asked.log.read_text().splitlines()) if asked.log and asked.log.exists() else set()
    deadline = time.monotonic() + asked.seconds if asked.seconds else None
    bad = tried = killed = 0
    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        lab = Lab(Path(name), asked.keep, asked.plan)
        calm = trials.undisturbed(lab, "calm")
        for result in _results(asked, lab, calm, {line.split("\t")[0] for line in done}):
            tried, killed, bad = tried + 1, killed + result.killed, bad + bool(result.problems)
            _tell(asked.log, result)
            if deadline is not None and time.monotonic() > deadline:
                print("the time is over; the same command goes on with the rest")
                break
    print(f"{tried} tried, {killed} killed, {bad} with problems")
    return 1 if bad else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/kills/run", description=__doc__)
    parser.add_argument("--plan", choices=PLANS, default=PLANS[0], help="where the agents work")
    parser.add_argument("--all", action="store_true", help="every system call, and 300 random times")
    parser.add_argument("--calls", metavar="TEXT", help="every system call whose name, as shown, contains TEXT")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="N system calls, chosen at random")
    parser.add_argument("--random", type=int, default=0, metavar="N", help="N trials with kills at random times")
    parser.add_argument("--seed", type=int, default=1, help="of the first random trial, and of the sample")
    parser.add_argument("--list", action="store_true", help="only name the system calls")
    parser.add_argument("--log", type=Path, help="note each trial here, and leave out those that are noted")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="copy the repositories of trials with a problem there"
    )
    parser.add_argument("--seconds", type=float, help="begin no trial after so long")
    return parser.parse_args()


def _results(asked: argparse.Namespace, lab: Lab, calm: Calm, done: set[str]) -> Iterator[Result]:
    todo = [point for point in _points(asked, lab) if str(point) not in done]
    if asked.list:
        print(*todo, f"{len(todo)} system calls", sep="\n")
        return
    print(f"{len(todo)} system calls to kill at", flush=True)
    for number, point in enumerate(todo):
        yield trials.at(lab, point, calm, name=f"call-{number}", look=number % 2 == 0, to_end=number % 10 == 0)
    for seed in range(asked.seed, asked.seed + (300 if asked.all else asked.random)):
        if f"random {seed}" not in done:
            yield trials.at_random(lab, seed, calm, name=f"random-{seed}")


def _points(asked: argparse.Namespace, lab: Lab) -> list[Point]:
    if not (asked.all or asked.calls or asked.sample or asked.list):
        return []
    if not can_trace():
        sys.exit("strace is missing, or not allowed to trace here")
    traces = lab.folder / "traces"
    trials.undisturbed(lab, "traced", traces)
    found = [point for point in points(traces) if not asked.calls or asked.calls in str(point)]
    random.Random(asked.seed).shuffle(found)  # so that a part of them is a sample
    return found[: asked.sample or None]


def _tell(log: Path | None, result: Result) -> None:
    what = "PROBLEM" if result.problems else "ok" if result.killed else "ok, not reached"
    mended = [f"mended: {words}" for words in result.mended]
    print(f"{what:<16} {result.seconds:5.1f}s  {result.name}", *result.problems, *mended, sep="\n    ", flush=True)
    if log is not None and not result.problems:
        with log.open("a") as file:
            file.write(f"{result.name}\t{what}\n")


sys.exit(main())
