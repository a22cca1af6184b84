import json
import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_pliny.config import Resolved, resolve
from git_pliny.config.edit import put
from git_pliny.config.keys import every, named
from git_pliny.config.layers import variable_of
from git_pliny.config.toml import statements
from git_pliny.errors import ConfigError, PlanError, StorageError
from git_pliny.model.settings import Category, CheckpointWhen, ErrorRule, RetryStrategy, Settings

EXAMPLES: dict[str, object] = {
    "execution.framework": "rise",
    "execution.use": "claude",
    "execution.allow": ["Bash"],
    "execution.parallel": True,
    "execution.checkpoint": "agent",
    "execution.jobs": 8,
    "execution.max_retries": 0,
    "execution.isolation": "worktree",
    "execution.worktree_include": [".env", "config/*.local"],
    "execution.worktree_link": ["node_modules"],
    "execution.on_conflict": "agent:mend",
    "execution.fail_fast": True,
    "execution.budget.cost_usd": 2.5,
    "execution.budget.tokens": 1_000_000,
    "execution.budget.time": "1h30m",
    "execution.timeout": "10m",
    "execution.grace": "0s",
    "execution.iterations": 7,
    "execution.sanity_limit": 1000,
    "execution.context_limit": 4096,
    "execution.prompt_limit": 8192,
    "error_handling.max_delay": 0,
    "error_handling.max_wait": "90m",
    "error_handling.rules": [{"match": "try again", "category": "network", "exit": [75]}],
    "output.limit": 1 << 30,
    "masking.variables": ["ACME_*", "LICENCE"],
    "masking.patterns": ["ACME-[0-9]+"],
    "masking.keep": [],
    "session.prune_after": "1w",
    "sharing.allow_secrets": True,
    "sharing.require_on_push": True,
    "sharing.sign": "always",
    "sharing.tombstone_age": "30d",
    "sharing.warn_size": 1000,
    "error_handling.retry_strategies.network.max_retries": 9,
    "error_handling.retry_strategies.ai.backoff": "fixed",
    "error_handling.retry_strategies.tool.initial_delay": 86_400_000,
    "error_handling.retry_strategies.system.max_delay": 1,
}
"""A valid value for each setting, of retry strategies one for each key."""


def nested(key: str, value: object) -> dict[str, Any]:
    for step in reversed(key.split(".")):
        value = {step: value}
    assert isinstance(value, dict)
    return value


def as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@pytest.fixture
def user_file(tmp_path: Path) -> Path:
    path = tmp_path / "home" / ".config" / "pliny" / "config.toml"
    path.parent.mkdir(parents=True)
    return path


def of_user(path: Path, text: str, environ: Mapping[str, str] | None = None) -> Resolved:
    path.write_text(text)
    return resolve(user_file=path, environ={"HOME": str(path.parents[2]), **(environ or {})})


