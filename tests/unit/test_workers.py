"""Workers: how many attempts run at a time, which of them wait on a thread, and what is told of each."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from git_pliny.executor.job import Finished, Job
from git_pliny.executor.workers import Interrupt, Workers
from git_pliny.model.plan import Agent
from git_pliny.runners import process
from git_pliny.runners.base import Attempt, Outcome, Runner, Watchable
from git_pliny.runners.command import CommandRunner
from git_pliny.runners.leftovers import Leftover

PATIENCE_S = 10.0
MakeJob = Callable[..., Job]


class Blocking:
    """A runner whose attempts can only be waited for; each ends when it is let go."""

    def __init__(self, outcome: Outcome) -> None:
        self.waited: list[str] = []
        self.let_go = threading.Event()
        self._outcome = outcome

    def start(self, attempt: Attempt) -> "Blocking":
        return self

    def wait(self) -> Outcome:
        self.waited.append(threading.current_thread().name)
        assert self.let_go.wait(PATIENCE_S)
        return self._outcome

    def cancel(self, *, now: bool = False) -> None:
        self.let_go.set()


class Broken:
    """A runner with a bug."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def start(self, attempt: Attempt) -> "Broken":
        raise self._error

    def wait(self) -> Outcome:
        raise AssertionError

    def cancel(self, *, now: bool = False) -> None:
        raise AssertionError


class Bent(Blocking, Watchable):
    """A runner whose descriptors are none."""

    def __init__(self) -> None:
        super().__init__(Outcome())

    def start(self, attempt: Attempt) -> "Bent":
        return self

    def descriptor(self) -> int | None:
        return "no descriptor"  # type: ignore[return-value]  # the bug

    def collect(self) -> Outcome | None:
        raise AssertionError

    def lasts(self) -> None:
        raise AssertionError


@pytest.fixture
def make(tmp_path: Path) -> MakeJob:
    def make_job(
        run: str,
        name: str = "a",
        *,
        runner: Runner | None = None,
        clear: Callable[[], list[Leftover]] | None = None,
        refusal: Outcome | None = None,
        deliverables: tuple[str, ...] = (),
    ) -> Job:
        attempt = Attempt(
            session="s",
            run="0badcafe",
            phase="p",
            number=1,
            agent=Agent(name=name, run=run, deliverables=deliverables),
            root=tmp_path,
            environ=dict(os.environ),
            folder=tmp_path / "output" / f"{name}@1-0badcafe",
            grace_s=0.2,
        )
        return Job(attempt, runner or CommandRunner(), clear, refusal=refusal)

    return make_job


@pytest.fixture
def two() -> Iterator[Workers]:
    workers = Workers(2)
    yield workers
    workers.close()


def told(workers: Workers, count: int) -> dict[str, Outcome]:
    """What that many jobs came to, by their agents, in the order of their ends."""
    found: dict[str, Outcome] = {}
    while len(found) < count:
        reports = workers.next(PATIENCE_S)
        assert reports, "nothing is reported"
        for report in reports:
            assert isinstance(report, Finished)
            assert report.outcome is not None, report.error
            found[report.job.attempt.agent.name] = report.outcome
    return found


def only(workers: Workers) -> Finished:
    (report,) = workers.next(PATIENCE_S)
    assert isinstance(report, Finished)
    return report


