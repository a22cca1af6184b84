"""Signals while agents run: once is polite, and an echo of the first one is not a second one."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator

import pytest

from git_pliny.cli.interrupts import interrupting
from git_pliny.executor.workers import Interrupt, Workers

ECHO_S = 0.4


@pytest.fixture
def workers() -> Workers:
    return Workers(1)


def send(number: signal.Signals, *, times: int = 1, pause: float = 0.0) -> None:
    for _ in range(times):
        os.kill(os.getpid(), number)
        time.sleep(pause)


@contextlib.contextmanager
def restored(number: signal.Signals, handler: signal.Handlers) -> Iterator[None]:
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


def test_an_interrupt_reaches_the_coordinator_and_is_told(workers: Workers, capsys: pytest.CaptureFixture[str]) -> None:
    with interrupting(workers):
        send(signal.SIGINT, pause=ECHO_S)
    assert workers.interrupted is Interrupt.POLITE
    assert capsys.readouterr().err == ("interrupted: the agents are asked to end; once more to end them at once\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_who_ends_us_from_elsewhere_needs_no_note(
    workers: Workers, number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    with interrupting(workers):
        send(number)
    assert workers.interrupted is Interrupt.POLITE
    assert capsys.readouterr().err == ""


def test_one_keystroke_that_git_hands_on_as_well_counts_once(workers: Workers) -> None:
    with interrupting(workers):
        send(signal.SIGINT, times=3)
        assert workers.interrupted is Interrupt.POLITE


def test_a_second_one_ends_the_agents_at_once(workers: Workers, capsys: pytest.CaptureFixture[str]) -> None:
    with interrupting(workers):
        send(signal.SIGINT, times=2, pause=ECHO_S)
        assert workers.interrupted is Interrupt.AT_ONCE
    assert capsys.readouterr().err.endswith("the agents are ended at once\n")


def test_a_third_one_is_pythons_own(workers: Workers) -> None:
    with pytest.raises(KeyboardInterrupt), interrupting(workers):
        send(signal.SIGINT, times=3, pause=ECHO_S)


def test_what_was_ignored_stays_ignored(workers: Workers) -> None:
    with restored(signal.SIGHUP, signal.SIG_IGN), interrupting(workers):
        send(signal.SIGHUP)
        assert workers.interrupted is None


def test_afterwards_signals_mean_what_they_meant(workers: Workers) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with interrupting(workers):
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before