def refusal(**given: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        resolve(**{"environ": {}, **given})
    assert "\n" not in caught.value.message
    return caught.value.message


# -- layers


def test_without_any_layer_the_settings_are_the_built_in_ones() -> None:
    resolved = resolve(environ={})
    assert resolved.settings == Settings()
    assert {resolved.origin(key) for key in resolved.values} == {"built-in"}


def test_the_examples_cover_every_setting() -> None:
    strategies = {key.rpartition(".")[2] for key in EXAMPLES if key.startswith("error_handling.retry_strategies.")}
    assert {key for key in every() if "retry_strategies" not in key} == {
        key for key in EXAMPLES if "retry_strategies" not in key
    }
    assert strategies == set(RetryStrategy.__struct_fields__)


@pytest.mark.parametrize("key", EXAMPLES)
def test_every_setting_can_come_from_every_layer(key: str) -> None:
    value, variable = EXAMPLES[key], variable_of(key)
    plan = resolve(environ={}, plan_sections=nested(key, value), plan_file="pliny.yaml")
    environment = resolve(environ={variable: as_text(value)})
    command_line = resolve(environ={}, overrides={key: value})
    assert plan.value(key) == environment.value(key) == command_line.value(key) == value
    assert plan.origin(key) == "pliny.yaml"
    assert environment.origin(key) == f"environment {variable}"
    assert command_line.origin(key) == "command line"
    assert plan.settings == environment.settings == command_line.settings


def test_values_arrive_with_their_types(user_file: Path) -> None:
    text = """
[execution]
checkpoint_frequency = "step"
timeout = 90
[error_handling.retry_strategies.network]
max_retries = 5
[[error_handling.rules]]
match = "boom"
exit = [3, 4]
category = "tool"
recoverable = true
"""
    resolved = of_user(user_file, text)
    assert resolved.settings.execution.checkpoint is CheckpointWhen.STEP
    assert resolved.settings.execution.timeout == "90"
    assert resolved.settings.error_handling.retry_strategies == {Category.NETWORK: RetryStrategy(max_retries=5)}
    assert resolved.settings.error_handling.rules == (
        ErrorRule(match="boom", exit=(3, 4), category=Category.TOOL, recoverable=True),
    )


LAYERS = ("user", "plan", "environment", "command line")


@given(
    st.dictionaries(st.sampled_from(LAYERS), st.integers(1, 1024)),
    st.dictionaries(st.sampled_from(LAYERS), st.booleans()),
)
@settings(deadline=None, max_examples=60)
def test_the_latest_layer_that_sets_a_key_wins(
    tmp_path_factory: pytest.TempPathFactory, jobs: dict[str, int], parallel: dict[str, bool]
) -> None:
    path = tmp_path_factory.mktemp("config") / "config.toml"
    given: dict[str, Mapping[str, object]] = {"execution.jobs": jobs, "execution.parallel": parallel}

    def layer(name: str) -> dict[str, Any]:
        return {key: values[name] for key, values in given.items() if name in values}

    path.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in layer("user").items()))
    resolved = resolve(
        user_file=path,
        plan_sections={"execution": {key.partition(".")[2]: value for key, value in layer("plan").items()}},
        plan_file="pliny.yaml",
        environ={variable_of(key): json.dumps(value) for key, value in layer("environment").items()},
        overrides=layer("command line"),
    )
    for key, values in given.items():
        latest = [name for name in LAYERS if name in values]
        assert resolved.value(key) == (values[latest[-1]] if latest else every()[key].default)
        expected = {"user": f"{path}:", "plan": "pliny.yaml", "environment": f"environment {variable_of(key)}"}
        assert resolved.origin(key).startswith(expected.get(latest[-1], latest[-1]) if latest else "built-in")


def test_layers_are_laid_over_each_other_key_by_key_in_retry_strategies_too() -> None:
    sections = {"error_handling": {"retry_strategies": {"network": {"max_retries": 5, "backoff": "linear"}}}}
    environ = {"PLINY_CONFIG_ERROR_HANDLING__RETRY_STRATEGIES__NETWORK__MAX_RETRIES": "7"}
    strategies = resolve(plan_sections=sections, environ=environ).settings.error_handling.retry_strategies
    assert strategies == {Category.NETWORK: RetryStrategy(max_retries=7, backoff="linear")}  # type: ignore[arg-type] # a StrEnum's value equals it


def test_an_override_of_none_leaves_the_setting_alone() -> None:
    resolved = resolve(environ={}, plan_sections={"execution": {"jobs": 2}}, overrides={"execution.jobs": None})
    assert resolved.value("execution.jobs") == 2


def test_an_empty_variable_takes_an_optional_setting_back() -> None:
    environ = {"PLINY_CONFIG_EXECUTION__TIMEOUT": "", "PLINY_CONFIG_EXECUTION__MAX_RETRIES": ""}
    resolved = resolve(environ=environ, plan_sections={"execution": {"timeout": "10m", "max_retries": 4}})
    assert resolved.settings.execution.timeout is None
    assert resolved.settings.execution.max_retries is None


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("YES", True), ("1", True), ("off", False), ("False", False)]
)
def test_a_variable_says_true_or_false_in_many_words(text: str, value: bool) -> None:
    assert resolve(environ={"PLINY_CONFIG_EXECUTION__PARALLEL": text}).settings.execution.parallel is value


