"""The order of evidence, what each kind of evidence says, and what people are told."""

import errno
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_pliny.model.failure import DEFAULT_STRATEGIES, Evidence, Failure, classify
from git_pliny.model.settings import Backoff, Category, ErrorRule

RATE = "Error: Rate limit exceeded (429)"
REFUSED = "curl: (7) Failed to connect to localhost port 9: Connection refused"


def _said(failure: Failure) -> tuple[Category, bool]:
    return failure.category, failure.recoverable


# ---- the user's rules


def test_a_rule_wins_over_all_other_evidence() -> None:
    rule = ErrorRule(category=Category.CONFIG, match="licen[cs]e")
    evidence = Evidence(exit_code=75, timed_out=True, http_status=429, tail=f"no license\n{RATE}")
    assert _said(classify(evidence, rules=[rule])) == (Category.CONFIG, False)


def test_the_first_rule_that_fits_decides() -> None:
    rules = [
        ErrorRule(category=Category.AI, match="absent"),
        ErrorRule(category=Category.SYSTEM, exit=(3,)),
        ErrorRule(category=Category.NETWORK, match="tape"),
    ]
    assert classify(Evidence(exit_code=3, tail="tape broke"), rules=rules).category is Category.SYSTEM


def test_a_rule_says_recoverable_where_its_category_is_so_by_nature() -> None:
    def said(category: Category) -> bool:
        return classify(Evidence(exit_code=9), rules=[ErrorRule(category=category, exit=(9,))]).recoverable

    assert {category for category in Category if said(category)} == {Category.NETWORK, Category.AI}


@pytest.mark.parametrize("recoverable", [True, False])
def test_a_rule_can_say_whether_trying_again_helps(recoverable: bool) -> None:
    rule = ErrorRule(category=Category.TOOL, match="tape", recoverable=recoverable)
    assert classify(Evidence(exit_code=1, tail="tape broke"), rules=[rule]).recoverable is recoverable


def test_a_rule_quotes_the_line_that_it_fits() -> None:
    rule = ErrorRule(category=Category.NETWORK, match="^tape .*broke$")
    failure = classify(Evidence(exit_code=1, tail="start\ntape 3 broke\nend"), rules=[rule])
    assert failure.message == "tape 3 broke"
    assert failure.reason == 'output line "tape 3 broke": rule of error_handling'


def test_a_rule_with_nothing_to_look_for_or_a_broken_expression_never_fits() -> None:
    rules = [ErrorRule(category=Category.AI), ErrorRule(category=Category.AI, match="(")]
    assert classify(Evidence(exit_code=1, tail="("), rules=rules).category is Category.TOOL


def test_a_rule_sees_lines_only_up_to_a_bound() -> None:
    rule = ErrorRule(category=Category.AI, match="end$")
    assert classify(Evidence(exit_code=1, tail="x" * 5000 + "end"), rules=[rule]).category is Category.TOOL


# ---- facts


def test_needs_that_are_not_met_are_a_validation_failure_that_names_them() -> None:
    failure = classify(Evidence(unmet_needs=("I1.T1", "I1.T2")))
    assert _said(failure) == (Category.VALIDATION, False)
    assert failure.message == "needs not met: I1.T1, I1.T2"


def test_a_time_limit_of_the_agent_is_worth_another_try_whatever_was_printed() -> None:
    assert _said(classify(Evidence(timed_out=True, signal=15, tail=REFUSED))) == (Category.TOOL, True)


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        (errno.ENOENT, (Category.CONFIG, False)),
        (errno.EACCES, (Category.CONFIG, False)),
        (errno.ENOEXEC, (Category.CONFIG, False)),
        (errno.ENOMEM, (Category.SYSTEM, False)),
        (errno.ENOSPC, (Category.SYSTEM, False)),
        (errno.EMFILE, (Category.SYSTEM, False)),
        (errno.EAGAIN, (Category.TOOL, True)),
        (errno.ETXTBSY, (Category.TOOL, True)),
    ],
)
def test_why_a_program_could_not_be_started_decides(code: int, wanted: tuple[Category, bool]) -> None:
    failure = classify(Evidence(launch_errno=code, launch_error="./x cannot be started"))
    assert _said(failure) == wanted
    assert errno.errorcode[code] in failure.reason
    assert failure.message == "./x cannot be started"


