"""What single lines say: codes in fixed places, quotations, suppositions, and lines that are only displayed."""

import pytest

from git_pliny.model.failure_blocks import displayed
from git_pliny.model.failure_codes import meaning_of_code, meaning_of_codes, meaning_of_numbers
from git_pliny.model.failure_forms import Form
from git_pliny.model.failure_lines import line_of
from git_pliny.model.failure_meanings import (
    AUTH,
    DATA,
    NETWORK_TIMEOUT,
    OVERLOADED,
    QUOTA,
    RATE,
    SERVER,
    SETTING,
    Meaning,
)
from git_pliny.model.failure_reading import read


def _meaning(tail: str) -> Meaning | None:
    finding = read(tail).finding
    return finding.meaning if finding else None


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("rate_limit_error", RATE),
        ("RESOURCE_EXHAUSTED", RATE),
        ("com.amazonaws.dynamodb.v20120810#ThrottlingException", RATE),
        ("SlowDown", OVERLOADED),
        ("insufficient_balance", QUOTA),
        ("permission_error", AUTH),
        ("RequestTimeout", NETWORK_TIMEOUT),
        ("UNAVAILABLE", SERVER),
        ("NoSuchKey", None),
        ("tokens", None),
    ],
)
def test_a_code_is_read_like_the_name_of_an_exception(code: str, meaning: Meaning | None) -> None:
    assert meaning_of_code(code) == meaning


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("An error occurred (RequestTimeout) when calling the PutObject operation: x", NETWORK_TIMEOUT),
        ("<Error><Code>SlowDown</Code><Message>x</Message></Error>", OVERLOADED),
        ("operation error S3: PutObject, api error ExpiredToken: x", AUTH),
        ("Error from server (TooManyRequests): x", RATE),
        ('{"type":"error","error":{"type":"overloaded_error","message":"x"}}', OVERLOADED),
        ('{\\"error\\": {\\"status\\": \\"RESOURCE_EXHAUSTED\\"}}', RATE),
        ('{"type": "overloaded_error"}', OVERLOADED),
        ('{"kind": "x", "type": "timeout"}', None),
        ("An error occurred (NoSuchKey) when calling the GetObject operation: x", None),
    ],
)
def test_a_code_counts_in_the_places_where_services_put_it(text: str, meaning: Meaning | None) -> None:
    assert meaning_of_codes(text, error=False) == meaning


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ('{"error": {"code": 429, "message": "x"}}', RATE),
        ('{"error": {"message": "x", "status_code": "503"}}', SERVER),
        ("operation error STS: x, https response error StatusCode: 403, RequestID: 1", AUTH),
        ('{"code": 503}', None),
        ('{"code": 503, "error": null}', None),
        ('{"error": {"code": 404}}', None),
    ],
)
def test_a_status_in_an_error_in_json_counts(text: str, meaning: Meaning | None) -> None:
    assert meaning_of_numbers(text, error=False) == meaning


def test_where_a_line_is_known_to_be_an_error_its_codes_need_no_other_sign() -> None:
    assert meaning_of_codes('{"type": "timeout"}', error=True) == NETWORK_TIMEOUT
    assert meaning_of_numbers('{"code": 503}', error=True) == SERVER


@pytest.mark.parametrize(
    "text",
    [
        "the text 'connection refused' is missing from the page",
        "a page that says \u201cECONNREFUSED\u201d must not be cached",
        '"503 Service Unavailable"',
        'the error "Connection refused" in your log means that nothing listens there',
        "the API returns 529 overloaded_error when busy",
        "the client gives up if the network is unreachable",
        "a caller should see rate_limit_exceeded",
    ],
)
def test_what_a_line_only_speaks_of_is_no_evidence(text: str) -> None:
    assert _meaning(text) is None


@pytest.mark.parametrize(
    "text",
    [
        'failed with "Connection refused"',
        "uncaught exception with message 'connection refused'",
        "error: 'connection refused'",
        'msg="ECONNREFUSED"',
        "couldn't say 'hello: connection refused",
        "error: could not go on if the network is unreachable",
    ],
)
def test_a_quotation_that_states_the_cause_counts(text: str) -> None:
    assert _meaning(text) is not None