@pytest.mark.parametrize("text", ["ACME_*, B", "ACME_*,B,", '["ACME_*", "B"]', ' [ "ACME_*","B"]'])
def test_a_list_in_a_variable_has_commas_or_is_json(text: str) -> None:
    assert resolve(environ={"PLINY_CONFIG_MASKING__VARIABLES": text}).settings.masking.variables == ("ACME_*", "B")


def test_other_variables_are_not_settings() -> None:
    assert resolve(environ={"PLINY_SESSION": "x", "EXECUTION__JOBS": "x"}).settings == Settings()


def test_the_word_checkpoint_frequency_means_checkpoint_everywhere() -> None:
    environ = {"PLINY_CONFIG_EXECUTION__CHECKPOINT_FREQUENCY": "agent"}
    assert resolve(environ=environ).value("execution.checkpoint_frequency") == "agent"
    sections = {"execution": {"checkpoint_frequency": "step"}}
    assert resolve(environ={}, plan_sections=sections).settings.execution.checkpoint is CheckpointWhen.STEP
    assert (
        resolve(environ={}, overrides={"execution.checkpoint_frequency": "manual"}).value("execution.checkpoint")
        == "manual"
    )


def test_the_seeds_retry_configuration_is_understood() -> None:
    sections = {
        "error_handling": {
            "retry_strategies": {"network": {"max_retries": 3, "backoff": "exponential", "initial_delay": 1000}}
        }
    }
    resolved = resolve(environ={}, plan_sections=sections, plan_file="pliny.yaml")
    strategy = resolved.settings.error_handling.retry_strategies[Category.NETWORK]
    assert (strategy.max_retries, strategy.backoff, strategy.initial_delay) == (3, "exponential", 1000)


# -- where values come from


def test_the_origin_of_a_users_setting_is_its_line(user_file: Path) -> None:
    text = '# mine\nexecution.grace = "5s"\n\n[masking]\nvariables = [\n  "A", # ]\n  "B",\n]\n  keep = ["""\nx = 1\n"""]\n'
    resolved = of_user(user_file, text)
    assert resolved.origin("execution.grace") == "~/.config/pliny/config.toml:2"
    assert resolved.origin("masking.variables") == "~/.config/pliny/config.toml:5"
    assert resolved.origin("masking.keep") == "~/.config/pliny/config.toml:9"
    assert resolved.origin("execution.jobs") == "built-in"


def test_the_origin_inside_an_inline_table_and_a_list_of_tables_is_a_line(user_file: Path) -> None:
    text = 'execution = { jobs = 2, "parallel" = true }\n[[error_handling.rules]]\ncategory = "ai"\nmatch = "x"\n'
    resolved = of_user(user_file, text)
    assert resolved.origin("execution.parallel") == "~/.config/pliny/config.toml:1"
    assert resolved.origin("error_handling.rules") == "~/.config/pliny/config.toml:2"


def test_the_origin_of_a_plans_setting_is_the_place_that_the_plan_tells() -> None:
    resolved = resolve(
        environ={},
        plan_sections={"execution": {"jobs": 2}},
        plan_file="pliny.yaml",
        plan_place=lambda *steps: f"pliny.yaml:{len(steps)}",
    )
    assert resolved.origin("execution.jobs") == "pliny.yaml:2"


def test_a_file_outside_of_the_home_folder_is_named_in_full(user_file: Path) -> None:
    user_file.write_text("execution.jobs = 2")
    assert resolve(user_file=user_file, environ={}).origin("execution.jobs") == f"{user_file}:1"


