import json
import re
import subprocess
import sys
import time
import tracemalloc
from base64 import b64encode, urlsafe_b64encode
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from urllib.parse import quote, quote_plus

import planted
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import Planted

import git_pliny
from git_pliny.masking import Masker
from git_pliny.masking.rules import CONTEXTS, TOKENS
from git_pliny.model.settings import MaskingSettings

BARE = Masker({})
EVERY = planted.every()
ANYWHERE = planted.anywhere()

every_secret = pytest.mark.parametrize("secret", EVERY, ids=lambda secret: secret.kind)
every_bare_secret = pytest.mark.parametrize("secret", ANYWHERE, ids=lambda secret: secret.kind)


def survives(secret: str, text: str) -> bool:
    """Whether any eight characters of the secret's second half, which is random, are left."""
    half = secret[len(secret) // 2 :].removesuffix("-----")
    return any(half[at : at + 8] in text for at in range(len(half) - 7) if "KEY" not in half[at : at + 8])


def chunked(data: bytes, sizes: Iterator[int]) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        size = next(sizes)
        yield data[at : at + size]
        at += size


def dense(size: int) -> bytes:
    """A stream in which a secret stands at nearly every place."""
    texts = [secret.text for seed in range(3) for secret in planted.every(seed)]
    Random(1).shuffle(texts)
    block = "\n".join(texts).encode() + b"\n\xff\xfe\n"
    return (block * (size // len(block) + 1))[:size]


def test_there_are_secrets_of_at_least_30_kinds_and_one_for_each_rule() -> None:
    kinds = {secret.kind for secret in EVERY}
    assert len(kinds) >= 30
    assert kinds == {rule.name for rule in TOKENS + CONTEXTS} | {"private-key"}


@every_secret
def test_a_planted_secret_is_masked_and_nothing_around_it(secret: Planted) -> None:
    masked = f"so {secret.before}[masked:{secret.kind}]{secret.after} it was\n"
    assert BARE.mask_text(f"so {secret.text} it was\n") == masked
    assert BARE.mask_bytes(f"so {secret.text} it was\n".encode()) == masked.encode()


@every_secret
def test_a_planted_secret_does_not_survive_in_json(secret: Planted) -> None:
    once = json.dumps({"output": f"line\n{secret.text}\n"})
    masked = BARE.mask_text(once)
    assert not survives(secret.secret, json.loads(masked)["output"])
    twice = BARE.mask_text(json.dumps(once))
    assert not survives(secret.secret, json.loads(json.loads(twice))["output"])


@every_bare_secret
@pytest.mark.parametrize("frame", ["\x1b[31m{}\x1b[0m", "a\\n{}\\n", "%20{}%20", "={}&", '"{}"', "({})", "<{}>", "{}"])
def test_a_planted_secret_is_found_beside_any_punctuation(secret: Planted, frame: str) -> None:
    text = frame.format(secret.text)
    assert BARE.mask_text(text) == frame.format(f"{secret.before}[masked:{secret.kind}]")


@every_bare_secret
def test_a_planted_secret_is_found_at_the_end_of_a_sentence(secret: Planted) -> None:
    assert not survives(secret.secret, BARE.mask_text(f"It was {secret.text}."))


@every_bare_secret
def test_a_planted_secret_in_a_variable_is_masked_with_its_name(secret: Planted) -> None:
    masker = Masker({"DEPLOY_TOKEN": secret.secret})
    text = f"before {secret.text} after"
    assert not survives(secret.secret, masker.mask_text(text))
    assert masker.mask_text(f"before {secret.secret} after") == "before [masked:DEPLOY_TOKEN] after"


@settings(deadline=None, max_examples=6)
@given(st.integers(0, 2**32), st.sampled_from([1000, 65536, 262144, 10**7]))
def test_a_stream_in_pieces_gives_the_same_as_the_whole(seed: int, largest: int) -> None:
    data = dense(800_000)
    random = Random(seed)
    whole, pieces = Counter[str](), Counter[str]()
    expected = b"".join(BARE.mask_chunks([data], whole))
    masked = b"".join(BARE.mask_chunks(chunked(data, iter(lambda: random.randint(1, largest), None)), pieces))
    assert masked == expected == BARE.mask_bytes(data)
    assert pieces == whole


def test_no_secret_survives_in_a_long_stream() -> None:
    masked = b"".join(BARE.mask_chunks([dense(1_000_000)])).decode("latin-1")
    tails = [secret.secret[-10:] for seed in range(3) for secret in planted.every(seed) if "KEY" not in secret.secret]
    assert [tail for tail in tails if tail in masked] == []


def test_a_variable_longer_than_a_block_is_found_across_pieces() -> None:
    value = planted.Source().alnum(400_000)
    masker = Masker({"BIG_SECRET": value})
    data = (b"." * 300_000 + value.encode() + b"\n") * 3
    pieces = masker.mask_chunks(chunked(data, iter(lambda: 65536, None)))
    assert b"".join(pieces) == (b"." * 300_000 + b"[masked:BIG_SECRET]\n") * 3


def test_an_empty_stream_stays_empty() -> None:
    assert b"".join(BARE.mask_chunks([])) == b""


def test_a_stream_needs_little_memory() -> None:
    tracemalloc.start()
    for _ in BARE.mask_chunks(b"an ordinary line of output\n" * 2000 for _ in range(300)):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6_000_000


def test_bytes_of_many_megabytes_are_masked_like_small_ones() -> None:
    secret = ANYWHERE[5]
    line = b"an ordinary line of output\n" * 100_000
    masked = BARE.mask_bytes(line + secret.text.encode() + b"\n" + line)
    assert masked == line + f"[masked:{secret.kind}]\n".encode() + line


@given(st.integers(0, 6000), st.integers(0, 6000))
@settings(deadline=None, max_examples=60)
def test_a_slice_shows_nothing_of_a_secret_that_reaches_into_it(start: int, size: int) -> None:
    data = dense(6000)
    masked = BARE.mask_slice(data, start, start + size)
    whole = BARE.mask_bytes(data)
    assert re.sub(rb"^\[masked:[\w-]+\]", b"", masked) in whole
    assert BARE.mask_slice(data, 0, len(data)) == whole


def test_a_head_full_of_masks_ends_where_it_should() -> None:
    key = next(secret.secret for secret in ANYWHERE if secret.kind == "private-key")
    data = (f"{key}\n" * 40).encode()
    head = data[: 5 * len(key) + BARE.reach]
    assert BARE.mask_slice(head, 0, 5 * (len(key) + 1)) == b"[masked:private-key]\n" * 5


def test_a_file_is_copied_masked_and_what_was_masked_is_counted(tmp_path: Path) -> None:
    source, target = tmp_path / "output", tmp_path / "masked"
    first, second = ANYWHERE[0], ANYWHERE[5]
    source.write_bytes(f"{first.text}\n{second.text}\n{second.text}\n".encode() + b"\xff\x00")
    assert BARE.mask_file(source, target) == {first.kind: 1, second.kind: 2}
    assert target.read_bytes() == (
        f"[masked:{first.kind}]\n[masked:{second.kind}]\n[masked:{second.kind}]\n".encode() + b"\xff\x00"
    )


def test_what_would_be_masked_can_be_counted_alone() -> None:
    secret = ANYWHERE[3]
    assert BARE.kinds(f"{secret.text} {secret.text}".encode()) == {secret.kind: 2}


def test_values_as_json_has_them_are_masked_throughout() -> None:
    secret = ANYWHERE[5].secret
    value = {"a": [secret, 1, None, True, {"b": f"x {secret}"}], secret: (1.5, "plain")}
    mask = f"[masked:{ANYWHERE[5].kind}]"
    assert BARE.mask_value(value) == {"a": [mask, 1, None, True, {"b": f"x {mask}"}], mask: [1.5, "plain"]}


def test_masking_twice_changes_nothing_more() -> None:
    masker = Masker({"DB_PASSWORD": "correct-horse-7", "URL": "https://me:batt3ry-st@example.com"})
    text = dense(300_000) + b"correct-horse-7 https://me:batt3ry-st@example.com https://x:correct-horse-7@example.com"
    once = masker.mask_bytes(text)
    assert masker.mask_bytes(once) == once


def test_one_secret_has_one_mask_everywhere() -> None:
    masker = Masker({"Z_TOKEN": "s3cr3t-value", "A_TOKEN": "s3cr3t-value"})
    text = "s3cr3t-value 's3cr3t-value' https://me:s3cr3t-value@example.com s3cr3t%2Dvalue"
    assert re.findall(r"\[masked:\w+\]", masker.mask_text(text)) == ["[masked:A_TOKEN]"] * 3


def test_overlapping_secrets_leave_nothing_between_them() -> None:
    masker = Masker({"A_TOKEN": "abcdef-12345", "B_TOKEN": "12345-ghijkl"})
    assert masker.mask_text("(abcdef-12345-ghijkl)") == "([masked:A_TOKEN])"


def test_clean_text_is_given_back_as_the_same_object() -> None:
    text, data = "nothing here" * 3, b"nothing here" * 3
    assert BARE.mask_text(text) is text
    assert BARE.mask_bytes(data) is data


# -- values of variables, in every form

VALUE = 'p@ss/w0rd+"\\ü'


@pytest.mark.parametrize(
    "form",
    [
        VALUE,
        json.dumps(VALUE)[1:-1],
        json.dumps(VALUE, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(VALUE))[3:-3],
        json.dumps(VALUE)[1:-1].replace("/", r"\/"),
        quote(VALUE),
        quote(VALUE, safe=""),
        quote_plus(VALUE),
        re.sub("%..", lambda code: code[0].lower(), quote(VALUE, safe="")),
        b64encode(VALUE.encode()).decode(),
        b64encode(VALUE.encode()).decode().rstrip("="),
        urlsafe_b64encode(VALUE.encode()).decode(),
    ],
)
def test_a_variables_value_is_masked_in_every_form(form: str) -> None:
    masker = Masker({"DB_PASSWORD": VALUE})
    masked = masker.mask_text(f"<{form}>")
    assert re.fullmatch(r"<(?:\[masked:DB_PASSWORD\])+=*>", masked) or masked == "<%22[masked:DB_PASSWORD]>"


@pytest.mark.parametrize("before", ["", "u", "us", "user:", "x:y:z"])
@pytest.mark.parametrize("after", ["", "!", "!!", "\n"])
def test_a_value_inside_of_base64_is_masked_at_every_offset(before: str, after: str) -> None:
    value = "correct-horse-battery-staple-7"
    encoded = b64encode(f"{before}{value}{after}".encode()).decode()
    masked = Masker({"DB_PASSWORD": value}).mask_text(f"auth {encoded} done")
    assert "[masked:DB_PASSWORD]" in masked
    assert len(masked) - len("auth [masked:DB_PASSWORD] done") <= 16


@pytest.mark.parametrize("width", [64, 76])
def test_base64_that_a_tool_has_wrapped_is_masked_line_by_line(width: int) -> None:
    value = planted.Source().alnum(150)
    encoded = b64encode(value.encode()).decode()
    lines = [encoded[at : at + width] for at in range(0, len(encoded), width)]
    masked = Masker({"API_TOKEN": value}).mask_text("\n".join(lines))
    assert not any(line[:20] in masked for line in lines)


@given(st.text(min_size=6, max_size=40).map(str.strip).filter(lambda text: len(set(text)) > 5))
@settings(deadline=None, max_examples=60)
def test_any_value_of_a_password_variable_is_masked(value: str) -> None:
    masker = Masker({"DB_PASSWORD": "Z9" + value})
    assert "Z9" + value not in masker.mask_text(f"it is Z9{value} indeed")


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=60), max_size=4), st.binary(max_size=200))
@settings(deadline=None, max_examples=100)
def test_no_environment_and_no_bytes_raise(environ: dict[str, str], data: bytes) -> None:
    Masker(environ).mask_bytes(data)


