"""Errors of the libraries that ask models: the sentence that is told, and the evidence."""

import errno
import socket
import ssl

import pytest
from pydantic_ai.exceptions import ModelAPIError, ModelConnectionError, ModelHTTPError, UnexpectedModelBehavior

from git_pliny.model.failure import Evidence, classify
from git_pliny.model.settings import Category
from git_pliny.runners.trouble import CutShortError, EmptyAnswerError, LimitReachedError, RefusedError, hide, trouble


def caused(*causes: Exception) -> Exception:
    """The library's error of a connection, which came from others."""
    error: Exception = ModelConnectionError(model_name="m", message="Connection error.")
    for outer, inner in zip((error, *causes), causes, strict=False):
        outer.__cause__ = inner
    return error


@pytest.mark.parametrize(
    ("error", "category", "recoverable"),
    [
        (caused(OSError("x"), ConnectionRefusedError(111, "refused")), Category.NETWORK, True),
        (caused(OSError("x"), socket.gaierror(-2, "Name or service not known")), Category.NETWORK, True),
        (caused(OSError("x"), ssl.SSLCertVerificationError("self-signed")), Category.CONFIG, False),
        (caused(ExceptionGroup("all failed", [ConnectionResetError(104, "reset")])), Category.NETWORK, True),
        (ModelHTTPError(404, "m", "<html>nothing here</html>"), Category.CONFIG, False),
        (ModelHTTPError(400, "m", {"message": "bad field"}), Category.VALIDATION, False),
        (ModelHTTPError(402, "m", {"message": "pay first"}), Category.AI, False),
        (ModelHTTPError(502, "m", None), Category.NETWORK, True),
        (ModelAPIError("m", "overloaded_error: the model is overloaded"), Category.AI, True),
        (UnexpectedModelBehavior("no text"), Category.VALIDATION, False),
        (CutShortError("cut"), Category.NETWORK, True),
        (EmptyAnswerError("empty"), Category.AI, True),
        (LimitReachedError("too long"), Category.VALIDATION, False),
        (RefusedError("no"), Category.AI, False),
    ],
)
def test_an_error_has_its_category(error: Exception, category: Category, recoverable: bool) -> None:
    found = trouble(error, server="host", secrets=())
    evidence = Evidence(exit_code=1, exception=found.exception, http_status=found.http_status, tail=found.message)
    failure = classify(evidence)
    assert (failure.category, failure.recoverable) == (category, recoverable), failure


def test_what_is_said_is_the_servers_words_without_the_key() -> None:
    error = ModelHTTPError(401, "m", {"error": {"message": "wrong key sk-1/2 or sk-1%2F2", "code": "invalid_api_key"}})
    found = trouble(error, server="host", secrets=("sk-1/2",))
    assert found.message == "host answered with HTTP status 401: wrong key [masked] or [masked] (invalid_api_key)"


def test_a_refused_connection_is_told_in_the_systems_words() -> None:
    error = caused(
        OSError("all failed"), ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 9)")
    )
    found = trouble(error, server="host:9", secrets=())
    assert found.message.lower() == "no answer from host:9: connection refused"


def test_a_longer_secret_is_hidden_before_a_part_of_it() -> None:
    assert hide("ada:pw @ pw", ("pw", "ada:pw")) == "[masked] @ [masked]"


def test_a_login_is_hidden_as_headers_have_it() -> None:
    assert hide("wrong: Basic YWRhOnB3", ("ada:pw", "pw")) == "wrong: Basic [masked]"


@pytest.mark.parametrize(
    "body",
    [
        [],
        [1, 2],
        [[{}]],
        [{"error": "words"}],
        {"error": {"details": "words"}},
        {"error": {"details": [1, {"violations": "PerDay"}, {"retryDelay": None}, {"retryDelay": "soon"}]}},
        [{"error": {"details": [{"retryDelay": "9" * 400 + "s"}]}}],
    ],
)
def test_details_of_another_shape_say_nothing(body: object) -> None:
    found = trouble(ModelHTTPError(429, "m", body), server="host", secrets=())
    assert found.retry_after_s is None
    assert found.exception is None


def test_the_header_says_how_long_to_wait_before_the_details_do() -> None:
    body = [{"error": {"details": [{"retryDelay": "7.5s"}]}}]
    assert trouble(ModelHTTPError(429, "m", body), server="host", secrets=()).retry_after_s == 7.5
    asked = ModelHTTPError(429, "m", body, headers={"retry-after": "2"})
    assert trouble(asked, server="host", secrets=()).retry_after_s == 2


def test_of_several_errors_the_deepest_is_told() -> None:
    error = ExceptionGroup("all failed", [OverflowError("the port must be below 65536")])
    assert trouble(error, server="host", secrets=()).message == "the port must be below 65536"