def test_asking_for_an_unknown_setting_names_the_nearest() -> None:
    with pytest.raises(
        ConfigError, match=r"unknown setting `execution\.jbos`; did you mean `execution.jobs`"
    ) as caught:
        resolve(environ={}).value("execution.jbos")
    assert caught.value.hint == "git pliny config list"


def test_asking_for_a_section_names_one_of_its_keys() -> None:
    with pytest.raises(ConfigError, match="output is a section, not a setting") as caught:
        resolve(environ={}).origin("output")
    assert caught.value.hint is not None
    assert "output.limit" in caught.value.hint


# -- what is refused


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("execution.jobs", 0, "must be a number from 1 to 1024, not `0`"),
        ("execution.jobs", 1025, "must be a number from 1 to 1024, not `1025`"),
        ("execution.jobs", True, "not `true`"),
        ("execution.jobs", 1.5, "not `1.5`"),
        ("execution.jobs", "many", "not `many`"),
        ("execution.jobs", [], "not a list"),
        ("execution.jobs", {}, "not a table"),
        ("execution.max_retries", -1, "must be a number of retries, 0 to 1000, not `-1`"),
        ("execution.max_retries", 1001, "0 to 1000"),
        ("execution.parallel", 1, "must be true or false, not `1`"),
        ("execution.checkpoint", "fase", "must be one of `phase`, `agent`, `step`, `manual`, not `fase`; did you mean `phase`?"),
        ("execution.isolation", "tree", "must be one of `none`, `worktree`, not `tree`"),
        ("execution.worktree_include", ["/etc/passwd"], "is not relative to the root of the repository"),
        ("execution.on_conflict", "agent:", "must be `fail`, or `agent:NAME`"),
        ("execution.framework", 3, "must be a text, not `3`"),
        ("execution.framework", "a\0b", r"without NUL and lone surrogates, not `a\x00b`"),
        ("execution.timeout", "soon", "must be a duration like `10m`, `1h30m`, `90s` or `500ms`, at most ten years, not `soon`"),
        ("execution.timeout", "1000w", "at most ten years"),
        ("execution.timeout", "0s", "must be longer than nothing, not `0s`"),
        ("execution.timeout", True, "not `true`"),
        ("execution.grace", -1, "must be a duration"),
        ("execution.budget.cost_usd", 0, "must be an amount of US dollars above 0, like `2.50`, at most a million, not `0`"),
        ("execution.budget.cost_usd", 1e7, "at most a million"),
        ("execution.budget.cost_usd", float("nan"), "must be an amount of US dollars"),
        ("execution.budget.cost_usd", True, "not `true`"),
        ("execution.budget.cost_usd", "2.50", "must be an amount of US dollars"),
        ("execution.budget.tokens", 0, "must be a number of tokens, 1 or more, not `0`"),
        ("execution.budget.tokens", 1.5, "must be a number of tokens"),
        ("execution.budget.time", "0s", "must be longer than nothing"),
        ("execution.iterations", 0, "must be a number from 1 to 1000000"),
        ("execution.sanity_limit", 10**7, "must be a number from 1 to 1000000"),
        ("session.prune_after", "1 month", "must be a duration"),
        ("output.limit", -1, "must be a number of bytes, at most 1 GiB"),
        ("output.limit", 2**40, "at most 1 GiB"),
        ("error_handling.max_delay", -5, "must be a number of milliseconds, at most a day"),
        ("error_handling.retry_strategies.network.max_retries", 10**9, "0 to 1000"),
        ("error_handling.retry_strategies.ai.backoff", "cubic", "must be one of `exponential`, `linear`, `fixed`"),
        ("masking.variables", "ACME_*", "must be a list, not `ACME_*`"),
        ("masking.variables", ["A", 1], "masking.variables[1] must be a text, not `1`"),
        ("masking.patterns", ["("], "masking.patterns[0] must be a regular expression (missing )"),
        ("masking.patterns", [r"\N{DASH}"], "masking.patterns[0] must be a regular expression"),
        ("masking.patterns", ["x" * 1001], "a regular expression of at most 1000 characters"),
        ("masking.patterns", ["(" * 900], "must be a regular expression"),
        ("error_handling.rules", [{"category": "tool", "match": "*"}], "error_handling.rules[0].match must be a regular expression (nothing to repeat"),
        ("error_handling.rules", [{"match": "x"}], "error_handling.rules[0] has no `category`"),
        ("error_handling.rules", [{"category": "tol"}], "did you mean `tool`?"),
        ("error_handling.rules", [{"category": "tool", "exit": [256]}], "error_handling.rules[0].exit[0] must be an exit status, 0 to 255, not `256`"),
        ("error_handling.rules", [{"category": "tool", "exitt": [2]}], "unknown key `exitt` in error_handling.rules[0]; did you mean `exit`?"),
        ("error_handling.rules", ["boom"], "error_handling.rules[0] must be a table, not `boom`"),
    ],
)  # fmt: skip
def test_a_bad_value_is_refused_in_words(key: str, value: object, wanted: str) -> None:
    assert wanted in refusal(overrides={key: value})
    told = refusal(plan_sections=nested(key, value), plan_file="pliny.yaml")
    assert told.startswith("pliny.yaml: ")
    assert key in told
    assert wanted in told


