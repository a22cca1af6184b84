"""One attempt of a command agent, with real processes: what it is given, how it ends, what is told of it."""

import errno
import os
import resource
import select
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from git_pliny.errors import ConfigError
from git_pliny.model.plan import Agent
from git_pliny.runners import process
from git_pliny.runners.base import Attempt, Outcome, Verdict, Watchable
from git_pliny.runners.command import CommandRunner
from git_pliny.runners.machine import read_table
from git_pliny.runners.registry import runner_for

MakeAttempt = Callable[..., Attempt]
PATIENCE_S = 10.0


@pytest.fixture
def session() -> Iterator[str]:
    """The id of a session, none of whose processes outlives the test."""
    name = str(uuid4())
    yield name
    table = read_table()
    for pid in table.processes:
        if name in table.lineage(pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def make(tmp_path: Path, session: str) -> MakeAttempt:
    def make_attempt(run: str | tuple[str, ...], *, name: str = "a", **further: Any) -> Attempt:
        root = tmp_path / "root"
        root.mkdir(exist_ok=True)
        of_agent = {key: further.pop(key) for key in ("env", "deliverables") if key in further}
        ours: dict[str, Any] = {
            "session": session,
            "run": "0badcafe",
            "phase": "research",
            "number": 1,
            "agent": Agent(name=name, run=run, **of_agent),
            "root": root,
            "environ": dict(os.environ),
            "folder": tmp_path / "output" / "a" / "1-0badcafe",
            "grace_s": 0.2,
        }
        return Attempt(**(ours | further))

    return make_attempt


def outcome_of(attempt: Attempt) -> Outcome:
    return runner_for(attempt.agent).start(attempt).wait()


def printed(attempt: Attempt) -> str:
    outcome = outcome_of(attempt)
    assert outcome.exit_code == 0, outcome
    return attempt.output.read_text()


def eventually(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def is_alive(pid: int) -> bool:
    found = read_table().processes.get(pid)
    return found is not None and found.alive


def pid_in(path: Path) -> int:
    """The pid that an agent's shell writes there."""
    eventually(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


def cancelled_when_begun(attempt: Attempt) -> Outcome:
    """The outcome of an agent that is cancelled once it has written its pid."""
    running = runner_for(attempt.agent).start(attempt)
    pid_in(attempt.root / "pid")
    running.cancel()
    return running.wait()


# What an agent is given


def test_an_agent_finds_what_it_is_part_of_in_its_environment(make: MakeAttempt, session: str) -> None:
    attempt = make("env", number=7, context="Read this.")
    found = dict(line.split("=", 1) for line in printed(attempt).splitlines() if line.startswith("PLINY_"))
    assert found == {
        "PLINY_SESSION": session,
        "PLINY_AGENT": "a",
        "PLINY_PHASE": "research",
        "PLINY_ATTEMPT": "7",
        "PLINY_CONTEXT": str(attempt.context_file),
        "PLINY_DELIVERABLES": str(attempt.deliverables),
        "PLINY_RESULT": str(attempt.result),
        "PLINY_LINEAGE": f"{session}.0badcafe.7.a",
    }


def test_an_agent_gets_the_callers_environment_and_its_own(make: MakeAttempt) -> None:
    environ = {"PATH": os.defpath, "KEPT": "from the caller", "CHANGED": "from the caller"}
    attempt = make('printf %s "$KEPT, $CHANGED"', environ=environ, env={"CHANGED": "from the plan"})
    assert printed(attempt) == "from the caller, from the plan"


def test_a_plan_cannot_hide_whose_process_it_is(make: MakeAttempt, session: str) -> None:
    attempt = make('printf %s "$PLINY_SESSION $PLINY_LINEAGE"', env={"PLINY_SESSION": "x", "PLINY_LINEAGE": "x"})
    assert printed(attempt) == f"{session} {session}.0badcafe.1.a"


def test_an_agent_inside_an_agent_carries_both_in_its_lineage(make: MakeAttempt, session: str) -> None:
    attempt = make('printf %s "$PLINY_LINEAGE"', environ={**os.environ, "PLINY_LINEAGE": "outer.00000001.1.b"})
    assert printed(attempt) == f"outer.00000001.1.b/{session}.0badcafe.1.a"


@pytest.mark.parametrize("name", ["ü/ä", "a b\nc", "-x", "../x", "a.b", "x" * 100_000, "caf\udce9"])
def test_an_agent_may_have_any_name(make: MakeAttempt, name: str) -> None:
    attempt = make('printf %s "$PLINY_AGENT"', name=name)
    assert outcome_of(attempt).exit_code == 0
    assert attempt.output.read_bytes() == name.encode("utf-8", "surrogateescape")


def test_an_agent_runs_at_the_root(make: MakeAttempt) -> None:
    attempt = make('pwd -P; printf "%s\\n" "$PWD"', environ={**os.environ, "PWD": "/"})
    assert printed(attempt).splitlines() == [os.path.realpath(attempt.root), str(attempt.root)]


def test_a_context_is_a_file_to_read(make: MakeAttempt) -> None:
    assert printed(make('cat "$PLINY_CONTEXT"', context="Read this: é\n")) == "Read this: é\n"


def test_without_a_context_there_is_nothing_to_read(make: MakeAttempt) -> None:
    attempt = make('cat "$PLINY_CONTEXT" && test -r "$PLINY_CONTEXT"')
    assert printed(attempt) == ""
    assert not attempt.context_file.exists()


def test_a_prompt_larger_than_any_pipe_comes_on_standard_input(make: MakeAttempt) -> None:
    prompt = "Say no more. é\n" * 100_000
    assert printed(make("cat", prompt=prompt)) == prompt


def test_an_agent_that_never_reads_a_large_prompt_ends_all_the_same(make: MakeAttempt) -> None:
    assert outcome_of(make("true", prompt="x" * 2_000_000)).exit_code == 0


def test_without_a_prompt_standard_input_is_empty(make: MakeAttempt) -> None:
    assert printed(make("cat")) == ""


def test_a_program_gets_its_arguments_as_they_are(make: MakeAttempt) -> None:
    assert printed(make(("printf", "%s|", "$HOME", "a b", "", "*"))) == "$HOME|a b||*|"


def test_a_line_goes_through_the_shell(make: MakeAttempt) -> None:
    assert printed(make("for x in 1 2; do printf $x; done | tr 12 ab")) == "ab"


def test_no_file_of_ours_is_open_in_an_agent(make: MakeAttempt) -> None:
    descriptor = os.open(os.devnull, os.O_WRONLY)
    os.set_inheritable(descriptor, True)
    check = "import os\nfor n in range(3, 100):\n    try: os.fstat(n)\n    except OSError: continue\n    print(n)"
    try:
        assert printed(make((sys.executable, "-c", check))) == ""
    finally:
        os.close(descriptor)


def test_an_agent_has_the_usual_answer_to_a_broken_pipe(make: MakeAttempt) -> None:
    assert outcome_of(make("kill -PIPE $$")).signal == signal.SIGPIPE  # which Python itself ignores


# How it ends


@pytest.mark.parametrize("run", ["true", "exit 0", ("true",)])
def test_exit_0_is_told_without_a_tail(make: MakeAttempt, run: str | tuple[str, ...]) -> None:
    outcome = outcome_of(make(run))
    assert (outcome.exit_code, outcome.signal, outcome.launch_errno) == (0, None, None)
    assert not outcome.timed_out
    assert not outcome.cancelled
    assert outcome.tail == ""


def test_another_exit_code_is_told_with_the_tail(make: MakeAttempt) -> None:
    outcome = outcome_of(make("echo out; echo err >&2; exit 75"))
    assert outcome.exit_code == 75
    assert outcome.tail == "out\nerr\n"
    assert outcome.output_size == 8


def test_a_signal_is_told(make: MakeAttempt) -> None:
    outcome = outcome_of(make("kill -SEGV $$"))
    assert (outcome.exit_code, outcome.signal) == (None, signal.SIGSEGV)


def test_a_duration_is_told(make: MakeAttempt) -> None:
    assert 0.1 <= outcome_of(make("sleep 0.1")).duration_s < PATIENCE_S


def test_much_output_costs_no_memory(make: MakeAttempt) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome = outcome_of(make("head -c 100000000 /dev/zero; exit 1"))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert outcome.output_size == 100_000_000
    assert len(outcome.tail) <= 16_384
    assert grown < 20_000 * (1024 if sys.platform == "darwin" else 1)


def test_what_an_agent_prints_is_for_its_user_only(make: MakeAttempt) -> None:
    attempt = make("echo secret", prompt="secret", context="secret")
    outcome_of(attempt)
    for path in (attempt.output, attempt.prompt_file, attempt.context_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_exit_status_that_was_taken_is_no_success(make: MakeAttempt) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # as whoever starts us may have it
    try:
        attempt = make("echo $$ > pid")
        running = runner_for(attempt.agent).start(attempt)
        leader = pid_in(attempt.root / "pid")
        eventually(lambda: not is_alive(leader))
        running.cancel()
        outcome = running.wait()
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert outcome.launch_errno == errno.ECHILD
    assert outcome.exit_code is None
    assert not outcome.cancelled


# What keeps it from starting


def test_a_missing_program_is_told(make: MakeAttempt) -> None:
    outcome = outcome_of(make(("no-such-program", "-x")))
    assert outcome.launch_errno == errno.ENOENT
    assert outcome.launch_error == "cannot start: no-such-program: No such file or directory"
    assert outcome.exit_code is None


def test_a_missing_program_of_a_line_is_told_by_the_shell(make: MakeAttempt) -> None:
    outcome = outcome_of(make("no-such-program -x"))
    assert outcome.exit_code == 127
    assert "no-such-program" in outcome.tail


def test_a_program_without_permission_is_told(make: MakeAttempt) -> None:
    attempt = make(("./script",))
    (attempt.root / "script").write_text("#!/bin/sh\n")
    assert outcome_of(attempt).launch_errno == errno.EACCES
    assert outcome_of(make("./script")).exit_code == 126


def test_a_missing_interpreter_is_told_as_such(make: MakeAttempt) -> None:
    attempt = make(("./script",))
    (attempt.root / "script").write_text("#!/no/such/interpreter\n")
    (attempt.root / "script").chmod(0o755)
    outcome = outcome_of(attempt)
    assert outcome.launch_errno == errno.ENOENT
    assert outcome.launch_error == "cannot start: ./script: the interpreter that its first line names does not exist"


def test_a_script_without_a_first_line_runs_from_a_line_as_in_a_shell(make: MakeAttempt) -> None:
    attempt = make("./script")
    (attempt.root / "script").write_text("echo done by the shell\n")
    (attempt.root / "script").chmod(0o755)
    assert printed(attempt) == "done by the shell\n"
    assert outcome_of(make(("./script",))).launch_errno == errno.ENOEXEC


def test_a_missing_root_is_told(make: MakeAttempt, tmp_path: Path) -> None:
    outcome = outcome_of(make("true", root=tmp_path / "gone"))
    assert outcome.launch_errno == errno.ENOENT
    assert str(tmp_path / "gone") in (outcome.launch_error or "")


@pytest.mark.parametrize(
    ("run", "further"),
    [
        (("true", "a\0b"), {}),
        (("true", "\ud800"), {}),
        ("true", {"env": {"A": "a\0b"}}),
        ("true", {"env": {"A=B": "c"}}),
        ("true", {"prompt": "\ud800"}),
        ("true", {"context": "\ud800"}),
    ],
)
def test_what_no_program_can_be_given_is_told(
    make: MakeAttempt, run: str | tuple[str, ...], further: dict[str, Any]
) -> None:
    outcome = outcome_of(make(run, **further))
    assert outcome.launch_errno == errno.EINVAL
    assert outcome.launch_error


@pytest.mark.parametrize("run", [("true", "x" * 10_000_000), "true " + "x" * 10_000_000, "true #" + "x" * 10_000_000])
def test_too_long_a_command_is_told(make: MakeAttempt, run: str | tuple[str, ...]) -> None:
    assert outcome_of(make(run)).launch_errno == errno.E2BIG


def test_a_folder_that_cannot_be_made_is_told(make: MakeAttempt, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = outcome_of(make("true", folder=tmp_path / "file" / "1-0badcafe"))
    assert outcome.launch_errno == errno.ENOTDIR


def test_a_link_in_place_of_the_output_is_not_written_through(make: MakeAttempt, tmp_path: Path) -> None:
    attempt = make("echo x")
    attempt.folder.mkdir(parents=True)
    attempt.output.symlink_to(tmp_path / "victim")
    assert outcome_of(attempt).launch_errno == errno.ELOOP
    assert not (tmp_path / "victim").exists()


def test_too_many_open_files_are_told(make: MakeAttempt) -> None:
    attempt = make("true", timeout_s=100)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, limits[1]))  # room for the output only
    try:
        outcome = outcome_of(attempt)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert outcome.launch_errno == errno.EMFILE


def test_to_cancel_what_never_started_does_nothing(make: MakeAttempt) -> None:
    attempt = make(("no-such-program",), timeout_s=0.01)
    running = runner_for(attempt.agent).start(attempt)
    running.cancel()
    assert not running.wait().cancelled


def test_an_agent_with_nothing_to_run_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="agent 'a' has nothing to run"):
        runner_for(Agent(name="a", run=""))


# How it is ended


def test_a_timeout_ends_an_agent(make: MakeAttempt) -> None:
    outcome = outcome_of(make("sleep 60", timeout_s=0.05))
    assert outcome.timed_out
    assert not outcome.cancelled
    assert outcome.signal == signal.SIGTERM
    assert outcome.duration_s < PATIENCE_S


def test_an_agent_that_ends_in_time_is_not_timed_out(make: MakeAttempt) -> None:
    outcome = outcome_of(make("true", timeout_s=60))
    assert not outcome.timed_out
    assert outcome.exit_code == 0


@pytest.mark.parametrize("timeout_s", [0, -1])
def test_no_time_at_all_is_a_timeout(make: MakeAttempt, timeout_s: float) -> None:
    assert outcome_of(make("sleep 60", timeout_s=timeout_s)).timed_out


def test_an_agent_may_clean_up_when_it_is_ended(make: MakeAttempt) -> None:
    attempt = make("trap 'echo cleaned; exit 0' TERM; echo $$ > pid; while :; do read x; done", grace_s=PATIENCE_S)
    outcome = cancelled_when_begun(attempt)
    assert outcome.cancelled
    assert outcome.exit_code == 0
    assert outcome.tail == "cleaned\n"


def test_what_ignores_a_polite_end_is_killed_after_the_grace(make: MakeAttempt) -> None:
    outcome = cancelled_when_begun(make("trap '' TERM; echo $$ > pid; while :; do read x; done", grace_s=0.05))
    assert outcome.cancelled
    assert outcome.signal == signal.SIGKILL


def test_a_child_that_ignores_a_polite_end_is_killed_before_the_outcome(make: MakeAttempt) -> None:
    attempt = make("(trap '' TERM; echo ready > ready; exec sleep 60) & echo $! > child; wait", grace_s=0.1)
    running = runner_for(attempt.agent).start(attempt)
    child = pid_in(attempt.root / "child")
    eventually((attempt.root / "ready").exists)
    running.cancel()
    outcome = running.wait()
    assert outcome.signal == signal.SIGTERM
    assert outcome.cancelled
    assert not is_alive(child)


def test_a_stopped_agent_is_ended_politely_too(make: MakeAttempt) -> None:
    attempt = make("trap 'exit 9' TERM; echo $$ > pid; kill -STOP $$; exit 1", grace_s=PATIENCE_S)
    running = runner_for(attempt.agent).start(attempt)
    assert os.WIFSTOPPED(os.waitpid(pid_in(attempt.root / "pid"), os.WUNTRACED)[1])
    running.cancel()
    assert running.wait().exit_code == 9


def test_a_failure_ends_the_rest_of_the_group(make: MakeAttempt) -> None:
    attempt = make("sleep 60 & echo $! > child; exit 1")
    outcome = outcome_of(attempt)
    assert outcome.exit_code == 1
    assert not outcome.cancelled
    assert not is_alive(pid_in(attempt.root / "child"))


def test_a_failure_kills_what_stays_after_the_grace(make: MakeAttempt) -> None:
    attempt = make(
        "(trap '' TERM; echo > ready; exec sleep 60) & echo $! > child; until test -f ready; do :; done; exit 1"
    )
    outcome_of(attempt)
    assert not is_alive(pid_in(attempt.root / "child"))


def test_a_success_leaves_the_rest_of_the_group_alone(make: MakeAttempt) -> None:
    attempt = make("sleep 60 & echo $! > child; exit 0")
    assert outcome_of(attempt).exit_code == 0
    assert is_alive(pid_in(attempt.root / "child"))


def test_a_cancel_at_once_gives_no_grace(make: MakeAttempt) -> None:
    attempt = make("trap '' TERM; echo $$ > pid; while :; do read x; done", grace_s=60)
    running = runner_for(attempt.agent).start(attempt)
    pid_in(attempt.root / "pid")
    threading.Timer(0.02, running.cancel, kwargs={"now": True}).start()
    outcome = running.wait()
    assert outcome.cancelled
    assert outcome.signal == signal.SIGKILL


def test_a_polite_cancel_can_be_followed_by_one_at_once(make: MakeAttempt) -> None:
    attempt = make("trap '' TERM; echo $$ > pid; while :; do read x; done", grace_s=60)
    running = runner_for(attempt.agent).start(attempt)
    pid_in(attempt.root / "pid")
    running.cancel()
    running.cancel()
    running.cancel(now=True)
    assert running.wait().signal == signal.SIGKILL


def test_a_cancel_at_once_cuts_short_the_grace_of_a_failure(make: MakeAttempt) -> None:
    attempt = make(
        "(trap '' TERM; echo > ready; exec sleep 60) & echo $! > child; until test -f ready; do :; done; exit 1",
        grace_s=60,
    )
    running = runner_for(attempt.agent).start(attempt)
    ended: list[Outcome] = []
    waiter = threading.Thread(target=lambda: ended.append(running.wait()))
    waiter.start()
    child = pid_in(attempt.root / "child")
    time.sleep(0.1)
    running.cancel(now=True)
    waiter.join(PATIENCE_S)
    assert [outcome.exit_code for outcome in ended] == [1]
    assert not is_alive(child)


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="this system does not tell of an end before it is taken note of")
def test_what_had_ended_by_itself_was_not_cancelled(make: MakeAttempt) -> None:
    attempt = make("echo $$ > pid")
    running = runner_for(attempt.agent).start(attempt)
    leader = pid_in(attempt.root / "pid")
    eventually(lambda: not is_alive(leader))
    running.cancel()
    outcome = running.wait()
    assert outcome.exit_code == 0
    assert not outcome.cancelled


@pytest.fixture(params=[True, False], ids=["told", "not told"])
def peeking(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Systems that tell of an end before it is taken note of, and those that do not (macOS before Python 3.13)."""
    monkeypatch.setattr(process, "_CAN_PEEK", request.param and process._CAN_PEEK)


@pytest.mark.usefixtures("peeking")
@pytest.mark.parametrize("run", ["exit 0", "exit 3"])
def test_every_system_tells_the_exit_code(make: MakeAttempt, run: str) -> None:
    assert outcome_of(make(run)).exit_code == int(run[-1])


@pytest.mark.usefixtures("peeking")
def test_every_system_ends_what_is_cancelled(make: MakeAttempt) -> None:
    outcome = cancelled_when_begun(make("echo $$ > pid; sleep 60"))
    assert outcome.cancelled
    assert outcome.signal == signal.SIGTERM


def test_without_a_thread_to_wait_for_the_grace_there_is_none(
    make: MakeAttempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    attempt = make("trap '' TERM; echo $$ > pid; while :; do read x; done", grace_s=60)
    running = CommandRunner().start(attempt)
    pid_in(attempt.root / "pid")
    monkeypatch.setattr(threading.Thread, "start", refuse)
    running.cancel()
    assert running.wait().signal == signal.SIGKILL


def test_without_a_thread_for_its_timeout_an_agent_is_not_started(
    make: MakeAttempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    outcome = CommandRunner().start(make("true", timeout_s=60)).wait()
    assert outcome.launch_errno == errno.EAGAIN


def test_to_cancel_what_has_ended_does_nothing(make: MakeAttempt) -> None:
    attempt = make("true")
    running = runner_for(attempt.agent).start(attempt)
    running.wait()
    running.cancel()
    running.cancel(now=True)


def test_many_attempts_at_once_do_not_get_mixed_up(make: MakeAttempt, tmp_path: Path) -> None:
    attempts = [make(f"sleep 0.0{n % 10}; exit {n}", folder=tmp_path / str(n), timeout_s=60) for n in range(1, 30)]
    running = [runner_for(attempt.agent).start(attempt) for attempt in attempts]
    codes: dict[int, int | None] = {}
    threads = [
        threading.Thread(target=lambda n=n, one=one: codes.update({n: one.wait().exit_code}))
        for n, one in enumerate(running, 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert codes == {n: n for n in range(1, 30)}


# What it leaves


def test_a_result_is_read_after_a_failure_too(make: MakeAttempt) -> None:
    outcome = outcome_of(make('echo "{\\"verdict\\": \\"again\\", \\"cost_usd\\": 0.5}" > "$PLINY_RESULT"; exit 10'))
    assert outcome.result
    assert outcome.result.verdict is Verdict.AGAIN
    assert outcome.result.cost_usd == 0.5


def test_a_result_of_wrong_shape_is_told(make: MakeAttempt) -> None:
    outcome = outcome_of(make('echo "done" > "$PLINY_RESULT"'))
    assert outcome.result is None
    assert outcome.invalid_result


def test_deliverables_are_found_and_missed(make: MakeAttempt) -> None:
    attempt = make(
        'echo x > "$PLINY_DELIVERABLES/notes.md"; echo y > report.md', deliverables=("report.md", "summary.md")
    )
    outcome = outcome_of(attempt)
    assert {deliverable.name: deliverable.path.read_text() for deliverable in outcome.deliverables} == {
        "notes.md": "x\n",
        "report.md": "y\n",
    }
    assert outcome.missing_deliverables == ("summary.md",)


def test_an_agent_may_remove_everything_it_was_given(make: MakeAttempt) -> None:
    attempt = make('rm -rf "$(dirname "$PLINY_RESULT")"; exit 1')
    outcome = outcome_of(attempt)
    assert (outcome.exit_code, outcome.tail, outcome.output_size) == (1, "", 0)


@pytest.mark.skipif(process._open_pidfd is None, reason="this system has no descriptors for processes")
def test_only_the_empty_folder_of_an_attempt_that_left_nobody_is_handed_on(make: MakeAttempt, tmp_path: Path) -> None:
    runner = CommandRunner()
    lines = (":", "echo x > $PLINY_DELIVERABLES/file", ":", "sleep 1 & ls -A $PLINY_DELIVERABLES", ":")
    attempts = [make(line, folder=tmp_path / "output" / str(number)) for number, line in enumerate(lines)]
    for attempt in attempts:
        running = runner.start(attempt)
        assert isinstance(running, Watchable)
        watch = select.poll()
        watch.register(running.descriptor() or 0, select.POLLIN)
        watch.poll()
        outcome = running.collect()
        assert outcome is not None
        assert outcome.exit_code == 0
    assert [attempt.deliverables.exists() for attempt in attempts] == [False, True, False, True, True]
    assert attempts[3].output.read_text() == ""
