import json
from collections.abc import Callable
from pathlib import Path

import pytest
from scratch import Scratch

from git_pliny.cli import config
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.main import run
from git_pliny.errors import ConfigError, UsageError


@pytest.fixture
def here(tmp_path: Path, environment: dict[str, str]) -> Invocation:
    """A folder that is in no repository."""
    folder = tmp_path / "nowhere"
    folder.mkdir()
    return Invocation(cwd=folder, environ=environment, now=0.0)


@pytest.fixture
def user_file(environment: dict[str, str], capsys: pytest.CaptureFixture[str], here: Invocation) -> Path:
    config.path_command(here)
    path = Path(capsys.readouterr().out.strip())
    assert path.is_relative_to(environment["HOME"])
    assert path.name == "config.toml"
    return path


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_list_works_outside_of_a_repository(here: Invocation, capsys: pytest.CaptureFixture[str]) -> None:
    config.list_command(here)
    lines = printed(capsys).splitlines()
    assert lines[0].split() == ["KEY", "VALUE", "FROM"]
    assert ["execution.jobs", "4", "built-in"] in [line.split() for line in lines]
    assert not any("retry_strategies" in line for line in lines)


def test_list_says_where_each_value_comes_from(
    make_scratch: Callable[..., Scratch],
    user_file: Path,
    environment: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    scratch = make_scratch()
    scratch.write("pliny.yaml", "execution:\n  jobs: 2\n  parallel: true\nagents: {hello: {run: echo}}\n")
    user_file.parent.mkdir(parents=True)
    user_file.write_text('execution.jobs = 3\nexecution.grace = "5s"\n')
    environ = environment | {"PLINY_CONFIG_ERROR_HANDLING__RETRY_STRATEGIES__AI__MAX_RETRIES": "9"}
    config.list_command(Invocation(cwd=scratch.root, environ=environ, now=0.0), as_json=True)
    found = {each["key"]: (each["value"], each["origin"]) for each in json.loads(printed(capsys))}
    assert found["execution.jobs"] == (2, "pliny.yaml:2")
    assert found["execution.parallel"] == (True, "pliny.yaml:3")
    assert found["execution.grace"][0] == "5s"
    assert found["execution.grace"][1].endswith("/pliny/config.toml:2")
    assert found["execution.grace"][1].startswith("~/")
    assert found["execution.timeout"] == (None, "built-in")
    assert found["error_handling.retry_strategies.ai.max_retries"] == (
        9,
        "environment PLINY_CONFIG_ERROR_HANDLING__RETRY_STRATEGIES__AI__MAX_RETRIES",
    )


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("execution.jobs", "4\n"),
        ("execution.checkpoint_frequency", "phase\n"),
        ("execution.parallel", "false\n"),
        ("execution.timeout", "\n"),
        ("masking.variables", "\n"),
    ],
)
def test_get_prints_a_value(here: Invocation, capsys: pytest.CaptureFixture[str], key: str, shown: str) -> None:
    config.get_command(here, key=key)
    assert printed(capsys) == shown


def test_get_prints_json(here: Invocation, capsys: pytest.CaptureFixture[str]) -> None:
    config.get_command(here, key="execution.timeout", as_json=True)
    config.get_command(here, key="masking.keep", as_json=True)
    assert printed(capsys) == "null\n[]\n"


def test_get_of_an_unknown_key_is_refused(here: Invocation) -> None:
    with pytest.raises(ConfigError, match="did you mean"):
        config.get_command(here, key="execution.jbos")