def test_a_null_in_a_rule_is_refused_where_something_must_stand() -> None:
    assert "must be one of" in refusal(overrides={"error_handling.rules": [{"category": None}]})
    rules = [{"category": "tool", "match": None}]
    assert resolve(environ={}, overrides={"error_handling.rules": rules}).settings.error_handling.rules[0].match is None


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("EXECUTON__JOBS", "8", "`PLINY_CONFIG_EXECUTON__JOBS` names no setting; did you mean `PLINY_CONFIG_EXECUTION__JOBS`?"),
        ("QQQQ", "8", "`PLINY_CONFIG_QQQQ` names no setting"),
        ("", "8", "`PLINY_CONFIG_` names no setting"),
        ("EXECUTION", "{}", "`PLINY_CONFIG_EXECUTION` names no setting"),
        ("execution__jobs", "8", "`PLINY_CONFIG_execution__jobs` names no setting; did you mean `PLINY_CONFIG_EXECUTION__JOBS`?"),
        ("EXECUTION__JOBS", "", "PLINY_CONFIG_EXECUTION__JOBS must be a number from 1 to 1024, not ``"),
        ("EXECUTION__JOBS", "9" * 40, "PLINY_CONFIG_EXECUTION__JOBS must be a number from 1 to 1024, not `9999"),
        ("EXECUTION__PARALLEL", "maybe", "PLINY_CONFIG_EXECUTION__PARALLEL must be true or false, not `maybe`"),
        ("MASKING__VARIABLES", "[1", "PLINY_CONFIG_MASKING__VARIABLES must be a list, and `[1` is no JSON"),
        ("MASKING__VARIABLES", "[1]", "PLINY_CONFIG_MASKING__VARIABLES[0] must be a text, not `1`"),
        ("ERROR_HANDLING__RULES", "boom", "PLINY_CONFIG_ERROR_HANDLING__RULES must be a list as JSON"),
        ("EXECUTION__GRACE", "\x1b[31m", r"PLINY_CONFIG_EXECUTION__GRACE must be a duration like `10m`, `1h30m`, `90s` or `500ms`, at most ten years, not `\x1b[31m`"),
    ],
)  # fmt: skip
def test_a_bad_variable_is_refused_by_its_name(variable: str, value: str, message: str) -> None:
    assert message in refusal(environ={f"PLINY_CONFIG_{variable}": value})


