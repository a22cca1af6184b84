"""How the last lines of an output are read: which of them decides, and which are passed over."""

import pytest

from git_pliny.model.failure_forms import Form
from git_pliny.model.failure_lines import line_of, lines_of
from git_pliny.model.failure_meanings import NETWORK, RATE, SERVER, Meaning
from git_pliny.model.failure_reading import delay_in, read

REFUSED = "ssh: connect to host x port 22: Connection refused"


def _meaning(tail: str) -> Meaning | None:
    finding = read(tail).finding
    return finding.meaning if finding else None


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("error: no such thing", Form.ERROR),
        ("E: Unable to locate package x", Form.ERROR),
        ("2024-05-01T10:00:00Z [ERROR] no such thing", Form.ERROR),
        ("#13 73.79 fatal: early EOF", Form.ERROR),
        ("npm ERR! code E503", Form.ERROR),
        ("W: Failed to fetch http://x", Form.WARNING),
        ("WARNING: Retrying", Form.WARNING),
        ("[INFO] nothing to do here", Form.INFORMATION),
        ("10:00:00 INFO all workers done", Form.PROGRESS),
        ("Connected.", Form.PROGRESS),
        ("    at foo (/x/y.js:3:1)", Form.TRACE),
        ('  File "x.py", line 3, in f', Form.TRACE),
        ("----------", Form.TRACE),
        ("", Form.TRACE),
        ("6 failed, 1 passed in 0.66s", Form.SETTLED),
        ("src/main.c:12:5: error: expected ';'", Form.SETTLED),
        ("Segmentation fault (core dumped)", Form.SETTLED),
        ("- Fix the connection", Form.IGNORED),
        ("- download failed: timed out", Form.OTHER),
        ("if it fails, try again", Form.IGNORED),
        ('{"id": 429}', Form.IGNORED),
        ('{"is_error":false,"result":"x"}', Form.IGNORED),
        ('{"error": "x"}', Form.OTHER),
        ("it did not work", Form.OTHER),
    ],
)
def test_a_line_has_the_form_that_it_looks_like(text: str, form: Form) -> None:
    assert line_of(text).form is form


def test_letters_that_grow_in_lower_case_do_not_move_places() -> None:
    line = line_of("İİ error: x")
    assert len(line.low) == len(line.text)


def test_lines_come_without_what_only_a_terminal_understands() -> None:
    assert lines_of("\x1b[31mred\x1b[0m\x07\r\n10%\r50%\r100%\n", most=9, budget=999) == ["red", "100%", ""]


def test_of_a_long_line_begin_and_end_are_kept() -> None:
    (line,) = lines_of("begin" + "x" * 9000 + "end", most=9, budget=9999)
    assert line.startswith("begin")
    assert line.endswith("end")
    assert len(line) < 1000


def test_no_more_is_read_than_asked_for() -> None:
    assert lines_of("a\n" * 500, most=3, budget=999) == ["a", "a", ""]
    assert lines_of("12345\n12345\n12345", most=9, budget=11) == ["12345", "12345"]


def test_the_last_statement_of_a_cause_decides() -> None:
    assert _meaning(f"{REFUSED}\nError: Rate limit exceeded\n") == RATE
    assert _meaning(f"Error: Rate limit exceeded\n{REFUSED}\n") == NETWORK


def test_advice_below_the_cause_does_not_hide_it() -> None:
    advice = "\nPlease make sure you have the correct access rights\nand the repository exists.\n"
    assert _meaning(f"{REFUSED}\nfatal: Could not read from remote repository.\n{advice}") == NETWORK


def test_a_sentence_that_a_terminal_broke_in_two_is_read_as_one() -> None:
    assert _meaning("Last error: CAPIError: 400 The requested\nmodel is not supported.") is not None
    assert _meaning("Last error: The requested.\nModel is not supported.") is None


def test_work_that_went_on_hides_what_it_survived() -> None:
    assert _meaning(f"{REFUSED}\nreconnected\nprocessed 12 rows\nno column named age") is None