def test_a_launch_error_without_a_number_is_a_missing_program() -> None:
    assert _said(classify(Evidence(launch_error="no shell"))) == (Category.CONFIG, False)


# ---- typed exceptions and HTTP statuses


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("httpx.ConnectTimeout", (Category.NETWORK, True)),
        ("requests.exceptions.ConnectionError", (Category.NETWORK, True)),
        ("TimeoutError", (Category.NETWORK, True)),
        ("socket.gaierror", (Category.NETWORK, True)),
        ("openai.RateLimitError", (Category.AI, True)),
        ("anthropic.OverloadedError", (Category.AI, True)),
        ("ContextWindowExceededError", (Category.AI, False)),
        ("AuthenticationError", (Category.CONFIG, False)),
        ("google.api_core.exceptions.PermissionDenied", (Category.CONFIG, False)),
        ("PermissionError", (Category.SYSTEM, False)),
        ("MemoryError", (Category.SYSTEM, False)),
        ("json.JSONDecodeError", (Category.VALIDATION, False)),
        ("subprocess.TimeoutExpired", (Category.TOOL, True)),
        ("Errno::NoSuchThing", (Category.TOOL, False)),
    ],
)
def test_the_name_of_an_exception_decides(name: str, wanted: tuple[Category, bool]) -> None:
    assert _said(classify(Evidence(exception=name))) == wanted


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        (400, (Category.VALIDATION, False)),
        (401, (Category.CONFIG, False)),
        (402, (Category.AI, False)),
        (403, (Category.CONFIG, False)),
        (404, (Category.TOOL, False)),
        (408, (Category.NETWORK, True)),
        (429, (Category.AI, True)),
        (500, (Category.NETWORK, True)),
        (503, (Category.NETWORK, True)),
        (529, (Category.AI, True)),
        (200, (Category.TOOL, False)),
        (999, (Category.TOOL, False)),
    ],
)
def test_an_http_status_decides(status: int, wanted: tuple[Category, bool]) -> None:
    assert _said(classify(Evidence(http_status=status))) == wanted


def test_an_exception_says_more_than_the_exit_status() -> None:
    assert classify(Evidence(exception="ReadTimeout", exit_code=78)).category is Category.NETWORK


def test_a_429_for_a_quota_that_is_used_up_is_not_tried_again() -> None:
    tail = "You exceeded your current quota, please check your plan and billing details."
    assert _said(classify(Evidence(http_status=429, tail=tail))) == (Category.AI, False)


def test_a_403_for_a_rate_limit_is_tried_again() -> None:
    tail = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    assert _said(classify(Evidence(http_status=403, tail=tail))) == (Category.AI, True)


def test_a_404_of_an_unknown_model_is_the_models_failure() -> None:
    tail = "The model `gpt-9` does not exist or you do not have access to it."
    assert _said(classify(Evidence(http_status=404, tail=tail))) == (Category.AI, False)


# ---- exit status and signal


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        (75, (Category.TOOL, True)),
        (77, (Category.SYSTEM, False)),
        (78, (Category.CONFIG, False)),
        (124, (Category.TOOL, True)),
        (126, (Category.CONFIG, False)),
        (127, (Category.CONFIG, False)),
        (128, (Category.TOOL, False)),
        (137, (Category.TOOL, False)),
        (255, (Category.TOOL, False)),
    ],
)
def test_an_exit_status_with_a_meaning_decides(code: int, wanted: tuple[Category, bool]) -> None:
    failure = classify(Evidence(exit_code=code, tail="that did not work"))
    assert _said(failure) == wanted
    assert f"exit status {code}" in failure.reason