def test_a_setting_given_by_both_its_words_is_refused(user_file: Path) -> None:
    variables = {"PLINY_CONFIG_EXECUTION__CHECKPOINT": "agent", "PLINY_CONFIG_EXECUTION__CHECKPOINT_FREQUENCY": "agent"}
    assert "is another word for PLINY_CONFIG_EXECUTION__CHECKPOINT" in refusal(environ=variables)
    user_file.write_text('[execution]\ncheckpoint = "agent"\ncheckpoint_frequency = "agent"\n')
    assert f"{user_file}:3:1: execution.checkpoint_frequency is another word for" in refusal(user_file=user_file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[execution]\n  jobs = 0\n", ":2:3: execution.jobs must be a number from 1 to 1024, not `0`"),
        ("\n[execution]\njbos = 2\n", ":3:1: unknown key `jbos` in execution; did you mean `jobs`?"),
        ("[executon]\njobs = 2\n", ":1:1: unknown section `executon`; did you mean `execution`?"),
        ("[error_handling.retry_strategies.netwrk]\n", ":1:1: unknown key `netwrk` in error_handling.retry_strategies; did you mean `network`?"),
        ("execution = 3\n", ":1:1: execution is a section with keys such as `framework`, not a value"),
        ("[execution]\njobs = \n", ":2:8: this is no TOML: invalid value"),
        ("[execution]\njobs = 2\njobs = 3\n", ": this is no TOML: cannot overwrite a value"),
        ("[execution\n", ": this is no TOML: "),
        ('x = """\nnever closed\n', ": this is no TOML: "),
        ("[masking]\npatterns = [\n'a',\n'(',\n]\n", ":2:1: masking.patterns[1] must be a regular expression"),
        ("[[error_handling.rules]]\ncategory='ai'\n[[error_handling.rules]]\ncategory='x'\n", ":1:1: error_handling.rules[1].category must be one of"),
        ("x = " + "[" * 5000, ": "),
    ],
)  # fmt: skip
def test_a_mistake_in_the_users_file_is_told_with_its_place(user_file: Path, text: str, message: str) -> None:
    user_file.write_text(text)
    told = refusal(user_file=user_file)
    assert told.startswith(f"{user_file}:")
    assert message in told


def test_a_missing_file_is_an_empty_layer(tmp_path: Path) -> None:
    assert resolve(user_file=tmp_path / "none" / "config.toml", environ={}).settings == Settings()


def test_a_file_with_a_byte_order_mark_is_read(user_file: Path) -> None:
    user_file.write_bytes(b"\xef\xbb\xbf[execution]\r\njobs = 2\r\n")
    assert resolve(user_file=user_file, environ={}).settings.execution.jobs == 2


def test_a_file_that_is_not_utf_8_is_refused_with_its_line(user_file: Path) -> None:
    user_file.write_bytes(b"[execution]\nframework = 'caf\xe9'\n")
    assert refusal(user_file=user_file) == f"{user_file}:2: byte 0xe9 is not UTF-8 text"


def test_a_directory_a_pipe_and_a_loop_in_the_files_place_are_refused(tmp_path: Path) -> None:
    pipe, loop = tmp_path / "pipe", tmp_path / "loop"
    os.mkfifo(pipe)
    loop.symlink_to(loop)
    assert refusal(user_file=tmp_path) == f"{tmp_path} is not a regular file" or "directory" in refusal(
        user_file=tmp_path
    )
    assert refusal(user_file=pipe) == f"{pipe} is not a regular file"
    assert refusal(user_file=loop).startswith(f"{loop} can't be read: ")


def test_a_file_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pliny").write_text("")
    assert "can't be read" in refusal(user_file=tmp_path / "pliny" / "config.toml")


def test_a_huge_file_is_refused(user_file: Path) -> None:
    user_file.write_bytes(b"#" * (1 << 20) + b"\n")
    assert refusal(user_file=user_file) == f"{user_file} is larger than 1 MiB, the most that is read as settings"


