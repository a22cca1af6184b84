"""One thread for all timeouts."""

import threading
from collections.abc import Callable
from queue import SimpleQueue

import pytest

from git_pliny.runners.alarm import AlarmClock


def test_alarms_go_off_in_the_order_of_their_times() -> None:
    clock, rung = AlarmClock(), SimpleQueue[str]()
    clock.call_after(0.06, lambda: rung.put("second"))
    clock.call_after(0.01, lambda: rung.put("first"))
    assert [rung.get(timeout=5), rung.get(timeout=5)] == ["first", "second"]


def test_a_cleared_alarm_does_not_go_off() -> None:
    clock, rung = AlarmClock(), SimpleQueue[str]()
    cleared = clock.call_after(0.02, lambda: rung.put("cleared"))
    clock.call_after(0.05, lambda: rung.put("kept"))
    clock.clear(cleared)
    assert rung.get(timeout=5) == "kept"
    assert rung.empty()


def test_an_alarm_that_has_gone_off_may_be_cleared() -> None:
    clock, rung = AlarmClock(), SimpleQueue[str]()
    alarm = clock.call_after(0, lambda: rung.put("rung"))
    assert rung.get(timeout=5) == "rung"
    clock.clear(alarm)


def test_a_time_beyond_what_a_thread_can_sleep_is_no_error() -> None:
    clock, rung = AlarmClock(), SimpleQueue[str]()
    clock.call_after(1e300, lambda: rung.put("late"))
    clock.call_after(0.01, lambda: rung.put("soon"))
    assert rung.get(timeout=5) == "soon"


def test_there_is_no_thread_before_the_first_alarm_and_one_after_many() -> None:
    before = threading.active_count()
    clock = AlarmClock()
    assert threading.active_count() == before
    for _ in range(20):
        clock.call_after(1000, lambda: None)
    assert threading.active_count() == before + 1


def test_a_system_that_gives_no_thread_is_an_error_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(OSError, match="can't start new thread"):
        AlarmClock().call_after(1, lambda: None)