def test_a_value_that_is_not_utf_8_is_masked_in_bytes_and_in_text() -> None:
    value = b"caf\xe9-s3cret".decode("utf-8", "surrogateescape")
    masker = Masker({"API_TOKEN": value})
    assert masker.mask_bytes(b"<caf\xe9-s3cret>") == b"<[masked:API_TOKEN]>"
    assert masker.mask_text(f"<{value}>") == "<[masked:API_TOKEN]>"


def test_a_value_of_lone_surrogates_is_masked() -> None:
    value = "\ud834-s3cret-\ud835"
    assert Masker({"API_TOKEN": value}).mask_text(f"<{value}>") == "<[masked:API_TOKEN]>"


def test_a_value_is_masked_without_the_space_around_it() -> None:
    assert Masker({"API_TOKEN": "  s3cret-value\n"}).mask_text("s3cret-value") == "[masked:API_TOKEN]"


def test_the_lines_of_a_key_in_a_variable_are_masked_by_themselves() -> None:
    key = next(secret.secret for secret in ANYWHERE if secret.kind == "private-key")
    masker = Masker({"SSH_PRIVATE_KEY": key})
    line = key.splitlines()[2]
    assert masker.mask_text(f"  | {line}\n") == "  | [masked:SSH_PRIVATE_KEY]\n"