@given(
    st.dictionaries(
        st.text(max_size=8) | st.sampled_from(["execution", "masking", "error_handling"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["jobs", "rules", "variables", "x", "retry_strategies"]), inner, max_size=3
                )
            ),
            max_leaves=8,
        ),
        max_size=3,
    )
)
@settings(deadline=None, max_examples=150)
def test_sections_of_any_shape_are_settings_or_refused(sections: dict[str, Any]) -> None:
    try:
        resolved = resolve(environ={}, plan_sections=sections, plan_file="pliny.yaml")
    except ConfigError as error:
        assert error.message.startswith("pliny.yaml: ")  # noqa: PT017 - both outcomes are right
    else:
        assert isinstance(resolved.settings, Settings)


@given(st.sampled_from(sorted(every())), st.text(max_size=30))
@settings(deadline=None, max_examples=150)
def test_a_variable_of_any_text_is_a_setting_or_refused_by_name(key: str, text: str) -> None:
    try:
        resolved = resolve(environ={variable_of(key): text})
    except ConfigError as error:
        assert variable_of(key) in error.message  # noqa: PT017 - both outcomes are right
    else:
        assert resolved.origin(key) == f"environment {variable_of(key)}"


# -- statements of TOML


def test_statements_of_a_file_are_told_apart() -> None:
    text = '# c\n[a.b]\nx = [\n  1, # ]\n  2]\n"y z".w = """\n[no]\n"""\n\n[[c]]\n[[c]]\nd = {e = 1, f = {}}\n'
    assert [(each.start, each.end, each.is_header, each.paths) for each in statements(text)] == [
        (1, 2, True, (("a", "b"),)),
        (2, 5, False, (("a", "b", "x", 0), ("a", "b", "x", 1))),
        (5, 8, False, (("a", "b", "y z", "w"),)),
        (9, 10, True, (("c", 0),)),
        (10, 11, True, (("c", 1),)),
        (11, 12, False, (("c", 1, "d", "e"), ("c", 1, "d", "f"))),
    ]


# -- changing the user's file

COMMENTED = """\
# how I like it
[execution]  # mine
  jobs = 2   # two are enough
"parallel" = true

[masking]
variables = [
  "A", # first
]
# the end
"""


def change(path: Path, key: str, value: object) -> Path | None:
    return put(path, str(path), tuple(key.split(".")), value)


def test_a_first_setting_makes_the_file_and_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "pliny" / "config.toml"
    assert change(path, "execution.jobs", 8) is None
    assert path.read_text() == "[execution]\njobs = 8\n"


def test_a_changed_value_keeps_comments_order_and_indentation(user_file: Path) -> None:
    user_file.write_text(COMMENTED)
    assert change(user_file, "execution.jobs", 3) is None
    assert user_file.read_text() == COMMENTED.replace("jobs = 2   #", "jobs = 3  #")


def test_a_new_key_is_put_at_the_end_of_its_table(user_file: Path) -> None:
    user_file.write_text(COMMENTED)
    change(user_file, "execution.grace", "5s")
    assert user_file.read_text() == COMMENTED.replace("= true\n", '= true\ngrace = "5s"\n')


def test_a_new_table_is_put_at_the_end_of_the_file(user_file: Path) -> None:
    user_file.write_text(COMMENTED.rstrip("\n"))
    change(user_file, "error_handling.retry_strategies.ai.max_retries", 2)
    assert user_file.read_text() == COMMENTED + "\n[error_handling.retry_strategies.ai]\nmax_retries = 2\n"


def test_a_list_is_replaced_whole(user_file: Path) -> None:
    user_file.write_text(COMMENTED)
    change(user_file, "masking.variables", ["B", "C # not a comment"])
    assert tomllib.loads(user_file.read_text())["masking"] == {"variables": ["B", "C # not a comment"]}
    assert user_file.read_text().endswith("]\n# the end\n")


def test_an_unset_value_leaves_everything_else(user_file: Path) -> None:
    user_file.write_text(COMMENTED)
    change(user_file, "execution.jobs", None)
    assert user_file.read_text() == COMMENTED.replace("  jobs = 2   # two are enough\n", "")
    change(user_file, "masking.keep", None)
    change(user_file, "session.prune_after", None)
    assert user_file.read_text() == COMMENTED.replace("  jobs = 2   # two are enough\n", "")