def test_an_exit_status_with_a_meaning_says_more_than_words() -> None:
    assert classify(Evidence(exit_code=75, tail=RATE)).category is Category.TOOL


def test_curls_exit_status_is_read_as_curls_own() -> None:
    failure = classify(Evidence(exit_code=78, tail="curl: (78) The resource does not exist"))
    assert _said(failure) == (Category.TOOL, False)


@pytest.mark.parametrize("evidence", [Evidence(exit_code=137), Evidence(signal=9)])
def test_a_kill_is_out_of_memory_only_with_evidence(evidence: Evidence) -> None:
    assert _said(classify(evidence)) == (Category.TOOL, False)
    assert "SIGKILL" in classify(evidence).message


def test_a_kill_with_the_kernels_word_is_out_of_memory() -> None:
    tail = "[123.4] Out of memory: Killed process 99 (node)\nKilled"
    assert _said(classify(Evidence(exit_code=137, tail=tail))) == (Category.SYSTEM, False)


def test_a_signal_of_no_name_is_told_by_its_number() -> None:
    assert classify(Evidence(signal=200)).message == "ended by signal 200"


def test_retry_on_exit_makes_a_failure_of_the_tool_recoverable() -> None:
    failure = classify(Evidence(exit_code=3, tail="no luck"), retry_on_exit=(3,))
    assert _said(failure) == (Category.TOOL, True)
    assert failure.reason == "exit status 3: asked for by retry_on_exit"


def test_retry_on_exit_takes_the_category_from_words_of_a_passing_cause() -> None:
    assert _said(classify(Evidence(exit_code=3, tail=RATE), retry_on_exit=(3,))) == (Category.AI, True)


def test_retry_on_exit_wins_over_words_of_a_lasting_cause() -> None:
    failure = classify(Evidence(exit_code=3, tail="error: No space left on device"), retry_on_exit=(3,))
    assert _said(failure) == (Category.TOOL, True)


def test_another_exit_status_is_not_meant_by_retry_on_exit() -> None:
    assert not classify(Evidence(exit_code=4), retry_on_exit=(3,)).recoverable


# ---- what an agent promised


def test_missing_deliverables_are_a_validation_failure_that_names_them() -> None:
    failure = classify(Evidence(exit_code=0, missing_deliverables=tuple(f"{n}.md" for n in range(7))))
    assert _said(failure) == (Category.VALIDATION, False)
    assert failure.message == "missing deliverables: 0.md, 1.md, 2.md, 3.md, 4.md and 2 more"


def test_a_malformed_result_file_is_a_validation_failure() -> None:
    failure = classify(Evidence(exit_code=0, invalid_result="score is not a number"))
    assert _said(failure) == (Category.VALIDATION, False)
    assert failure.message == "score is not a number"


def test_an_agent_that_failed_is_not_blamed_for_what_it_did_not_leave() -> None:
    evidence = Evidence(exit_code=7, missing_deliverables=("a.md",), invalid_result="", tail=REFUSED)
    assert classify(evidence).category is Category.NETWORK


# ---- what people are told, and how long to wait


def test_the_reason_quotes_the_line_and_says_what_it_means() -> None:
    failure = classify(Evidence(exit_code=1, tail=f"starting\n{RATE}\n"))
    assert failure.reason == f'output line "{RATE}": rate limit'
    assert failure.message == RATE


def test_without_evidence_the_last_error_is_shown() -> None:
    failure = classify(Evidence(exit_code=2, tail="begin\nerror: patch 3 is empty\nsee the manual\n"))
    assert failure.message == "error: patch 3 is empty"
    assert failure.reason == "exit status 2: command failed"


def test_without_output_the_ending_is_shown() -> None:
    assert classify(Evidence(exit_code=2)).message == "exit status 2"
    assert classify(Evidence()).message == "ended in an unknown way"