def test_the_lines_of_a_hunk_are_only_displayed() -> None:
    texts = ["@@ -1,2 +1,2 @@ f", "-error: Connection refused", "+x", " y", "error: Connection refused"]
    assert displayed(texts) == {0, 1, 2, 3}


def test_a_hunk_that_was_cut_ends_where_another_line_begins() -> None:
    assert displayed(["@@ -1,9 +1,9 @@", "", "fatal: x", " y"]) == {0, 1}


def test_what_stands_between_fences_is_only_displayed() -> None:
    assert displayed(["a", "```sh", "error: x", "```", "b", "```"]) == {1, 2, 3}


def test_a_warning_that_a_log_went_on_after_is_not_the_cause_of_an_error_below() -> None:
    tail = "WARNING: request failed: Connection refused\nINFO: request sent again\nERROR: row 3 is empty"
    assert _meaning(tail) is None
    assert _meaning(tail.replace("INFO", "WARNING")) is not None


def test_a_quota_that_another_line_of_the_answer_names_makes_a_rate_limit_last() -> None:
    tail = '{\n  "message": "You exceeded your current quota",\n  "error": {"status": "RESOURCE_EXHAUSTED"}\n}'
    assert _meaning(tail) == QUOTA


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ('{"level":"warn","msg":"x"}', Form.WARNING),
        ('time="10:00" level=error msg="x"', Form.ERROR),
        ("level=info msg=x", Form.INFORMATION),
        ("E1122 22:09:53.271037   12463 x.go:265] x", Form.ERROR),
        ("::error file=a.c::x", Form.ERROR),
        ("##[error]x", Form.ERROR),
        ("Mar 28 16:59:03 host prog[14676]: error: x", Form.ERROR),
        ("web-1  | error: x", Form.ERROR),
        ("docs/a.md:12:Connection refused", Form.IGNORED),
        ("127.0.0.1:5000:Connection refused", Form.OTHER),
    ],
)
def test_levels_are_read_where_logs_put_them(text: str, form: Form) -> None:
    assert line_of(text).form is form


@pytest.mark.parametrize(
    "text",
    [
        "status 503 Service Unavailable: retry",
        "connection refused: handled",
        "error: 503 Service Unavailable page has no title",
        "'ETIMEDOUT' !== 'ECONNREFUSED'",
        "What does ECONNREFUSED mean?",
        "hint: retry on 503 Service Unavailable",
    ],
)
def test_what_did_no_harm_is_no_evidence(text: str) -> None:
    assert _meaning(text) is None


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("[API Error: 401 x]", AUTH),
        ("error: 503 Service Unavailable", SERVER),
        ("hint: the index could not be queried (401 Unauthorized)", AUTH),
        ("/usr/lib/x.rb:18:in `open': 503 Service Unavailable (OpenURI::HTTPError)\n\tfrom -e:1:in `<main>'", SERVER),
        ('-e:1:in `fetch\': key not found: "API_TOKEN" (KeyError)', SETTING),
    ],
)
def test_statuses_and_names_are_read_in_the_forms_of_other_languages(text: str, meaning: Meaning) -> None:
    assert _meaning(text) == meaning


@pytest.mark.parametrize(
    "text",
    [
        "The server returns an error when it is overloaded.",
        "connection timed out, retrying... done.",
        '> raise ConnectionError("connection refused")',
        "return Err(Error::ConnectionRefused)",
    ],
)
def test_a_line_that_describes_quotes_or_survives_is_no_evidence(text: str) -> None:
    assert _meaning(text) is None


def test_an_exception_whose_name_tells_the_cause_is_no_failed_expectation() -> None:
    assert _meaning("com.google.gson.JsonSyntaxException: Expected BEGIN_OBJECT but was STRING") == DATA
    assert _meaning("org.opentest4j.AssertionFailedError: expected: <a> but was: <b>") is None


def test_words_in_an_answer_say_more_than_its_status() -> None:
    tail = '{\n  "error": "all used all available credits of the team",\n  "http_status": 403\n}'
    assert _meaning(tail) == QUOTA
    assert _meaning(tail.replace("used all available credits", "nothing")) == AUTH
