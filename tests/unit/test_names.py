import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_pliny.model.names import encode

TABLE = [
    ("plain-name_1.2", "plain-name_1.2"),
    ("I1.T1", "I1.T1"),
    ("../x", "%2E%2E%2Fx"),
    ("-x", "%2Dx"),
    ("a..b", "a.%2Eb"),
    ("a...b", "a.%2E%2Eb"),
    ("refs/heads/main", "refs%2Fheads%2Fmain"),
    ("con", "con"),
    (".hidden", "%2Ehidden"),
    ("x.lock", "x%2Elock"),
    ("x.", "x%2E"),
    ("tab\there", "tab%09here"),
    ("é", "%C3%A9"),
    ("100%", "100%25"),
    ("a b", "a%20b"),
    ("@{u}", "%40%7Bu%7D"),
]


@pytest.mark.parametrize(("name", "encoded"), TABLE)
def test_a_name_is_encoded_as_the_design_says(name: str, encoded: str) -> None:
    assert encode(name) == encoded


def test_a_long_name_keeps_its_head_and_gets_a_digest() -> None:
    encoded = encode("x" * 100_000)
    assert len(encoded) == 133
    assert encoded.startswith("x" * 120 + "-")
    assert encode("x" * 100_001) != encoded


@given(st.text(min_size=1, max_size=60))
def test_two_names_never_share_an_encoding(name: str) -> None:
    assert encode(name) != encode(name + "!")
    assert encode(name + "é") != encode(name + "è")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=200), min_size=1, max_size=20))
def test_git_takes_every_encoded_name_as_a_ref(names: list[str]) -> None:
    for encoded in {encode(name) for name in names}:
        assert "/" not in encoded
        assert len(encoded) <= 150
        done = subprocess.run(["git", "check-ref-format", f"refs/pliny/checkpoints/x/{encoded}"], check=False)
        assert done.returncode == 0, encoded
