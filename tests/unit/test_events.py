import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trails import SESSION, chained, event, trails

from git_pliny.errors import CorruptError
from git_pliny.model.events import Chain, EventType, Line, parse_line, parse_lines, parse_time, render_time, union


def test_a_line_has_its_keys_in_the_order_of_the_design() -> None:
    line = chained([event(EventType.AGENT_START, "a", 1, command="true")])[0]
    assert list(json.loads(line.raw)) == ["ts", "run", "seq", "type", "phase", "agent", "attempt", "data", "prev"]


def test_what_does_not_apply_is_left_out_of_a_line_and_data_never_is() -> None:
    line = chained([event(EventType.SESSION_RESUME)])[0]
    assert list(json.loads(line.raw)) == ["ts", "run", "seq", "type", "data", "prev"]


def test_each_line_names_the_digest_of_the_one_before_and_the_first_that_of_the_session() -> None:
    first, second = chained([event(EventType.SESSION_RESUME), event(EventType.SESSION_RESUME)])
    assert first.entry.prev == sha256(SESSION.encode()).hexdigest()
    assert second.entry.prev == sha256(first.raw).hexdigest() == first.digest


def test_time_goes_on_within_a_run_though_the_clock_jumps_back() -> None:
    chain = Chain(session=SESSION, run="aaaaaaaa", after=500)
    times = [chain.link(event(EventType.SESSION_RESUME), now).entry.ts for now in (100, 900, 900, 3)]
    assert times == sorted(set(times))
    assert parse_time(times[0]) == 501


def test_a_moment_lies_between_the_entries_around_it_though_the_clock_jumps_back() -> None:
    chain = Chain(session=SESSION, run="aaaaaaaa", after=500)
    before = chain.link(event(EventType.SESSION_RESUME), 900).entry.ts
    moment = render_time(chain.moment(3))
    after = chain.link(event(EventType.SESSION_RESUME), 3).entry.ts
    assert before < moment < after


def test_a_chain_that_is_reset_links_as_if_nothing_had_been_linked_since() -> None:
    chain = Chain(session=SESSION, run="aaaaaaaa", after=0)
    chain.link(event(EventType.SESSION_RESUME), 5)
    mark = chain.mark()
    lost = chain.link(event(EventType.SESSION_RESUME), 9)
    chain.reset(mark)
    assert chain.link(event(EventType.SESSION_RESUME), 9) == lost


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"null",
        b"[1]",
        b'{"ts":"2026-01-01T00:00:00.000000Z"}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"ts":"9999-99-99T00:00:00.000000Z","run":"aaaaaaaa","seq":1,"type":"x","data":{},"prev":"'
        + b"0" * 64
        + b'"}',
        b'{"ts":"2026-01-01T00:00:00.000000Z","run":"../../..","seq":1,"type":"x","data":{},"prev":"'
        + b"0" * 64
        + b'"}',
        b'{"ts":"2026-01-01T00:00:00.000000Z","run":"aaaaaaaa","seq":0,"type":"x","data":{},"prev":"'
        + b"0" * 64
        + b'"}',
    ],
)
def test_what_is_no_entry_is_passed_over(raw: bytes) -> None:
    assert parse_line(raw) is None
    assert list(parse_lines(b"\n" + raw + b"\n")) == []


def test_an_entry_of_a_newer_version_is_kept_to_the_byte() -> None:
    raw = (
        b'{"ts":"2026-01-01T00:00:00.000000Z","run":"aaaaaaaa","seq":1,"type":"new","new":1,"data":{},"prev":"'
        + b"0" * 64
        + b'"}'
    )
    line = parse_line(raw)
    assert line is not None
    assert line.raw == raw


def test_the_end_of_time_is_an_error_and_no_crash() -> None:
    chain = Chain(session=SESSION, run="aaaaaaaa", after=parse_time("9999-12-31T23:59:59.999999Z"))
    with pytest.raises(CorruptError):
        chain.link(event(EventType.SESSION_RESUME), 0)


@given(st.integers(0, 253_402_300_799_999_999))
def test_times_come_back_as_they_were(moment: int) -> None:
    text = render_time(moment)
    assert len(text) == 27
    assert parse_time(text) == moment


@given(trails())
def test_lines_come_back_as_they_were(runs: list[list[Line]]) -> None:
    lines = [line for run in runs for line in run]
    assert list(parse_lines(b"\n".join(line.raw for line in lines))) == lines


@given(trails(), trails(), trails())
def test_union_is_commutative_associative_and_idempotent(
    one: list[list[Line]], two: list[list[Line]], three: list[list[Line]]
) -> None:
    a, b, c = (union(*runs) for runs in (one, two, three))
    assert union(a, b) == union(b, a)
    assert union(union(a, b), c) == union(a, union(b, c))
    assert union(a, a) == a
