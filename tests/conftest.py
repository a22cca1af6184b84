"""Seals every test from the user's home, git configuration and environment, and gives it scratch repositories."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from scratch import Scratch, sealed

# Nothing is gated on time: a busy machine must not fail a property.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The sealed environment, which is also this process's own."""
    bin_folder = str(Path(sys.executable).parent)
    if bin_folder not in os.environ["PATH"].split(os.pathsep):
        monkeypatch.setenv("PATH", bin_folder, prepend=os.pathsep)
    environ = sealed(tmp_path_factory.mktemp("home"))
    for name in list(os.environ):
        if name not in environ and not name.startswith("PYTEST"):
            monkeypatch.delenv(name)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return environ


@pytest.fixture
def make_scratch(tmp_path: Path, environment: dict[str, str]) -> Callable[..., Scratch]:
    """Makes scratch repositories, by default with one commit."""

    def make(name: str = "repo", *, commit: bool = True) -> Scratch:
        root = tmp_path / name
        root.mkdir()
        scratch = Scratch(root=root, environ=environment)
        scratch.git("init", "-q")
        if commit:
            scratch.write("README", "scratch\n")
            scratch.commit("first")
        return scratch

    return make


@pytest.fixture
def scratch(make_scratch: Callable[..., Scratch]) -> Scratch:
    """A scratch repository with one commit."""
    return make_scratch()