def test_messages_and_reasons_are_bounded_and_on_one_line() -> None:
    failure = classify(Evidence(exit_code=1, tail="error: Connection refused " + "x" * 100_000))
    assert len(failure.message) <= 300
    assert len(failure.reason) <= 300
    assert "\n" not in failure.message


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Error: Rate limit is exceeded. Try again in 17 seconds.", 17.0),
        ("429 Rate limit reached for model `x`. Please try again in 9m38.016s.", 578.016),
        ("429 Too Many Requests\nretry-after: 7", 7.0),
        ("Error: Rate limit exceeded. Please try again in 600ms.", 0.6),
        ("Rate limit exceeded. Retry after 2 hours 1 minute", 7260.0),
        ("Error: Rate limit exceeded. Try again in 40 days.", None),
        ("Error: Rate limit exceeded. Try again later.", None),
    ],
)
def test_the_wait_that_a_message_asks_for_is_read(text: str, seconds: float | None) -> None:
    assert classify(Evidence(exit_code=1, tail=text)).retry_after_s == (
        pytest.approx(seconds) if seconds is not None else None
    )


def test_a_quota_that_is_refilled_soon_is_a_rate_limit() -> None:
    tail = "[429] You exceeded your current quota, please check your plan. Please retry in 38.2s."
    failure = classify(Evidence(exit_code=1, tail=tail))
    assert (*_said(failure), failure.retry_after_s) == (Category.AI, True, 38.2)


def test_the_servers_own_header_wins_over_the_words() -> None:
    tail = "Error: Rate limit is exceeded. Try again in 17 seconds."
    assert classify(Evidence(exit_code=1, tail=tail, retry_after_s=4.0)).retry_after_s == 4.0


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -1.0, 0.0])
def test_a_senseless_wait_is_no_wait(seconds: float) -> None:
    assert classify(Evidence(http_status=503, retry_after_s=seconds)).retry_after_s is None


def test_a_failure_that_stays_has_no_wait() -> None:
    assert classify(Evidence(http_status=401, retry_after_s=5.0)).retry_after_s is None


def test_the_table_of_the_design_is_the_default() -> None:
    table = {
        category: (strategy.max_retries, strategy.backoff, strategy.initial_delay)
        for category, strategy in DEFAULT_STRATEGIES.items()
    }
    assert table[Category.NETWORK] == (3, Backoff.EXPONENTIAL, 1000)
    assert table[Category.AI] == (5, Backoff.EXPONENTIAL, 5000)
    assert table[Category.TOOL] == (2, Backoff.LINEAR, 2000)
    assert set(table) == set(Category)


# ---- any output


_LINES = st.lists(
    st.one_of(
        st.text(max_size=80),
        st.sampled_from(
            [RATE, REFUSED, "Traceback (most recent call last):", "ValueError: x", "5", '"code": 503,', "{"]
        ),
    ),
    max_size=40,
).map("\n".join)


@settings(deadline=None, max_examples=60)
@given(tail=_LINES, code=st.one_of(st.none(), st.integers(-300, 300)))
def test_no_output_makes_it_fail(tail: str, code: int | None) -> None:
    failure = classify(Evidence(exit_code=code, tail=tail))
    assert failure.message
    assert failure.retry_after_s is None or failure.recoverable


@settings(deadline=None, max_examples=30)
@given(
    words=st.text(alphabet="abeirot0345:. (['\"\\-\t", min_size=1, max_size=12), end=st.sampled_from(["", "\n", " "])
)
def test_long_monotonous_output_is_read_in_bounded_time(words: str, end: str) -> None:
    text = (words + end) * (65_536 // len(words + end))
    classify(Evidence(exit_code=1, tail=text))


def test_what_stands_far_above_the_end_does_not_matter() -> None:
    quiet = "working on it\n" * 3000
    assert _said(classify(Evidence(exit_code=1, tail=REFUSED + "\n" + quiet))) == (Category.TOOL, False)