def test_what_set_writes_get_prints(here: Invocation, user_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.set_command(here, key="execution.jobs", values=["8"])
    config.set_command(here, key="masking.variables", values=["ACME_*", "with, comma"])
    config.set_command(here, key="masking.keep", values=['["A", "B"]'])
    config.set_command(here, key="error_handling.rules", values=['[{"match": "boom", "category": "network"}]'])
    assert printed(capsys) == ""
    assert "jobs = 8\n" in user_file.read_text()
    for key in ("execution.jobs", "masking.variables", "masking.keep", "error_handling.rules"):
        config.get_command(here, key=key)
    assert printed(capsys) == '8\nACME_*\nwith, comma\nA\nB\n{"match": "boom", "category": "network"}\n'


def test_unset_takes_a_setting_back(here: Invocation, user_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.set_command(here, key="execution.jobs", values=["8"])
    config.set_command(here, key="execution.jobs", unset=True)
    config.get_command(here, key="execution.jobs")
    assert printed(capsys) == "4\n"
    assert "jobs" not in user_file.read_text()


def test_tab_offers_every_setting() -> None:
    assert "execution.jobs" in config.setting_names()


def test_set_replaces_the_other_word_for_a_setting(here: Invocation, user_file: Path) -> None:
    user_file.parent.mkdir(parents=True)
    user_file.write_text('[execution]\ncheckpoint_frequency = "agent"\n')
    config.set_command(here, key="execution.checkpoint_frequency", values=["manual"])
    assert user_file.read_text() == '[execution]\ncheckpoint = "manual"\n'


def test_set_says_when_a_variable_counts_more(
    here: Invocation, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    environ = environment | {"PLINY_CONFIG_EXECUTION__JOBS": "2"}
    config.set_command(Invocation(cwd=here.cwd, environ=environ, now=0.0), key="execution.jobs", values=["8"])
    assert "PLINY_CONFIG_EXECUTION__JOBS is set, and counts more" in capsys.readouterr().err


@pytest.mark.parametrize("unset", [False, True])
def test_set_warns_where_the_plan_file_counts_more(
    make_scratch: Callable[..., Scratch], environment: dict[str, str], capsys: pytest.CaptureFixture[str], unset: bool
) -> None:
    scratch = make_scratch()
    scratch.write("pliny.yaml", "execution:\n  checkpoint_frequency: agent\n")
    in_it = Invocation(cwd=scratch.root, environ=environment, now=0.0)
    config.set_command(in_it, key="execution.checkpoint", values=None if unset else ["manual"], unset=unset)
    told = capsys.readouterr().err
    assert told == "warning: pliny.yaml:2 sets execution.checkpoint too, and counts more here\n"
    config.set_command(in_it, key="execution.jobs", values=["8"])
    assert capsys.readouterr().err == ""


def test_set_works_where_the_plan_file_is_broken(
    make_scratch: Callable[..., Scratch], environment: dict[str, str], user_file: Path
) -> None:
    scratch = make_scratch()
    scratch.write("pliny.yaml", "execution: {jobs: many}\n")
    config.set_command(Invocation(cwd=scratch.root, environ=environment, now=0.0), key="execution.jobs", values=["8"])
    assert "jobs = 8" in user_file.read_text()


def test_path_prints_json(here: Invocation, user_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.path_command(here, as_json=True)
    assert json.loads(printed(capsys)) == str(user_file)


def test_set_warns_before_comments_are_lost(
    here: Invocation, user_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    user_file.parent.mkdir(parents=True)
    user_file.write_text("# mine\nexecution = { jobs = 2 }\n")
    config.set_command(here, key="execution.jobs", values=["8"])
    told = capsys.readouterr().err
    assert told.startswith("warning: the file had to be written anew, without its comments; the old one is ~/")
    assert told.endswith("config.toml.bak\n")


@pytest.mark.parametrize(
    ("key", "values", "unset"),
    [
        ("execution.jobs", None, False),
        ("execution.jobs", ["1", "2"], False),
        ("execution.jobs", ["1"], True),
    ],
)
def test_set_with_the_wrong_number_of_values_is_a_usage_error(
    here: Invocation, key: str, values: list[str] | None, unset: bool
) -> None:
    with pytest.raises(UsageError):
        config.set_command(here, key=key, values=values, unset=unset)


def test_set_refuses_a_bad_value_and_leaves_the_file(here: Invocation, user_file: Path) -> None:
    with pytest.raises(ConfigError, match=r"execution\.jobs must be a number from 1 to 1024, not `0`"):
        config.set_command(here, key="execution.jobs", values=["0"])
    assert not user_file.exists()


def test_set_mends_a_file_with_a_bad_value(
    here: Invocation, user_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    user_file.parent.mkdir(parents=True)
    user_file.write_text("[execution]\njobs = 0\n")
    config.set_command(here, key="execution.jobs", values=["3"])
    config.get_command(here, key="execution.jobs")
    assert printed(capsys) == "3\n"


def test_schema_prints_a_json_schema(here: Invocation, capsys: pytest.CaptureFixture[str]) -> None:
    config.schema_command(here)
    assert json.loads(printed(capsys))["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_commands_are_reached_from_the_command_line(
    user_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, here: Invocation
) -> None:
    monkeypatch.chdir(here.cwd)
    assert run(["config", "set", "execution.jobs", "6"], program_name="git pliny") == 0
    assert run(["config", "get", "execution.jobs"], program_name="git pliny") == 0
    assert run(["config", "set", "--unset", "execution.jobs"], program_name="git pliny") == 0
    assert run(["config", "get", "execution.jbos"], program_name="git pliny") == 1
    assert run(["config", "set", "execution.jobs"], program_name="git pliny") == 2
    assert printed(capsys) == "6\n"
