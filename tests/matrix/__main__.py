"""Every coding agent that is installed here meets every fault of a model's server, through `git pliny execute`."""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import coding_agents
from model_faults import serving_faults

from matrix import programs
from matrix.trials import FAULTS, Result, tried


def main() -> int:
    """Try what was asked for; 1 where an agent did not do as expected."""
    asked = _arguments()
    if asked.install:
        places = [os.fspath(folder.absolute()) for folder in programs.folders(asked.install)]
        os.environ["PLINY_TEST_AGENTS"] = os.pathsep.join(filter(None, (*places, os.environ.get("PLINY_TEST_AGENTS"))))
        programs.install(asked.install, [name for name in asked.only if not coding_agents.is_installed(name)])
    presets = [name for name in asked.only if coding_agents.is_installed(name)]
    for name in set(asked.only) - set(presets):
        print(f"{name}: not installed here")
    results = {**_done(asked.log), **{result.name: result for result in _results(asked, presets)}}
    _table(results, presets, asked.faults)
    return 1 if any(result.problems for result in results.values()) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/matrix/run", description=__doc__)
    parser.add_argument("--install", type=Path, metavar="DIR", help="use the programs in DIR, and install missing ones")
    parser.add_argument(
        "--only",
        type=_names(list(coding_agents.PROGRAMS)),
        default=list(coding_agents.PROGRAMS),
        metavar="A,B",
        help="these presets; else all",
    )
    parser.add_argument(
        "--faults",
        type=_names(list(FAULTS)),
        default=list(FAULTS),
        metavar="X,Y",
        help=f"these faults; else all: {', '.join(FAULTS)}",
    )
    parser.add_argument("-j", "--jobs", type=int, default=2, metavar="N", help="N trials at a time")
    parser.add_argument("--log", type=Path, help="note each trial here, and leave out those that went well before")
    parser.add_argument("--record", type=Path, metavar="DIR", help="keep what each agent printed there")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="copy the repositories of trials with a problem there")
    parser.add_argument("--seconds", type=float, help="begin no trial after so long")
    return parser.parse_args()


class _names:  # noqa: N801 - a type, as argparse calls what reads an argument
    def __init__(self, known: list[str]) -> None:
        self.known = known

    def __call__(self, text: str) -> list[str]:
        names = text.split(",")
        if unknown := [name for name in names if name not in self.known]:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known: {', '.join(self.known)}")
        return names


def _done(log: Path | None) -> dict[str, Result]:
    lines = log.read_text().splitlines() if log and log.exists() else []
    return {result.name: result for result in (Result(**json.loads(line)) for line in lines)}


def _results(asked: argparse.Namespace, presets: list[str]) -> Iterator[Result]:
    well = {name for name, result in _done(asked.log).items() if not result.problems}
    # By fault, so that no program waits for itself, and the quick faults of all come first.
    todo = [(name, fault) for fault in asked.faults for name in presets if f"{name} {fault}" not in well]
    deadline = time.monotonic() + (asked.seconds or float("inf"))
    print(f"{len(todo)} trials", flush=True)
    with tempfile.TemporaryDirectory(prefix="matrix-") as name, serving_faults() as server:

        def work(preset: str, fault: str) -> Result | None:
            if time.monotonic() > deadline:
                return None
            folder = Path(name) / f"{preset}-{fault}"
            folder.mkdir()
            try:
                result = tried(preset, fault, server, folder, asked.record)
            except Exception as error:  # noqa: BLE001 - one trial that breaks is a problem of its own
                result = Result(preset=preset, fault=fault, seconds=0, requests=0, told="", problems=[repr(error)])
            if asked.keep and result.problems:
                _keep(folder, asked.keep)
            shutil.rmtree(folder, ignore_errors=True)
            return result

        with ThreadPoolExecutor(asked.jobs) as pool:
            for future in as_completed([pool.submit(work, preset, fault) for preset, fault in todo]):
                if result := future.result():
                    _tell(asked.log, result)
                    yield result


def _keep(folder: Path, place: Path) -> None:
    shutil.rmtree(place / folder.name, ignore_errors=True)
    with suppress(OSError):  # sockets and the like
        shutil.copytree(folder, place / folder.name, symlinks=True)


def _tell(log: Path | None, result: Result) -> None:
    what = "PROBLEM" if result.problems else "ok"
    said = f"{what:<8}{result.seconds:6.1f}s  {result.requests:3} requests  {result.name}: {result.told}"
    print(said, *result.problems, sep="\n    ", flush=True)
    if log is not None:
        with log.open("a") as file:
            file.write(json.dumps(asdict(result)) + "\n")


def _table(results: dict[str, Result], presets: list[str], faults: list[str]) -> None:
    print()
    print("fault".ljust(12), *(name.rjust(14) for name in presets), sep="")
    for fault in faults:
        cells = [results.get(f"{name} {fault}") for name in presets]
        print(fault.ljust(12), *(_cell(result).rjust(14) for result in cells), sep="")


def _cell(result: Result | None) -> str:
    if result is None:
        return "-"
    return f"{'PROBLEM' if result.problems else 'ok'} {result.seconds:.0f} s"


if __name__ == "__main__":
    sys.exit(main())
