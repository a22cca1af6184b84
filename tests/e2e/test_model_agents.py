"""Agents that ask a model, end to end: against a server on this machine that goes wrong in every way."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from model_server import INPUT, OUTPUT, RETRY_AFTER, Server, running
from scratch import Scratch

KEY = "sk-test-4f9Kq2mXv7Lw8RtZ1bYc"
STYLES = {"openai": ("gpt-5", "/v1"), "anthropic": ("claude-sonnet-4-5", "")}

both_styles = pytest.mark.parametrize("style", sorted(STYLES))


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as server:
        yield server


def planned(scratch: Scratch, server: Server, *, style: str = "openai", fault: str = "", **more: Any) -> None:
    """A plan of one agent that asks the server."""
    name, version = STYLES[style]
    place = f"/{fault}" if fault else ""
    agent = {"model": f"{style}/{name}", "prompt": "Say it.", "base_url": f"{server.address}{place}{version}", **more}
    scratch.plan(json.dumps({"execution": {"max_retries": 0}, "agents": {"ask": agent}}))
    scratch.environ.update(OPENAI_API_KEY=KEY, ANTHROPIC_API_KEY=KEY)


def kept(scratch: Scratch, kind: str) -> str:
    """The one artifact of a kind, as plain git shows it."""
    ref = scratch.git("for-each-ref", "--format=%(refname)", "refs/pliny/artifacts")
    (path,) = [line for line in scratch.git("ls-tree", "-r", "--name-only", ref).splitlines() if line.startswith(kind)]
    return scratch.run("git", "show", f"{ref}:{path}").stdout


def entries(scratch: Scratch, kind: str) -> list[dict[str, Any]]:
    """The entries of a type."""
    found = map(json.loads, scratch.pliny("audit", "view", "--json").stdout.splitlines())
    return [entry for entry in found if entry["type"] == kind]


def failed(scratch: Scratch) -> dict[str, Any]:
    """The error of the one agent, whose execution fails."""
    scratch.pliny("execute", exits=3)
    error = scratch.session()["agents"]["ask"]["error"]
    assert isinstance(error, dict)
    return error


@both_styles
def test_the_answer_is_the_output_and_the_deliverable(scratch: Scratch, server: Server, style: str) -> None:
    planned(scratch, server, style=style, prompt="[[say: All is well.]]", deliverables="out/report.md")
    scratch.pliny("execute")
    assert (scratch.root / "out" / "report.md").read_text() == "All is well.\n"
    assert kept(scratch, "outputs/") == "All is well."
    assert kept(scratch, "deliverables/") == "All is well.\n"
    assert kept(scratch, "prompts/") == "[[say: All is well.]]"
    agent = scratch.session()["agents"]["ask"]
    assert agent["tokens"] == {"input": INPUT, "output": OUTPUT}


def test_an_answer_that_is_handed_on_by_name_is_no_file_of_the_workspace(scratch: Scratch, server: Server) -> None:
    planned(scratch, server, prompt="[[say: All is well.]]", answer="notes.md")
    scratch.pliny("execute")
    assert kept(scratch, "deliverables/") == "All is well.\n"
    assert scratch.git("status", "--porcelain") == "?? pliny.yaml"


@both_styles
def test_the_cost_is_that_of_the_listed_model_and_says_so(scratch: Scratch, server: Server, style: str) -> None:
    planned(scratch, server, style=style)
    scratch.pliny("execute")
    prices = {"openai": (1.25, 10.0), "anthropic": (3.0, 15.0)}[style]
    expected = (INPUT * prices[0] + OUTPUT * prices[1]) / 1e6
    assert scratch.session()["agents"]["ask"]["cost_usd"] == pytest.approx(expected)
    (end,) = entries(scratch, "agent_end")
    assert end["data"]["cost_from"].startswith("genai-prices ")


def test_the_cost_of_a_model_that_nobody_lists_is_unknown(scratch: Scratch, server: Server) -> None:
    planned(scratch, server, model="ollama/my-own")
    scratch.pliny("execute")
    agent = scratch.session()["agents"]["ask"]
    assert agent["cost_usd"] is None
    assert agent["tokens"] == {"input": INPUT, "output": OUTPUT}


def test_request_and_response_stand_in_the_trail_without_the_prompt(scratch: Scratch, server: Server) -> None:
    planned(scratch, server, prompt="Only once [[say: x]]", max_tokens=70, temperature=0.5)
    scratch.pliny("execute")
    (asked,), (told,) = entries(scratch, "llm_request"), entries(scratch, "llm_response")
    server_name = server.address.removeprefix("http://")
    expected = {"model": "openai/gpt-5", "server": server_name, "max_tokens": 70, "temperature": 0.5}
    assert asked["data"] == expected
    assert told["data"]["finish"] == "stop"
    assert told["data"]["http_status"] == 200
    assert "Only once" not in json.dumps(entries(scratch, "llm_request") + entries(scratch, "llm_response"))


def test_context_and_settings_go_into_the_request(scratch: Scratch, server: Server) -> None:
    scratch.write("notes.md", "Mind the gap.\n")
    planned(scratch, server, context="notes.md", max_tokens=70, model="ollama/tiny", temperature=0.5)
    scratch.pliny("execute")
    ((path, body),) = server.asked
    assert path == "/v1/chat/completions"
    assert body["model"] == "tiny"
    assert body["temperature"] == 0.5
    assert 70 in (body.get("max_tokens"), body.get("max_completion_tokens"))
    (message,) = body["messages"]
    assert "Mind the gap." in message["content"]
    assert message["content"].endswith("Say it.")


def test_address_and_key_come_from_the_variables_that_users_have(scratch: Scratch, server: Server) -> None:
    planned(scratch, server, base_url=None, model="anthropic/claude-sonnet-4-5")
    scratch.pliny("execute", env={"ANTHROPIC_BASE_URL": f"{server.address}/v1"})
    assert [path for path, _ in server.asked] == ["/v1/messages"]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("401", ("config", False, "not authorized")),
        ("403", ("config", False, "not authorized")),
        ("404", ("config", False, "setting")),
        ("429", ("ai", True, "rate limit")),
        ("500", ("network", True, "server error")),
        ("503", ("network", True, "server error")),
        ("529", ("ai", True, "overloaded")),
        ("drop", ("network", True, "connection")),
        ("cut", ("network", True, "connection")),
        ("short", ("network", True, "connection")),
        ("garbage", ("validation", False, "malformed")),
        ("empty", ("ai", True, "transient")),
        ("long", ("validation", False, "malformed")),
    ],
)
@both_styles
def test_a_fault_has_its_category(
    scratch: Scratch, server: Server, style: str, fault: str, expected: tuple[str, bool, str]
) -> None:
    category, recoverable, words = expected
    planned(scratch, server, style=style, fault=fault, deliverables="report.md")
    error = failed(scratch)
    assert (error["category"], error["recoverable"]) == (category, recoverable), error
    assert words in error["reason"], error
    assert len(server.asked) == 1
    assert not (scratch.root / "report.md").exists()


def test_a_server_that_is_not_there_is_named(scratch: Scratch, server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    planned(scratch, server, base_url=f"http://127.0.0.1:{port}/v1")
    error = failed(scratch)
    assert (error["category"], error["recoverable"]) == ("network", True)
    assert f"127.0.0.1:{port}" in error["message"]


def test_a_name_that_nobody_knows_is_a_failure_of_the_network(scratch: Scratch, server: Server) -> None:
    planned(scratch, server, base_url="http://nobody.invalid/v1")
    error = failed(scratch)
    assert (error["category"], error["recoverable"]) == ("network", True)


@both_styles
def test_a_timeout_ends_a_request_that_hangs(scratch: Scratch, server: Server, style: str) -> None:
    planned(scratch, server, style=style, fault="hang", timeout="1s")
    error = failed(scratch)
    assert (error["category"], error["recoverable"]) == ("network", True)
    assert "time limit" in error["reason"]
    until(lambda: server.left == 1)


def test_a_rate_limit_is_waited_for_as_long_as_the_server_says(scratch: Scratch, server: Server) -> None:
    planned(scratch, server, fault="429x1/once", max_retries=1, retry={"initial_delay": 10})
    begun = time.monotonic()
    scratch.pliny("execute")
    assert time.monotonic() - begun >= RETRY_AFTER
    assert scratch.session()["agents"]["ask"]["attempts"] == 2
    assert len(server.asked) == 2


def started(scratch: Scratch) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["git-pliny", "execute"],
        cwd=scratch.root,
        env=scratch.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def until(happens: Callable[[], object], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def output(scratch: Scratch) -> str:
    return "".join(path.read_text() for path in (scratch.root / ".git/pliny/output").glob("*/*.log"))


@both_styles
def test_text_is_in_the_output_while_it_comes_and_an_interrupt_ends_the_request(
    scratch: Scratch, server: Server, style: str
) -> None:
    planned(scratch, server, style=style, fault="stall")
    process = started(scratch)
    until(lambda: output(scratch) == "Done.")
    begun = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    assert time.monotonic() - begun < 5
    until(lambda: server.left == 1)
    assert scratch.session()["agents"]["ask"]["status"] in {"pending", "running"}


def test_a_request_that_a_kill_cut_off_is_made_again(scratch: Scratch, server: Server) -> None:
    planned(scratch, server, fault="hangx1/once")
    process = started(scratch)
    until(lambda: server.asked)
    process.kill()
    process.communicate()
    scratch.pliny("execute", "--resume")
    agent = scratch.session()["agents"]["ask"]
    assert (agent["status"], agent["attempts"]) == ("completed", 2)


def everything(scratch: Scratch) -> str:
    """All objects that git has, and all local files of ours, as far as they are text."""
    names = scratch.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)").splitlines()
    objects = [scratch.run("git", "cat-file", *reversed(name.split())).stdout for name in names if "tree" not in name]
    files = [path.read_text(errors="replace") for path in (scratch.root / ".git/pliny").rglob("*") if path.is_file()]
    return "\n".join(objects + files)


@pytest.mark.parametrize("fault", ["", "401", "500"])
@both_styles
def test_no_secret_is_stored_or_shown(scratch: Scratch, server: Server, style: str, fault: str) -> None:
    named = {"MY_ACCESS": "Zk81-plain-9Qm2"}
    scratch.write(".gitignore", "pliny.yaml\n")  # the user's own file is in checkpoints as it is
    address = f"{server.address}{f'/{fault}' if fault else ''}".replace("http://", "http://ada:pw-77Rq3x@")
    planned(scratch, server, style=style, base_url=address, api_key_env="MY_ACCESS")
    done = scratch.pliny("execute", exits=3 if fault else 0, env=named)
    shown = done.stdout + done.stderr + scratch.pliny("audit", "view").stdout + everything(scratch)
    for secret in ("Zk81-plain-9Qm2", "pw-77Rq3x", KEY):
        assert secret not in shown


def test_a_key_that_is_missing_is_named_before_anything_runs(scratch: Scratch) -> None:
    scratch.plan("agents: {ask: {model: openai/gpt-5, prompt: Say it.}}")
    done = scratch.pliny("execute", exits=1)
    assert "pliny.yaml:1: agent 'ask' asks the model openai/gpt-5; its key OPENAI_API_KEY is not set" in done.stderr
    assert not scratch.git("for-each-ref", "refs/pliny")


@pytest.mark.parametrize("address", ["localhost:80/v1", "http://[broken", "nonsense"])
def test_an_address_that_is_none_is_refused_before_anything_runs(scratch: Scratch, address: str) -> None:
    scratch.plan("agents: {ask: {model: openai/gpt-5, prompt: Say it.}}")
    done = scratch.pliny("execute", exits=1, env={"OPENAI_BASE_URL": address})
    assert "what OPENAI_BASE_URL or OPENAI_API_BASE holds is not an address" in done.stderr
    assert not scratch.git("for-each-ref", "refs/pliny")


def test_without_the_extra_the_command_that_installs_it_is_told(
    scratch: Scratch, server: Server, tmp_path: Path
) -> None:
    planned(scratch, server)
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['pydantic_ai'] = None")
    done = scratch.pliny("execute", exits=1, env={"PYTHONPATH": str(tmp_path)})
    assert "the packages for that are not installed" in done.stderr
    wanted = r"hint: \S+ -m pip install .*genai-prices\S* .*pydantic-ai-slim\[anthropic,openai\]"
    assert re.search(wanted, done.stderr)
    assert not scratch.git("for-each-ref", "refs/pliny")


def test_a_plan_of_commands_imports_nothing_of_it(scratch: Scratch) -> None:
    scratch.plan("agents: {a: {run: 'true'}}")
    code = "import sys; from git_pliny.cli.main import main\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    for command in (["execute"], ["session", "list"]):
        done = scratch.run(sys.executable, "-c", code, *command)
        assert done.returncode == 0, done.stderr
        loaded = set(done.stderr.split())
        assert not loaded & {"asyncio", "pydantic", "pydantic_ai", "openai", "anthropic", "genai_prices"}


def test_agents_that_ask_one_server_wait_for_it_together(scratch: Scratch, server: Server) -> None:
    asks = {"model": "openai/gpt-5", "prompt": "Say it.", "retry": {"initial_delay": 10}}
    limited = {**asks, "base_url": f"{server.address}/429x1/together/v1"}
    free = {**asks, "model": "mistral/small", "base_url": f"{server.address}/v1", "api_key_env": "OPENAI_API_KEY"}
    agents = {**dict.fromkeys("abc", limited), "other": free}
    scratch.plan(json.dumps({"execution": {"parallel": True, "jobs": 1}, "agents": agents}))
    scratch.environ["OPENAI_API_KEY"] = KEY
    scratch.pliny("execute")
    [hold] = entries(scratch, "hold")
    host = server.address.removeprefix("http://")
    assert (hold["agent"], hold["data"]["provider"], hold["data"]["delay_s"]) == ("a", f"openai at {host}", RETRY_AFTER)
    starts = {entry["agent"]: entry["ts"] for entry in entries(scratch, "agent_start")}
    assert all(starts[name] > hold["data"]["until"] for name in "abc")
    assert starts["other"] < hold["data"]["until"]
    assert [agent["attempts"] for agent in scratch.session()["agents"].values()] == [2, 1, 1, 1]