def test_a_variable_with_an_odd_name_is_masked_as_variable() -> None:
    assert Masker({"npm_config_//x/:_authToken": "s3cret-value"}).mask_text("s3cret-value") == "[masked:variable]"


@pytest.mark.parametrize(
    "name",
    [
        *("GITHUB_TOKEN", "token", "MY_SECRET", "SECRET_KEY_BASE", "DB_PASSWORD", "PGPASSWORD", "MYSQL_PWD", "SSHPASS"),
        *("DB_PASS", "MY_PASSWD", "SIGNING_PASSPHRASE", "OPENAI_API_KEY", "APIKEY", "AWS_SECRET_ACCESS_KEY"),
        *("PRIVATE_KEY", "GOOGLE_CREDENTIALS", "DOCKER_AUTH", "NPM_CONFIG__AUTH", "OAUTH", "SOME_CREDS", "STRIPE_KEY"),
        *("npm_config__authToken", "Client-Secret"),
    ],
)
def test_a_variable_that_sounds_secret_is_masked(name: str) -> None:
    assert "k3y-f0r-ev3ryth1ng" not in Masker({name: "k3y-f0r-ev3ryth1ng"}).mask_text("so k3y-f0r-ev3ryth1ng is it")


@pytest.mark.parametrize(
    "name",
    [
        *("PATH", "HOME", "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "XAUTHORITY", "PWD", "OLDPWD", "COMPASS", "MONKEY"),
        *("TOKEN_TYPE", "AUTH_METHOD", "SECRET_NAME", "PASSWORD_FILE", "SSH_AUTH_SOCK", "SSH_PUBLIC_KEY", "GPG_KEY"),
        *("TOKENIZERS_PARALLELISM", "API_TOKEN_URL", "KEYBOARD"),
    ],
)
def test_a_variable_that_does_not_sound_secret_is_left_alone(name: str) -> None:
    assert (
        Masker({name: "k3y-f0r-ev3ryth1ng"}).mask_text("so k3y-f0r-ev3ryth1ng is it") == "so k3y-f0r-ev3ryth1ng is it"
    )


@pytest.mark.parametrize(
    "value",
    [
        *("", "1", "true", "dev", "12345", "200000", "none", "production", "localhost", "password", "github", "a-b-c"),
        *("keyring", "client_credentials", "READ_ONLY", "********", "xxxxxxxx", "000000000000", "$TOKEN", "${TOKEN}"),
        *("/tmp/ssh-abc/agent.123", "/home/me/key.json", "~/.config/creds", "./token.txt", "secrets/token.json"),
        *("[masked:TOKEN]", "<your token>", "{{ token }}", "%(token)s"),
    ],
)
def test_a_common_value_is_left_alone(value: str) -> None:
    text = f"it is {value} that is meant, {value}"
    assert Masker({"MY_TOKEN": value}).mask_text(text) == text


def test_a_base64_key_that_begins_like_a_path_is_masked() -> None:
    value = "/" + planted.Source().alnum(30) + "/" + planted.Source().alnum(8)
    assert Masker({"AWS_SECRET_ACCESS_KEY": value}).mask_text(value) == "[masked:AWS_SECRET_ACCESS_KEY]"


@pytest.mark.parametrize("value", ["hunter22", "123456", "/a/b7/c", "abcdef"])
def test_a_password_may_look_like_a_word_a_number_or_a_path(value: str) -> None:
    assert Masker({"DB_PASSWORD": value}).mask_text(value) == "[masked:DB_PASSWORD]"


@pytest.mark.parametrize("name", ["DATABASE_URL", "HTTPS_PROXY", "PIP_INDEX_URL", "ANYTHING"])
def test_the_password_in_a_connection_string_is_masked_wherever_it_stands(name: str) -> None:
    masker = Masker({name: "postgres://app:b%40ttery-9@db.example.com:5432/app"})
    masked = masker.mask_text("connect app b%40ttery-9 or b@ttery-9 at db.example.com")
    assert masked == f"connect app [masked:{name}] or [masked:{name}] at db.example.com"


def test_a_connection_string_with_an_example_password_is_left_alone() -> None:
    masker = Masker({"DATABASE_URL": "postgres://postgres:postgres@localhost/app"})
    assert masker.mask_text("postgres is up") == "postgres is up"


def test_the_secret_members_of_a_json_variable_are_masked() -> None:
    account = {
        "type": "service_account",
        "project_id": "my-project-77",
        "private_key_version": 3,
        "client_secret": "s3cret-inside",
        "auths": {"ghcr.io": {"auth": "dXNlcjpwYXNzd29yZDc="}},
        "nested": [{"refresh_token": "r3fresh-inside"}],
    }
    masker = Masker({"ACCOUNT": json.dumps(account)})
    masked = masker.mask_text("s3cret-inside r3fresh-inside dXNlcjpwYXNzd29yZDc= my-project-77 service_account")
    assert masked == "[masked:ACCOUNT] [masked:ACCOUNT] [masked:ACCOUNT] my-project-77 service_account"


@pytest.mark.parametrize("value", ["{broken", "{" * 100_000, '{"a": 1' + "0" * 5000 + "}", "[1]"])
def test_a_variable_with_json_that_cannot_be_read_is_harmless(value: str) -> None:
    assert Masker({"ACCOUNT": value}).mask_text("ordinary") == "ordinary"


# -- settings


def test_the_settings_name_further_variables() -> None:
    masker = Masker({"LICENCE_7": "blue", "LICENCE_8": "", "OTHER": "green"}, MaskingSettings(variables=("LICENCE_*",)))
    assert masker.mask_text("blue green") == "[masked:LICENCE_7] green"


def test_the_settings_keep_variables() -> None:
    masker = Masker({"CI_TOKEN": "s3cret-value"}, MaskingSettings(keep=("CI_*",)))
    assert masker.mask_text("s3cret-value") == "s3cret-value"


def test_the_settings_add_patterns() -> None:
    masker = Masker({}, MaskingSettings(patterns=(r"ACME-[0-9]+", r"badge (?P<secret>\d+)", "x*")))
    masked = masker.mask_text("ACME-1234, badge 5678, ACME-x")
    assert masked == "[masked:pattern], badge [masked:pattern], ACME-[masked:pattern]"


def test_a_pattern_that_takes_a_part_of_a_character_leaves_text() -> None:
    masker = Masker({}, MaskingSettings(patterns=(r"\xc3",)))
    assert masker.mask_text("é") == "[masked:pattern]\ufffd"


def test_a_pattern_that_does_not_compile_raises() -> None:
    with pytest.raises(re.error):
        Masker({}, MaskingSettings(patterns=("(",)))


# -- private keys


@pytest.fixture
def pem() -> str:
    return next(secret.secret for secret in ANYWHERE if secret.kind == "private-key")


def test_a_private_key_is_masked_in_a_log_with_prefixes(pem: str) -> None:
    log = "".join(f"12:00:01 worker | {line}\n" for line in pem.splitlines())
    assert BARE.mask_text(log) == "12:00:01 worker | [masked:private-key]\n"


@pytest.mark.parametrize("kept", [2, 3, 5])
def test_a_private_key_whose_end_is_missing_is_masked_up_to_where_it_stops(pem: str, kept: int) -> None:
    cut = "\n".join(pem.splitlines()[:kept])
    assert BARE.mask_text(f"{cut}\n\nand then, ordinary text") == "[masked:private-key]\n\nand then, ordinary text"


def test_a_private_key_in_json_whose_end_is_missing_is_masked(pem: str) -> None:
    cut = json.dumps("\r\n".join(pem.splitlines()[:4]))
    assert BARE.mask_text(cut) == '"[masked:private-key]"'


@pytest.mark.parametrize(
    "text",
    [
        'if line == "-----BEGIN RSA PRIVATE KEY-----": return True',
        'HEAD, TAIL = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"',
        "-----BEGIN CERTIFICATE-----\n" + "MIIB" * 16 + "\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----\n" + "MIIB" * 16 + "\n-----END PUBLIC KEY-----",
        "-----BEGIN PRIVATE KEY-----",
    ],
)
def test_what_only_mentions_private_keys_or_is_public_is_left_alone(text: str) -> None:
    assert BARE.mask_text(text) == text


# -- innocents

INNOCENT = [
    "commit 3b18e512dba79e4c8300dd08aeb37f8e728b8dad",
    "tree e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
    "id: 123e4567-e89b-12d3-a456-426614174000",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "https://example.com:8080/a@b?x=1#y http://[::1]:80/ ssh://git@github.com/o/r.git git@github.com:o/r.git",
    "https://user:password@example.com https://user:$PASSWORD@example.com https://user:${PW}@x.com https://u:***@x.com",
    "https://user:<password>@example.com https://{user}:{password}@example.com",
    "Authorization: Bearer <token>",
    "Authorization: Bearer YOUR_API_KEY_GOES_HERE_PLEASE",
    "Authorization: Bearer ${{ secrets.GITHUB_TOKEN }}",
    'headers = {"Authorization": f"Bearer {settings.api_token_v2_production}"}',
    "authorization = base64.decodebytes(value)",
    "a bearer certificate and the bearer of good news from authorization_middleware_v2",
    "basic Operations of a basic configuration, Basic authentication, basic understanding",
    "api_key = os.environ['EXAMPLE_API_KEY_V2_2024']  # token = get_token(user_id_12, retries=3)",
    "token: secretsmanager:us-west-2:123456789012:secret:MyDatabase-a1b2c3",
    'next_page_token = "CAUQAA1234567890abcdefghij"',
    "password=hunter2 password: required passwd(5) api_key=aaaaaaaaaaaaaaaaaaaaaaaa11 api_key=0000000000000000000000000",
    "task-tracker-with-a-very-long-name-2024 risk-assessment-2023-final disk-usage-report-2024-01",
    "sk-ssh-ed25519-cert-v01@openssh.com sk-ecdsa-sha2-nistp256-cert-v01@openssh.com class=sk-cube-grid",
    "ghp_short npm_config_registry hf_transfer secret_key_base_for_testing_purposes_only_v2",
    "eyJ is how a token begins; AKIA and AIza too",
    "s.replace(one, two).strip() MDNotes.method.result key-value-store pat.match(line)",
    "xoxb-not-a-real-one",
    "_ZNK28pybind11_init__highs_optionsRNS_7module_EEUlRK19HighsOptionsManagerE_St6vectorINSt7",
    "glpat-example",
    "the machine is up; login to the machine and change the password now",
    "test_that_a_function_with_a_very_long_name_does_what_it_says_in_2024 PASSED [ 12%]",
    "-" * 80,
    "=" * 80,
    "drwxr-xr-x 2 root root 4096 Nov 22 21:57 /usr/lib/python3/dist-packages/some_package_1_2_3",
    "Binary files a/x.png and b/x.png differ; index 83baae6..0000000 100644",
    "übergroße Größen, 日本語のテキスト, обычный текст — nothing here",
]


@pytest.mark.parametrize("text", INNOCENT)
def test_innocent_text_is_untouched(text: str) -> None:
    assert BARE.mask_text(text) == text
    assert BARE.mask_text(f"{text}\n" * 3) == f"{text}\n" * 3


@given(
    st.lists(
        st.one_of(
            st.binary(min_size=20, max_size=20).map(bytes.hex),
            st.binary(min_size=32, max_size=32).map(bytes.hex),
            st.uuids().map(str),
            st.binary(min_size=1, max_size=90).map(lambda data: b64encode(data).decode()),
            st.sampled_from(INNOCENT),
            st.from_regex(r"[a-z_]{1,20}(\.[a-z_]{1,20}){0,3}\(\)", fullmatch=True),
        ),
        max_size=20,
    ),
    st.sampled_from([" ", "\n", ", ", "\r\n", '", "']),
)
@settings(deadline=None, max_examples=200)
def test_hashes_ids_base64_and_code_are_untouched(parts: list[str], between: str) -> None:
    text = between.join(parts)
    assert BARE.mask_text(text) == text


@given(st.binary(max_size=3000))
@settings(deadline=None, max_examples=100)
def test_arbitrary_bytes_survive_byte_for_byte(data: bytes) -> None:
    masker = Masker({"API_TOKEN": "s3cret-value"})
    assert masker.mask_bytes(data) == data
    assert masker.mask_bytes(data + b" s3cret-value " + data) == data + b" [masked:API_TOKEN] " + data


def test_our_own_source_is_untouched() -> None:
    files = sorted(Path(git_pliny.__file__).parent.rglob("*.py"))
    assert len(files) > 20
    for file in files:
        assert BARE.kinds(file.read_bytes()) == {}, file


def test_the_source_of_the_standard_library_is_untouched() -> None:
    files = [*sorted(Path(json.__file__).parent.glob("*.py")), Path(subprocess.__file__), Path(pytest.__file__)]
    for file in files:
        assert BARE.kinds(file.read_bytes()) == {}, file


# -- hostile output

HOSTILE = {
    "leads of tokens": b"sk-xoxb-glpat-ghp_AKIAeyJ",
    "a token's lead, again and again": b"pypi-Ag",
    "a bearer that never ends": b"bearer+",
    "values that look generic": b"secret=1",
    "json web tokens without an end": b".eyJ" + b"a1" * 30,
    "the beginnings of keys": b"-----BEGIN PRIVATE KEY-----",
    "keys that never end": b"-----BEGIN PRIVATE KEY-----\n" + (b"A" * 64 + b"\n") * 20,
    "dashes": b"-",
    "urls": b"://a:b",
    "urls with passwords": b"://a:b1c2@c",
    "one letter": b"a",
    "runs of the shortest length": b"w" * 20 + b" ",
    "netrc": b"machine login password ",
    "vendors": b"heroku key cloudflare secret ",
}


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_hostile_output_takes_time_in_proportion_to_its_size(unit: bytes) -> None:
    data = (unit * (2**18 // len(unit) + 1))[: 2**18]
    masker = Masker({"API_TOKEN": "abababcdabababcd"})
    start = time.process_time()
    masker.mask_bytes(data)
    assert time.process_time() - start < 8


def test_output_made_of_a_secrets_own_letters_is_masked_in_time() -> None:
    masker = Masker({"DB_PASSWORD": "abcdabcd"})
    start = time.process_time()
    assert masker.mask_bytes(b"abcd" * 2**16) == b"[masked:DB_PASSWORD]"
    assert time.process_time() - start < 8


def test_importing_the_package_compiles_no_rule() -> None:
    code = "from git_pliny.masking import masker; print(masker._compiled.cache_info().currsize)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"
