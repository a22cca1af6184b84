"""Secrets in checkpoints: named before a push carries them away, and found by the doctor; never printed."""

from pathlib import Path

import pytest
from scratch import Scratch
from terminal import show

TOKEN = "ghp_" + "a8Kd93jfKQ02mdUw71LxPz64TbVnYc5RsE3H"


@pytest.fixture
def shared(scratch: Scratch, tmp_path: Path) -> Scratch:
    """A repository with a remote, and a session that it has not."""
    scratch.plan("agents: {a: {run: 'true'}}")
    scratch.commit()
    scratch.git("clone", "-q", "--bare", ".", str(tmp_path / "remote.git"))
    scratch.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    return scratch


def sent(scratch: Scratch) -> str:
    return scratch.git("ls-remote", "origin", "refs/pliny/*")


def test_untracked_files_that_look_like_secrets_are_named_and_not_sent(shared: Scratch) -> None:
    shared.write(".env", "A=b\n")
    shared.write("deploy/server.pem", "x\n")
    shared.write("notes.txt", f"the token is {TOKEN}\n")
    shared.write(".env.example", "A=\n")
    shared.pliny("execute")
    for command in ("push", "sync"):
        refused = shared.pliny(command, exits=1)
        named = [line.split()[4] for line in refused.stderr.splitlines() if line.startswith("warning: ")]
        assert sorted(named) == [".env,", "deploy/server.pem,", "notes.txt,"]
        assert f"hint: git pliny {command} --allow-secrets" in refused.stderr
        assert TOKEN not in refused.stderr + refused.stdout
    assert not sent(shared)
    shared.pliny("push", "--allow-secrets")
    assert sent(shared)
    shared.pliny("checkpoint", "create", "again")
    shared.pliny("push")  # the remote has them by now


def test_a_user_at_a_terminal_is_asked_before_secrets_are_sent(shared: Scratch) -> None:
    shared.write("id_rsa", "x\n")
    shared.pliny("execute")
    for answer, code in (("n", 1), ("y", 0)):
        shown = show(["git", "pliny", "push"], cwd=shared.root, environ=shared.environ, width=200)
        shown.read(lambda terminal: "[y/N]" in terminal.lines[-1])
        assert not sent(shared)
        shown.type(f"{answer}\r")
        assert shown.finish() == code, shown.raw
    assert sent(shared)


def test_what_is_committed_ignored_or_allowed_by_a_setting_is_not_asked_about(shared: Scratch) -> None:
    shared.write("server.pem", "x\n")
    shared.write(".gitignore", ".env\n")
    shared.commit()
    shared.write(".env", "A=b\n")
    shared.pliny("execute")
    shared.pliny("push")
    shared.write("id_rsa", "another\n")
    shared.pliny("checkpoint", "create", "more")
    shared.pliny("push", exits=1)
    shared.pliny("push", env={"PLINY_CONFIG_SHARING__ALLOW_SECRETS": "true"})


def test_the_doctor_names_where_secrets_are_stored_without_printing_them(shared: Scratch) -> None:
    shared.pliny("execute")
    assert "no secret is found" in shared.run("git", "pliny", "doctor", "--secrets").stdout
    shared.write("notes.txt", f"the token is {TOKEN}\n")
    shared.write(".env", "A=b\n")
    shared.pliny("checkpoint", "create", "mine")
    told = shared.run("git", "pliny", "doctor", "--secrets")
    place = f"refs/pliny/checkpoints/{shared.session()['id']}/mine"
    assert f"{place}:notes.txt looks like a secret: " in told.stdout
    assert f"{place}:.env looks like a secret: by its name" in told.stdout
    assert told.returncode == 1
    assert TOKEN not in told.stdout + told.stderr
    assert "secret" not in shared.run("git", "pliny", "doctor").stdout