@pytest.fixture(params=["descriptors", "threads"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to wait for a process: a system may offer no descriptor for it."""
    if request.param == "threads":
        monkeypatch.setattr(process, "_open_pidfd", None)


@pytest.mark.usefixtures("way")
def test_no_more_run_at_a_time_than_there_are_slots(two: Workers, make: MakeJob, tmp_path: Path) -> None:
    line = "mkdir running-$PLINY_AGENT; ls -d running-* >> seen-$PLINY_AGENT; sleep 0.02; rmdir running-$PLINY_AGENT"
    two.submit([make(line, f"a{number}") for number in range(8)])
    assert {outcome.exit_code for outcome in told(two, 8).values()} == {0}
    counts = [len(path.read_text().splitlines()) for path in tmp_path.glob("seen-*")]
    assert len(counts) == 8
    assert max(counts) <= 2


@pytest.mark.usefixtures("way")
def test_what_is_handed_over_later_runs_too(two: Workers, make: MakeJob) -> None:
    for number in range(20):
        two.submit([make("true", f"a{number}")])
        assert told(two, 1)[f"a{number}"].exit_code == 0


@pytest.mark.usefixtures("way")
def test_all_slots_are_used_at_once(two: Workers, make: MakeJob) -> None:
    meet = "touch here-$PLINY_AGENT; while ! test -e here-a || ! test -e here-b; do sleep 0.01; done"
    two.submit([make(meet, "a"), make(meet, "b")])
    assert set(told(two, 2)) == {"a", "b"}


def test_a_process_that_a_descriptor_tells_of_takes_no_thread(two: Workers, make: MakeJob) -> None:
    if process._open_pidfd is None:
        pytest.skip("this system has no descriptors for processes")
    before = set(threading.enumerate())
    two.submit([make("read x < pipe || true; sleep 0.1", "a"), make("sleep 0.1", "b")])
    time.sleep(0.03)
    assert not set(threading.enumerate()) - before
    told(two, 2)


def test_a_failure_whose_rest_takes_its_time_holds_nobody_up(two: Workers, make: MakeJob) -> None:
    fails = "(trap '' TERM; touch trapped; exec sleep 60) & while ! test -e trapped; do sleep 0.01; done; exit 1"
    two.submit([make(fails, "slow"), make("while ! test -e trapped; do sleep 0.01; done", "b"), make("true", "c")])
    found = told(two, 3)
    assert list(found)[-1] == "slow"
    assert found["slow"].exit_code == 1


def test_an_attempt_without_a_descriptor_is_waited_for_on_a_thread(two: Workers, make: MakeJob) -> None:
    runner = Blocking(Outcome(exit_code=0))
    two.submit([make("-", "a", runner=runner), make("-", "b", runner=runner), make("true", "c")])
    assert two.next(0.05) == []
    runner.let_go.set()
    assert set(told(two, 3)) == {"a", "b", "c"}
    assert sorted(runner.waited) == ["waiter-1", "waiter-2"]


def test_threads_are_used_again(two: Workers, make: MakeJob) -> None:
    runner = Blocking(Outcome(exit_code=0))
    runner.let_go.set()
    for number in range(5):
        two.submit([make("-", f"a{number}", runner=runner)])
        told(two, 1)
    assert set(runner.waited) == {"waiter-1"}


def test_clearing_holds_up_nobody_else(two: Workers, make: MakeJob) -> None:
    cleared = threading.Event()

    def clear() -> list[Leftover]:
        assert cleared.wait(PATIENCE_S)
        return []

    two.submit([make("true", "a", clear=clear), make("true", "b")])
    assert list(told(two, 1)) == ["b"]
    cleared.set()
    assert told(two, 1)["a"].exit_code == 0


def test_what_is_left_of_an_earlier_attempt_keeps_the_next_from_starting(
    two: Workers, make: MakeJob, tmp_path: Path
) -> None:
    left = Leftover(pid=7, pgid=7, command="x", escaped=True)
    two.submit([make("touch started", clear=lambda: [left])])
    report = only(two)
    assert report.job.leftovers == [left]
    assert not (tmp_path / "started").exists()


def test_a_refused_attempt_ends_as_it_begins(two: Workers, make: MakeJob, tmp_path: Path) -> None:
    refusal = Outcome(launch_errno=2, launch_error="no")
    two.submit([make("touch started", refusal=refusal)])
    assert told(two, 1)["a"] == refusal
    assert not (tmp_path / "started").exists()


def test_what_is_declared_is_kept_as_it_was_when_the_attempt_ended(two: Workers, make: MakeJob, tmp_path: Path) -> None:
    job = make("echo new > report", deliverables=("report",))
    two.submit([job])
    assert told(two, 1)["a"].missing_deliverables == ()
    (tmp_path / "report").write_text("later\n")
    assert (job.attempt.deliverables / "report").read_text() == "new\n"


def test_what_waits_for_a_slot_can_be_cancelled(make: MakeJob, tmp_path: Path) -> None:
    workers = Workers(1)
    first, second = make("sleep 60", "a"), make("touch started", "b")
    workers.submit([first, second])
    for job in (second, first):
        job.cancel(now=True)
    found = told(workers, 2)
    assert found["a"].cancelled
    assert found["b"].cancelled
    assert not (tmp_path / "started").exists()
    workers.close()


@pytest.mark.usefixtures("way")
def test_what_runs_can_be_cancelled(two: Workers, make: MakeJob, tmp_path: Path) -> None:
    job = make("touch started; sleep 60")
    two.submit([job])
    deadline = time.monotonic() + PATIENCE_S
    while not (tmp_path / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    job.cancel(now=False)
    assert told(two, 1)["a"].cancelled


@pytest.mark.parametrize("clear", [None, list])
def test_a_bug_of_a_runner_is_handed_over(
    two: Workers, make: MakeJob, clear: Callable[[], list[Leftover]] | None
) -> None:
    error = ValueError("a bug")
    two.submit([make("-", runner=Broken(error), clear=clear)])
    report = only(two)
    assert report.outcome is None
    assert report.error is error
    two.submit([make("true", "b")])
    assert told(two, 1)["b"].exit_code == 0


def test_a_thread_that_the_system_does_not_give_is_told(
    two: Workers, make: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    two.submit([make("-", runner=Blocking(Outcome()))])
    assert isinstance(only(two).error, RuntimeError)


def test_nothing_is_reported_before_something_ends(two: Workers) -> None:
    assert two.next(0.0) == []


def test_an_interrupt_arrives_among_the_reports(two: Workers) -> None:
    two.interrupt(Interrupt.POLITE)
    assert two.next(PATIENCE_S) == [Interrupt.POLITE]
    assert two.interrupted is Interrupt.POLITE


def test_closing_ends_the_threads_and_their_descriptors(make: MakeJob) -> None:
    def descriptors() -> int:
        return sum(1 for number in range(256) if _is_open(number))

    threads, files = threading.active_count(), descriptors()
    unused, used = Workers(1), Workers(1)
    used.submit([make("-", runner=Broken(ValueError()), clear=list)])
    only(used)
    unused.close()
    used.close()
    deadline = time.monotonic() + PATIENCE_S
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.005)
    assert threading.active_count() == threads
    assert descriptors() == files


def _is_open(number: int) -> bool:
    with suppress(OSError):
        os.fstat(number)
        return True
    return False


def test_a_bug_of_what_a_runner_started_is_handed_over(two: Workers, make: MakeJob) -> None:
    two.submit([make("-", runner=Bent())])
    assert isinstance(only(two).error, TypeError)
