"""What coding agents print, as recorded from the real programs against a server of ours, reads as what happened."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_pliny.executor.attempt import Conclusion, conclude
from git_pliny.model.failure import Failure
from git_pliny.model.plan import Agent
from git_pliny.model.preset import OutputForm
from git_pliny.model.session import Tokens
from git_pliny.model.settings import Category
from git_pliny.runners.base import Outcome, Result
from git_pliny.runners.forms import reading
from git_pliny.runners.forms.reading import Output
from git_pliny.runners.forms.registry import FORMS
from git_pliny.runners.preset import told
from git_pliny.runners.results import tail_of

DATA = Path(__file__).parent / "data" / "agents"


def concluded(form: str, path: Path, exit_code: int, result: Result | None = None) -> Conclusion:
    """What an attempt counts as whose output is the file at `path`."""
    beside = str(path.with_suffix(""))
    outcome = Outcome(exit_code=exit_code, tail=tail_of(path) if exit_code else "", result=result)
    read = FORMS[OutputForm(form)](Output(path=path, beside=beside))
    return conclude(told(outcome, read, form), Agent(name="a", run="x"), rules=(), leftovers=(), judges=False)


def written(folder: Path, text: str) -> Path:
    path = folder / "output.txt"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("form", "summary", "tokens", "cost"),
    [
        ("claude", "All done.", Tokens(input=3600, output=102), 0.01785),
        ("codex", "All done.", Tokens(input=2400, output=68), None),
        ("gemini", "All done.", Tokens(input=2400, output=68), 0.00323),
        ("opencode", "All done.", Tokens(input=2400, output=68), None),
        ("qwen", "All done.", Tokens(input=2400, output=68), None),
        ("aider", "All done.", Tokens(input=1200, output=34), None),
        ("mini", None, Tokens(input=2400, output=68), None),
        ("llm", "All done.", Tokens(input=1200, output=34), None),
    ],
)
def test_a_success_has_the_answer_and_what_it_used(
    form: str, summary: str | None, tokens: Tokens, cost: float | None
) -> None:
    found = concluded(form, DATA / f"{form}-ok.txt", 0)
    assert found.failure is None
    assert found.outcome.result is not None
    assert found.outcome.result.tokens == tokens
    assert found.outcome.result.cost_usd == cost
    assert summary is None or found.outcome.result.summary == summary


@pytest.mark.parametrize(
    ("form", "case", "exit_code", "category", "recoverable"),
    [
        ("claude", "401", 1, "config", False),
        ("claude", "429", 1, "ai", True),
        ("claude", "500", 1, "network", True),
        ("claude", "refused", 1, "network", True),
        ("claude", "cut", 1, "network", True),
        ("claude", "quota", 1, "ai", False),
        ("claude", "context", 1, "ai", False),
        ("codex", "401", 1, "config", False),
        ("codex", "429", 1, "ai", True),
        ("codex", "500", 1, "network", True),
        ("codex", "cut", 1, "network", True),
        ("codex", "quota", 1, "ai", False),
        ("codex", "context", 1, "ai", False),
        ("gemini", "401", 145, "config", False),
        ("gemini", "429", 173, "ai", True),
        ("gemini", "500", 244, "network", True),
        ("gemini", "refused", 1, "network", True),
        ("gemini", "cut", 1, "network", True),
        ("gemini", "context", 144, "ai", False),
        ("opencode", "401", 1, "config", False),
        ("opencode", "429", 1, "ai", True),
        ("opencode", "quota", 1, "ai", False),
        ("opencode", "context", 1, "ai", False),
        ("qwen", "401", 0, "config", False),
        ("qwen", "refused", 0, "network", True),
        ("aider", "401", 0, "config", False),
        ("mini", "401", 1, "config", False),
        ("mini", "429", 1, "ai", True),
        ("mini", "500", 1, "network", True),
        ("mini", "refused", 1, "network", True),
        ("llm", "401", 1, "config", False),
        ("llm", "429", 1, "ai", True),
        ("llm", "500", 1, "network", True),
        ("llm", "refused", 1, "network", True),
        ("claude", "unknown", 1, "ai", False),
        ("claude", "garbage", 1, "validation", False),
        ("codex", "refused", 143, "network", True),
        ("codex", "unknown", 1, "ai", False),
        ("codex", "garbage", 1, "network", True),
        ("gemini", "refused-waits", 0, "network", True),
        ("gemini", "quota-waits", 0, "ai", False),
        ("gemini", "unknown", 1, "ai", False),
        ("gemini", "garbage", 1, "network", True),
        ("opencode", "unknown", 1, "ai", False),
        ("opencode", "500", 1, "network", True),
        ("opencode", "cut", 1, "network", True),
        ("opencode", "garbage", 143, "ai", True),
        ("opencode", "refused", 1, "network", True),
        ("qwen", "garbage", 0, "ai", True),
        ("qwen", "429", 0, "ai", True),
        ("qwen", "cut", 0, "network", True),
        ("qwen", "quota", 0, "ai", False),
        ("qwen", "context", 0, "ai", False),
        ("qwen", "unknown", 0, "ai", False),
        ("aider", "refused", 0, "network", True),
        ("aider", "cut", 0, "network", True),
        ("aider", "500", 0, "network", True),
        ("aider", "context", 0, "ai", False),
        ("aider", "unknown", 0, "ai", False),
        ("mini", "quota", 1, "ai", False),
        ("mini", "context", 1, "ai", False),
        ("mini", "cut", 1, "network", True),
        ("llm", "quota", 1, "ai", False),
        ("llm", "context", 1, "ai", False),
        ("llm", "cut", 1, "network", True),
        ("llm", "unknown", 1, "ai", False),
    ],
)
def test_a_failure_has_its_category(form: str, case: str, exit_code: int, category: str, recoverable: bool) -> None:
    failure = concluded(form, DATA / f"{form}-{case}.txt", exit_code).failure
    assert failure is not None
    assert (failure.category, failure.recoverable) == (Category(category), recoverable), failure


def failure_of(form: str, path: Path, exit_code: int) -> Failure:
    found = concluded(form, path, exit_code).failure
    assert found is not None
    return found


def test_the_server_s_time_to_wait_is_told_where_the_agent_tells_it() -> None:
    assert failure_of("opencode", DATA / "opencode-429.txt", 1).retry_after_s == 1.0


def test_a_server_error_that_openai_words_as_its_own_is_one_of_the_network(tmp_path: Path) -> None:
    text = "Error: Error code: 500 - The server had an error while processing your request\n"
    assert failure_of("llm", written(tmp_path, text), 1).category is Category.NETWORK


def test_the_message_of_a_failure_is_the_agent_s_own_sentence() -> None:
    found = failure_of("gemini", DATA / "gemini-401.txt", 145)
    assert found.message == "fake: incorrect API key provided"
    assert found.reason == "HTTP status 401: not authorized"


@pytest.mark.parametrize("form", ["claude", "codex", "gemini", "opencode", "qwen", "mini"])
def test_an_exit_with_0_and_no_result_is_no_success(tmp_path: Path, form: str) -> None:
    for path in (written(tmp_path, "Hello.\n"), tmp_path / "missing"):
        failure = concluded(form, path, 0).failure
        assert failure is not None
        assert failure.message == f"{form} ended without a result that can be read"
        assert failure.reason == "exit status 0: no usable result"
        assert not failure.recoverable


@pytest.mark.parametrize("form", ["text", "aider", "llm"])
def test_agents_without_a_form_succeed_with_any_text(tmp_path: Path, form: str) -> None:
    found = concluded(form, written(tmp_path, "  Hello.\n"), 0)
    assert found.failure is None
    assert found.outcome.result == Result(summary="Hello.")


def test_what_an_agent_writes_in_its_result_file_stands_beside_what_it_prints() -> None:
    own = Result(summary="by itself", score=0.5, tokens=Tokens(input=1, output=1), cost_usd=7.0)
    result = concluded("claude", DATA / "claude-ok.txt", 0, own).outcome.result
    assert result == Result(summary="by itself", score=0.5, tokens=Tokens(input=3600, output=102), cost_usd=0.01785)


def test_codex_may_get_over_errors(tmp_path: Path) -> None:
    text = """{"type":"turn.started"}
{"type":"error","message":"Reconnecting... 1/5"}
{"type":"turn.completed","usage":{"input_tokens":5,"output_tokens":2}}
"""
    assert concluded("codex", written(tmp_path, text), 0).failure is None


def test_an_answer_that_quotes_a_result_is_not_taken_for_one(tmp_path: Path) -> None:
    inner = '{\\"type\\":\\"result\\",\\"is_error\\":true}'
    text = f'[{{"type":"user","x":"{inner}"}},{{"type":"result","is_error":false,"result":"{inner}"}}]\n'
    assert concluded("qwen", written(tmp_path, text), 0).failure is None


def test_figures_are_unknown_where_only_the_end_of_the_output_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, (DATA / "opencode-ok.txt").read_text())
    monkeypatch.setattr(reading, "WHOLE", path.stat().st_size - 10)
    found = concluded("opencode", path, 0)
    assert found.failure is None
    assert found.outcome.result == Result(summary="All done.")


def test_an_overlong_line_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LINE", 2000)
    text = '{"type":"text","part":{"text":"' + "x" * 9000 + '"}}\n' + (DATA / "opencode-ok.txt").read_text()
    result = concluded("opencode", written(tmp_path, text), 0).outcome.result
    assert result is not None
    assert result.tokens == Tokens(input=2400, output=68)


def test_a_pipe_in_the_place_of_the_output_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "output.txt"
    path.mkdir()
    assert list(Output(path=path).lines()) == []
    assert Output(path=path).tail() == b""


@settings(deadline=None, max_examples=60)
@given(form=st.sampled_from(OutputForm), cut=st.integers(0, 4000), noise=st.binary(max_size=60))
def test_no_output_breaks_a_form(
    tmp_path_factory: pytest.TempPathFactory, form: OutputForm, cut: int, noise: bytes
) -> None:
    path = tmp_path_factory.mktemp("forms") / "output.txt"
    recorded = DATA / f"{form}-ok.txt"
    whole = recorded.read_bytes() if recorded.exists() else b""
    path.write_bytes(whole[:cut] + noise + whole[cut + len(noise) :])
    FORMS[form](Output(path=path, beside=str(path)))


@pytest.mark.parametrize(
    ("form", "model", "cost"),
    [
        ("codex", "gpt-5", (2000 * 1.25 + 400 * 0.125 + 68 * 10) / 1e6),
        ("codex", None, None),
        ("codex", "my-own", None),
        ("gemini", None, (2000 * 1.25 + 400 * 0.125 + 68 * 10) / 1e6),
        ("qwen", None, None),
        ("llm", "gpt-5", None),
    ],
)
def test_a_cost_that_is_not_told_is_by_the_listed_price_of_a_known_model_or_unknown(
    form: str, model: str | None, cost: float | None
) -> None:
    path = DATA / f"{form}-ok.txt"
    read = FORMS[OutputForm(form)](Output(path=path, beside=str(path.with_suffix(""))))
    result = told(Outcome(exit_code=0), read, form, model).result
    assert result is not None
    assert result.cost_usd == (None if cost is None else pytest.approx(cost))
    assert (result.cost_from or "").startswith("genai-prices") == (cost is not None)


def test_the_cost_that_claude_tells_for_models_of_others_is_none(tmp_path: Path) -> None:
    text = (DATA / "claude-ok.txt").read_text().replace("claude-opus-4-8[1m]", "qwen3-coder")
    result = concluded("claude", written(tmp_path, text), 0).outcome.result
    assert result is not None
    assert result.cost_usd is None
    assert result.tokens == Tokens(input=3600, output=102)


def test_what_an_agent_was_not_allowed_to_do_is_told_though_it_calls_its_work_done() -> None:
    found = concluded("claude", DATA / "claude-denied.txt", 0)
    assert found.failure is None
    assert found.outcome.denied == ("Bash",)


@pytest.mark.parametrize("denials", [None, "Bash", {"tool_name": "Bash"}, [None, {"tool_name": 3}, {}], [[]]])
def test_denials_of_another_shape_say_nothing(denials: object) -> None:
    assert reading.denied(denials) == ()