def test_a_file_that_cannot_be_changed_in_place_is_written_anew_and_kept(user_file: Path) -> None:
    old = "# mine\nexecution = { jobs = 2, parallel = true }\n"
    user_file.write_text(old)
    backup = change(user_file, "execution.jobs", 3)
    assert backup == user_file.with_name("config.toml.bak")
    assert backup.read_text() == old
    assert tomllib.loads(user_file.read_text()) == {"execution": {"jobs": 3, "parallel": True}}


def test_a_value_in_the_place_of_a_table_makes_room_for_it(user_file: Path) -> None:
    user_file.write_text("execution = 3\n")
    assert change(user_file, "execution.jobs", 3) is not None
    assert tomllib.loads(user_file.read_text()) == {"execution": {"jobs": 3}}


def test_a_file_that_is_no_toml_is_not_changed(user_file: Path) -> None:
    user_file.write_text("[execution\n")
    with pytest.raises(PlanError):
        change(user_file, "execution.jobs", 3)
    assert user_file.read_text() == "[execution\n"


def test_the_mode_of_the_file_is_kept_and_a_link_is_followed(user_file: Path, tmp_path: Path) -> None:
    target = tmp_path / "dotfiles.toml"
    target.write_text(COMMENTED)
    target.chmod(0o640)
    user_file.symlink_to(target)
    change(user_file, "execution.jobs", 3)
    assert user_file.is_symlink()
    assert "jobs = 3" in target.read_text()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert sorted(each.name for each in tmp_path.iterdir()) == ["dotfiles.toml", "home"]


def test_a_dangling_link_gets_its_target(user_file: Path, tmp_path: Path) -> None:
    user_file.symlink_to(tmp_path / "not-yet.toml")
    change(user_file, "execution.jobs", 3)
    assert (tmp_path / "not-yet.toml").read_text() == "[execution]\njobs = 3\n"


def test_a_folder_that_cannot_be_made_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "pliny").symlink_to("/dev/null/nothing")
    with pytest.raises((StorageError, ConfigError), match=r"can't be (written|read)"):
        change(tmp_path / "pliny" / "config.toml", "execution.jobs", 3)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(user_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user_file.write_text(COMMENTED)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="can't be written: no space left on device"):
        change(user_file, "execution.jobs", 3)
    assert [each.name for each in user_file.parent.iterdir()] == ["config.toml"]
    assert user_file.read_text() == COMMENTED


BLOCKS = (
    "# a comment\n",
    "\n",
    "[execution]\njobs = 2 # c\n",
    "[masking]\n  keep = ['x#y']  # z\n",
    "[masking]\nvariables = [\n 'A',\n]\n",
    "output.limit = 5\n",
    "output = {limit = 6}\n",
    "[[error_handling.rules]]\ncategory = 'ai'\n",
    "[error_handling.retry_strategies]\nnetwork.max_retries = 2\n",
    "[error_handling]\nrules = []\n",
)


@given(st.lists(st.sampled_from(BLOCKS), max_size=5), st.sampled_from(sorted(EXAMPLES)), st.booleans())
@settings(deadline=None, max_examples=150)
def test_a_change_changes_that_value_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, blocks: list[str], key: str, unset: bool
) -> None:
    path = tmp_path_factory.mktemp("config") / "config.toml"
    path.write_text("".join(blocks))
    try:
        before = resolve(user_file=path, environ={})
    except ConfigError:
        return
    change(path, key, None if unset else EXAMPLES[key])
    after = resolve(user_file=path, environ={})
    assert after.value(key) == (every()[key].default if unset else EXAMPLES[key])
    assert {other: value for other, value in after.values.items() if other != key} == {
        other: value for other, value in before.values.items() if other != key
    }


def test_a_key_knows_its_setting() -> None:
    assert named("execution.checkpoint_frequency").key == "execution.checkpoint"