def test_a_tests_verdict_hides_what_its_tests_printed() -> None:
    assert _meaning(f"{REFUSED}\n1 failed, 3 passed in 0.10s\n") is None


def test_a_failure_after_the_tests_is_still_seen() -> None:
    assert _meaning(f"1 failed, 3 passed in 0.10s\nuploading the report\n{REFUSED}\n") == NETWORK


def test_the_last_line_of_a_traceback_decides() -> None:
    frames = 'Traceback (most recent call last):\n  File "x.py", line 3, in f\n    connect()\n'
    assert _meaning(frames + "requests.exceptions.ConnectTimeout: late") is not None
    assert _meaning(f"{REFUSED}\n{frames}ZeroDivisionError: division by zero") is None


def test_an_exception_of_no_known_meaning_ends_at_its_own_traceback() -> None:
    frames = 'Traceback (most recent call last):\n  File "x.py", line 3, in f\n    work()\n'
    assert _meaning(f"{REFUSED}\n{frames}ValueError: bad row") is None


def test_the_direct_cause_of_an_exception_counts() -> None:
    tail = (
        'Traceback (most recent call last):\n  File "x.py", line 3, in f\n    get()\n'
        "httpx.ConnectError: [Errno 111] Connection refused\n\n"
        "The above exception was the direct cause of the following exception:\n\n"
        'Traceback (most recent call last):\n  File "x.py", line 9, in g\n    load()\n'
        "app.LoadError: no data for today\n"
    )
    assert _meaning(tail) == NETWORK


def test_a_program_that_python_could_not_start_is_not_an_ordinary_missing_file() -> None:
    missing = "FileNotFoundError: [Errno 2] No such file or directory: 'ffmpeg'"
    frames = (
        'Traceback (most recent call last):\n  File "/usr/lib/python3.11/subprocess.py", line 1, in _execute_child\n'
    )
    found = read(f"{frames}{missing}").finding
    assert found is not None
    assert found.meaning.label == "program not found or not executable"
    assert read(missing).finding is None


def test_a_status_in_a_spread_out_answer_counts_only_in_an_errors() -> None:
    assert _meaning('{\n  "error": {\n    "code": 503,\n    "what": "x"\n  }\n}') == SERVER
    assert _meaning('{\n  "result": {\n    "code": 503,\n    "what": "x"\n  }\n}') is None


def test_a_name_in_brackets_at_the_end_is_rubys_exception() -> None:
    assert _meaning("execution expired (Net::ReadTimeout)") is not None


@pytest.mark.parametrize(
    "text",
    [
        "no connection refused errors were seen",
        "retry on 503 Service Unavailable",
        "the docs mention a connection timeout",
        "it is said: nothing",
        "exit status 503",
        "status of 500 items",
        "HTTP 503 fixtures loaded",
        "error: 500 items are wrong",
    ],
)
def test_speaking_of_a_failure_is_not_stating_one(text: str) -> None:
    assert _meaning(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "HTTP/1.1 503 Service Unavailable",
        "request failed with status code 502",
        "unexpected status 500",
        "Error code: 503 - {'x': 1}",
        "npm error code E503",
        "the server returned 503 (Service Unavailable)",
        "<title>502 Bad Gateway</title>",
    ],
)
def test_a_status_in_its_usual_places_counts(text: str) -> None:
    assert _meaning(text) == SERVER


def test_a_bare_number_is_never_a_status() -> None:
    assert all(_meaning(str(number)) is None for number in range(400, 600))


def test_the_line_to_show_is_the_last_error_else_the_last_line() -> None:
    assert read("begin\nerror: first\nerror: second\nbye").telling == "error: second"
    assert read("begin\nend").telling == "end"
    assert read("---\n***").telling == "***"
    assert read("").telling == ""


def test_a_delay_of_nothing_or_of_days_is_none() -> None:
    assert delay_in("try again in 0 seconds") is None
    assert delay_in("try again in 3 days 4 hours") is None
    assert delay_in("wait") is None
