"""One call of the program: what it says, where, and its exit code."""

import errno
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Annotated

import pytest

from git_pliny import __version__
from git_pliny.cli import messages, output
from git_pliny.cli.declare import argument, option
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.main import run
from git_pliny.errors import AgentFailedError, InterruptedRunError, NotFoundError, StorageError

Act = Callable[[Invocation], int | None]
Register = Callable[[Act], None]

MAIN = "from git_pliny.cli.main import main; main()"


@pytest.fixture
def status_is(monkeypatch: pytest.MonkeyPatch) -> Register:
    """Makes a function what `git pliny status` does, in a module of its own."""

    def register(act: Act) -> None:
        def status_command(here: Invocation) -> int | None:
            """Show where the current session stands."""
            return act(here)

        module = ModuleType("git_pliny.cli.status")
        module.__dict__["status_command"] = status_command
        monkeypatch.setitem(sys.modules, module.__name__, module)

    return register


def call(*arguments: str) -> int:
    return run(arguments, program_name="git pliny")


def raising(error: BaseException) -> Act:
    def act(here: Invocation) -> None:
        raise error

    return act


def process(*arguments: str, **settings: object) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", MAIN, *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, **settings)  # type: ignore[call-overload,no-any-return] # any of its settings


def test_help_lists_every_command_by_section(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("-h") == 0
    text = capsys.readouterr().out
    assert text.startswith("Usage: git pliny [-C DIR]... [--version] COMMAND [ARGS]...\n")
    assert "Keep and restore the workspace:\n  checkpoint" in text
    for name in (
        "init",
        "execute",
        "session",
        "rollback",
        "audit",
        "stats",
        "agents",
        "frameworks",
        "config",
        "doctor",
    ):
        assert f"\n  {name} " in text


def test_help_of_a_group_lists_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("session", "--help") == 0
    assert "\n  prune " in capsys.readouterr().out


def test_no_command_is_a_usage_error_that_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert call() == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err.startswith("Usage: git pliny ")


def test_no_command_of_a_group_shows_the_help_of_the_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("audit") == 2
    assert capsys.readouterr().err.startswith("Usage: git pliny audit ")


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--version") == 0
    assert capsys.readouterr().out == f"git-pliny {__version__}\n"


def test_an_unknown_command_is_a_usage_error_with_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("sesion") == 2
    assert capsys.readouterr().err == "error: 'sesion' is not a command of git pliny\nhint: git pliny session\n"


def test_an_unknown_command_like_no_other_is_sent_to_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("xyzzy") == 2
    assert capsys.readouterr().err == "error: 'xyzzy' is not a command of git pliny\nhint: git pliny -h\n"


def test_an_unknown_command_of_a_group_is_looked_for_in_the_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("session", "lst") == 2
    assert capsys.readouterr().err.endswith("hint: git pliny session list\n")


def test_control_characters_in_a_message_are_made_visible(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("\x1b[31mred") == 2
    assert capsys.readouterr().err.startswith(r"error: '\x1b[31mred' is not")


def test_an_unknown_option_is_a_usage_error_with_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--versoin") == 2
    assert capsys.readouterr().err == "error: no such option: --versoin\nhint: git pliny --version\n"


def test_an_option_without_its_value_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("-C") == 2
    assert capsys.readouterr().err == "error: option '-C' requires an argument\nhint: git pliny -h\n"


def test_too_many_arguments_are_a_usage_error_of_the_command(
    status_is: Register, capsys: pytest.CaptureFixture[str]
) -> None:
    status_is(lambda _: None)
    assert call("status", "now") == 2
    assert capsys.readouterr().err == "error: unexpected argument: now\nhint: git pliny status -h\n"


@pytest.mark.parametrize(
    ("typed", "error", "hint"),
    [
        ("execute Tidy the parser", "unexpected argument: the parser", "execute 'Tidy the parser'"),
        ("session start my session", "unexpected argument: session", "session start 'my session'"),
        ("checkpoint create my point", "unexpected argument: point", "checkpoint create 'my point'"),
        ("frameworks show rise care", "unexpected argument: care", "frameworks show -h"),
        ("execute -j", "option '-j' requires an argument", "execute -h"),
        ("session show --nope", "no such option: --nope", "session show -h"),
        ("execute --iterations x", "invalid value for '--iterations': 'x' is not a whole number", "execute -h"),
        ("execute -j many", "invalid value for '--jobs' / '-j': 'many' is not a whole number", "execute -h"),
    ],
)
def test_a_mistake_is_said_in_words_with_what_was_meant(
    capsys: pytest.CaptureFixture[str], typed: str, error: str, hint: str
) -> None:
    assert call(*typed.split()) == 2
    assert capsys.readouterr().err == f"error: {error}\nhint: git pliny {hint}\n"


def test_a_command_that_returns_nothing_is_done(status_is: Register) -> None:
    status_is(lambda _: None)
    assert call("status") == 0


def test_what_a_command_returns_is_the_exit_code(status_is: Register) -> None:
    status_is(lambda _: 3)
    assert call("status") == 3


def test_an_error_has_its_message_hint_and_exit_code(status_is: Register, capsys: pytest.CaptureFixture[str]) -> None:
    status_is(raising(AgentFailedError("agent 'fix' failed", hint="git pliny execute")))
    assert call("status") == 3
    assert capsys.readouterr() == ("", "error: agent 'fix' failed\nhint: git pliny execute\n")


def test_an_error_without_a_hint_has_one_line(status_is: Register, capsys: pytest.CaptureFixture[str]) -> None:
    status_is(raising(NotFoundError("no session begins with 'f00'")))
    assert call("status") == 1
    assert capsys.readouterr().err == "error: no session begins with 'f00'\n"


def test_data_stands_before_the_error_that_follows_it() -> None:
    script = "from git_pliny.cli import messages, output; output.data('data'); messages.error('then nothing')"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
    assert done.stdout == b"data\nerror: then nothing\n"


def test_an_interrupt_exits_with_130(status_is: Register) -> None:
    status_is(raising(KeyboardInterrupt()))
    assert call("status") == InterruptedRunError.exit_code == 130


def test_a_full_disk_is_said_in_a_sentence(status_is: Register, capsys: pytest.CaptureFixture[str]) -> None:
    status_is(raising(OSError(errno.ENOSPC, "No space left on device", "/mnt/x")))
    assert call("status") == 1
    text = capsys.readouterr().err
    assert text.startswith("error: /mnt/x: no space left on device\nhint: make room")


def test_an_error_that_the_disk_caused_says_what_to_do_about_the_disk(
    status_is: Register, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(here: Invocation) -> None:
        raise StorageError("cannot write the journal") from OSError(errno.ENOSPC, "No space left on device")

    status_is(full)
    assert call("status") == 1
    assert capsys.readouterr().err.startswith("error: cannot write the journal\nhint: make room")


def test_no_permission_without_a_file_is_said_in_a_sentence(
    status_is: Register, capsys: pytest.CaptureFixture[str]
) -> None:
    status_is(raising(PermissionError(errno.EACCES, "Permission denied")))
    assert call("status") == 1
    assert capsys.readouterr().err.startswith("error: permission denied\nhint: see who may write there")


@pytest.mark.parametrize("error", [ValueError("what?"), OSError(errno.EINVAL, "Invalid argument")])
def test_anything_else_is_a_bug_with_its_traceback(
    error: Exception, status_is: Register, capsys: pytest.CaptureFixture[str]
) -> None:
    status_is(raising(error))
    assert call("status") == 70
    text = capsys.readouterr().err
    assert text.startswith("Traceback")
    assert "error: this is a bug in git-pliny" in text


def test_the_invocation_is_that_of_the_folder_given_by_dash_c(
    status_is: Register, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    status_is(lambda here: output.data(str(here.cwd)))
    assert call("-C", "a", "-C", "b", "status") == 0
    assert capsys.readouterr().out == f"{tmp_path / 'a' / 'b'}\n"


def test_a_folder_for_dash_c_that_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("-C", str(tmp_path / "x"), "status") == 1
    assert capsys.readouterr().err.startswith(f"error: cannot change to '{tmp_path / 'x'}': ")


def test_a_current_folder_that_is_gone_is_an_error_with_a_hint(
    status_is: Register, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status_is(lambda _: None)
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert call("status") == 1
    assert capsys.readouterr().err.startswith("error: the current directory no longer exists\nhint: ")


def test_help_of_a_command_has_its_docstring_with_the_lines_of_examples_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = Annotated[int, option("-j", "--jobs", metavar="N", help="How many at once.")]
    context = Annotated[list[str], argument(metavar="FILE", help="Files to read.", show_default=False)]

    def status_command(here: Invocation, *, context: context, jobs: jobs = 4) -> None:
        """Show where the current session stands.

        It is shown
        in a line.

            git pliny status
            git pliny status -j 2
        """

    module = ModuleType("git_pliny.cli.status")
    module.__dict__["status_command"] = status_command
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert call("status", "-h") == 0
    assert capsys.readouterr().out == (
        "Usage: git pliny status [--jobs N] FILE...\n\n"
        "  Show where the current session stands.\n\n"
        "  It is shown in a line.\n\n"
        "      git pliny status\n"
        "      git pliny status -j 2\n\n"
        "Arguments:\n  FILE...  Files to read.\n\n"
        "Options:\n  -j, --jobs N  How many at once. [default: 4]\n  -h, --help    Show this message and exit.\n"
    )


def test_a_long_usage_is_broken_between_parameters_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    assert call("execute", "-h") == 0
    usage = capsys.readouterr().out.partition("\n\n")[0].splitlines()
    first = "Usage: git pliny execute "
    assert usage[0].startswith(first)
    assert all(line.startswith(" " * len(first) + "[") for line in usage[1:])
    assert max(map(len, usage)) <= 70
    assert "[--rerun AGENT]..." in "\n".join(usage)


def test_completion_offers_commands_with_their_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("__complete", "sta") == 0
    assert capsys.readouterr().out.splitlines() == [
        "status\tShow where the current session stands.",
        "stats\tSum up all sessions of this repository.",
    ]


def test_completion_offers_the_commands_of_a_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("__complete", "checkpoint", "d") == 0
    assert [line.partition("\t")[0] for line in capsys.readouterr().out.splitlines()] == ["diff", "delete"]


def test_completion_offers_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("__complete", "--v") == 0
    assert capsys.readouterr().out == "--version\tPrint the version.\n"


def test_completion_after_an_unknown_command_offers_nothing_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("__complete", "xyzzy", "--versi") == 0
    assert "Traceback" not in capsys.readouterr().err


def test_completion_of_no_words_offers_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("__complete") == 0
    assert capsys.readouterr().out.startswith("init\t")


def test_completion_prints_no_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("__complete", "--version", "sess") == 0
    assert capsys.readouterr().out == "session\tStart, list, show, resume and remove sessions.\n"


def test_the_program_is_called_as_it_was_typed() -> None:
    script = "import sys; sys.argv = ['/x/bin/pliny', 'nope']\n" + MAIN
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, text=True)
    assert done.stderr == "error: 'nope' is not a command of pliny\nhint: pliny -h\n"


def test_a_reader_that_leaves_early_ends_the_program_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with process("-h", stdout=writing) as running:
        os.close(writing)
        assert running.communicate()[1] == b""
    assert running.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device /dev/full")
def test_output_that_cannot_be_written_is_an_error() -> None:
    with Path("/dev/full").open("w") as full, process("-h", stdout=full) as running:
        assert running.communicate()[1].startswith(b"error: no space left on device\nhint: make room")
    assert running.returncode == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device /dev/full")
def test_an_error_is_said_even_if_the_data_before_it_cannot_be_written() -> None:
    script = (
        "import sys\nfrom git_pliny.cli import main, output\nfrom git_pliny.errors import PlinyError\n"
        "def fail(*_):\n    output.data('data')\n    raise PlinyError('then nothing')\n"
        "main._dispatch = fail\nsys.exit(main.run([], program_name='pliny'))"
    )
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", script], stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (1, b"error: then nothing\n")


def test_a_closed_output_is_no_bug() -> None:
    script = f"exec '{sys.executable}' -c '{MAIN}' -h >&- 2>&-"
    assert subprocess.run(["sh", "-c", script], check=False).returncode == 0


def test_output_that_the_encoding_lacks_is_escaped() -> None:
    environ = {**os.environ, "PYTHONIOENCODING": "ascii"}
    with process("naïve", stdout=subprocess.DEVNULL, env=environ) as running:
        assert running.communicate()[1].startswith(rb"error: 'na\xefve' is not a command")


def test_listing_commands_imports_none_of_them_and_nothing_slow() -> None:
    script = (
        "import sys\nfrom git_pliny.cli.main import run\nrun(['-h'], program_name='pliny')\n"
        "run(['__complete', 's'], program_name='pliny')\nprint('modules', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "git_pliny.cli.table" in loaded
    assert loaded & {"rich", "dulwich", "asyncio", "tenacity", "msgspec", "yaml", "git_pliny.cli.session"} == set()


@pytest.mark.parametrize(
    ("answer", "meant"), [("y\n", True), (" YES \n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_only_a_clear_yes_confirms(
    answer: str, meant: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    assert messages.confirmed("delete it?") is meant
    assert capsys.readouterr() == ("", "delete it? [y/N] ")


def test_a_note_and_a_warning_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    messages.note("a note")
    messages.warning("beware\x07")
    assert capsys.readouterr() == ("", "a note\nwarning: beware\\x07\n")
