"""Checkpoints are signed where git's own settings say so, and `audit verify` checks the signatures."""

import json
import subprocess
import time
from pathlib import Path

import pytest
from scratch import Scratch
from signing import allow, gpg_home, needs_gpg, needs_ssh, signs_by_ssh, ssh_key
from terminal import show

PLAN = "agents:\n  a: {run: echo a > a.txt}\n  b: {run: echo b > b.txt}\nphases:\n  - {name: p, agents: [a]}\n  - {name: q, agents: [b]}\n"


@pytest.fixture
def work(scratch: Scratch) -> Scratch:
    scratch.plan(PLAN)
    scratch.commit()
    return scratch


def current(scratch: Scratch) -> str:
    return scratch.git("symbolic-ref", "PLINY_HEAD").rpartition("/")[2]


def tag(scratch: Scratch, name: str) -> str:
    return scratch.git("cat-file", "tag", f"refs/pliny/checkpoints/{current(scratch)}/{name}")


def put(scratch: Scratch, name: str, text: str) -> None:
    """Have a checkpoint's ref hold another tag."""
    command = ["git", "hash-object", "-t", "tag", "-w", "--stdin"]
    oid = scratch.run(*command, stdin=text + "\n").stdout.strip()
    scratch.git("update-ref", f"refs/pliny/checkpoints/{current(scratch)}/{name}", oid)


@needs_ssh
def test_every_checkpoint_of_a_run_is_signed_and_vouches_for_the_trail(work: Scratch, tmp_path: Path) -> None:
    key = ssh_key(tmp_path / "keys")
    signs_by_ssh(work, key)
    allow(work, key)
    work.pliny("execute")
    for name in ("start", "p", "q"):
        text = tag(work, name)
        assert text.index("\nPliny-Audit: ") < text.index("\n-----BEGIN SSH SIGNATURE-----\n")
        work.git("verify-tag", f"refs/pliny/checkpoints/{current(work)}/{name}")
    assert work.pliny("audit", "verify", "--signed").stdout.endswith("3 checkpoints (3 with a good signature): ok\n")
    assert json.loads(work.pliny("audit", "verify", "--json").stdout)["signed"] == 3
    work.pliny("rollback", "p")
    work.pliny("audit", "verify", "--signed")
    assert work.run("git", "fsck", "--strict").returncode == 0


@needs_ssh
def test_a_clone_that_knows_the_key_can_verify_what_it_fetched(work: Scratch, tmp_path: Path) -> None:
    key = ssh_key(tmp_path / "keys")
    signs_by_ssh(work, key)
    work.git("clone", "-q", "--bare", ".", str(tmp_path / "remote.git"))
    work.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    work.pliny("execute")
    work.pliny("push")
    work.git("clone", "-q", str(tmp_path / "remote.git"), str(tmp_path / "bob"))
    bob = Scratch(root=tmp_path / "bob", environ=work.environ)
    bob.pliny("fetch")
    assert (
        "remark: checkpoint p is signed with a key that is not known"
        in bob.pliny("audit", "verify", current(work)).stdout
    )
    allow(bob, key)
    assert "(3 with a good signature): ok" in bob.pliny("audit", "verify", "--signed", current(work)).stdout


@needs_ssh
def test_a_signature_that_does_not_fit_is_a_problem_whoever_is_allowed(work: Scratch, tmp_path: Path) -> None:
    key = ssh_key(tmp_path / "keys")
    signs_by_ssh(work, key)
    work.pliny("execute")
    text = tag(work, "p")
    put(work, "p", text.replace("Pliny-Phase: p", "Pliny-Phase: q"))
    assert "the signature of checkpoint p is bad" in work.pliny("audit", "verify", exits=1).stderr
    allow(work, key)
    assert "the signature of checkpoint p is bad" in work.pliny("audit", "verify", exits=1).stderr


@needs_ssh
def test_a_key_that_is_not_known_is_remarked_on_and_refused_on_demand(work: Scratch, tmp_path: Path) -> None:
    signs_by_ssh(work, ssh_key(tmp_path / "keys"))
    work.pliny("execute")
    for number in range(2):
        done = work.pliny("audit", "verify")
        assert "remark: checkpoint p is signed with a key that is not known here: Good " in done.stdout
        assert "3 checkpoints: ok" in done.stdout
        assert "3 problems" in work.pliny("audit", "verify", "--signed", exits=1).stderr
        allow(work, ssh_key(tmp_path / f"other{number}"))


@needs_ssh
def test_what_was_signed_for_another_session_or_not_at_all_is_found(work: Scratch, tmp_path: Path) -> None:
    key = ssh_key(tmp_path / "keys")
    signs_by_ssh(work, key)
    allow(work, key)
    work.pliny("execute")
    other = tag(work, "p")
    work.pliny("execute", "again")
    own = tag(work, "p")
    put(work, "p", other)
    assert (
        "was signed as one of another session"
        in work.pliny("audit", "verify", exits=1).stdout + work.pliny("audit", "verify", exits=1).stderr
    )
    put(work, "p", own.partition("\n-----BEGIN")[0])
    work.pliny("audit", "verify")
    assert "checkpoint p is not signed" in work.pliny("audit", "verify", "--signed", exits=1).stderr


@needs_ssh
def test_a_changed_trail_is_found_even_if_its_chain_is_whole(work: Scratch, tmp_path: Path) -> None:
    """The tag names an entry by its hash, and the signature holds the tag."""
    key = ssh_key(tmp_path / "keys")
    signs_by_ssh(work, key)
    allow(work, key)
    work.pliny("execute")
    forged = tag(work, "q").splitlines()
    line = next(number for number, text in enumerate(forged) if text.startswith("Pliny-Audit: "))
    forged[line] = forged[line][:-4] + "0000"
    put(work, "q", "\n".join(forged))
    done = work.pliny("audit", "verify", exits=1)
    assert "the signature of checkpoint q is bad" in done.stdout + done.stderr


@needs_ssh
def test_a_public_key_itself_and_a_command_that_gives_it_work_by_the_agent(
    work: Scratch, tmp_path: Path, environment: dict[str, str]
) -> None:
    key = ssh_key(tmp_path / "keys")
    socket = f"/tmp/pliny-agent-{time.time_ns()}"
    with subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL) as agent:
        try:
            while not Path(socket).exists():
                time.sleep(0.01)
            work.environ["SSH_AUTH_SOCK"] = socket
            work.run("ssh-add", "-q", str(key.with_suffix("")))
            key.with_suffix("").unlink()
            signs_by_ssh(work, key)
            allow(work, key)
            for value in (key.read_text().strip(), "key::" + key.read_text().strip()):
                work.git("config", "user.signingKey", value)
                work.pliny("session", "start", "n")
                work.pliny("audit", "verify", "--signed")
            work.git("config", "--unset", "user.signingKey")
            work.git("config", "gpg.ssh.defaultKeyCommand", f"cat '{key}'")
            work.pliny("session", "start", "n")
            work.pliny("audit", "verify", "--signed")
        finally:
            agent.terminate()


@needs_ssh
@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        ("user.signingKey", "/nowhere/key", "ssh-keygen did not sign: "),
        ("user.signingKey", "", "no key to sign with is configured"),
        ("gpg.ssh.program", "/nowhere/program", "the program '/nowhere/program', which signs, can't be run"),
        ("gpg.format", "rot13", "git's setting gpg.format is 'rot13'"),
        ("gpg.ssh.program", "true", "true did not sign: it said nothing"),
    ],
)
def test_without_a_key_it_is_said_once_and_the_run_goes_on(
    work: Scratch, tmp_path: Path, setting: str, value: str, reason: str
) -> None:
    signs_by_ssh(work, ssh_key(tmp_path / "keys"))
    work.git("config", setting, value)
    done = work.pliny("execute")
    assert done.stderr.count(reason) == 1
    assert "checkpoints are not signed" in done.stderr
    assert "BEGIN" not in tag(work, "q")
    work.pliny("audit", "verify")


@needs_ssh
def test_where_signing_is_demanded_nothing_runs_without(work: Scratch) -> None:
    always = {"PLINY_CONFIG_SHARING__SIGN": "always"}
    work.git("config", "gpg.format", "ssh")
    done = work.pliny("execute", env=always, exits=1)
    assert "error: no key to sign with is configured\nhint: git config user.signingKey" in done.stderr
    assert not (work.root / "a.txt").exists()
    assert work.git("for-each-ref", "refs/pliny") == ""


@needs_ssh
def test_git_pliny_can_be_told_to_sign_or_not_to(work: Scratch, tmp_path: Path) -> None:
    signs_by_ssh(work, ssh_key(tmp_path / "keys"))
    work.pliny("session", "start", "n", env={"PLINY_CONFIG_SHARING__SIGN": "never"})
    assert "BEGIN" not in tag(work, "start")
    work.git("config", "tag.gpgSign", "false")
    work.pliny("session", "start", "n", env={"PLINY_CONFIG_SHARING__SIGN": "always"})
    assert "BEGIN SSH" in tag(work, "start")
    work.pliny("session", "start", "n")
    assert "BEGIN" not in tag(work, "start")


@needs_ssh
def test_nobody_is_asked_for_a_passphrase(work: Scratch, tmp_path: Path) -> None:
    """In a terminal of its own, where ssh-keygen would ask."""
    signs_by_ssh(work, ssh_key(tmp_path / "keys", passphrase="secret words"))
    began = time.monotonic()
    shown = show(["git", "pliny", "session", "start", "n"], cwd=work.root, environ=work.environ)
    assert shown.finish() == 0
    assert "checkpoints are not signed" in shown.raw
    assert "assphrase for" not in shown.raw
    assert time.monotonic() - began < 20


@needs_gpg
def test_gpg_signs_and_its_key_ring_decides(work: Scratch) -> None:
    with gpg_home() as home, gpg_home() as nobody:
        work.environ["GNUPGHOME"] = home
        work.git("config", "tag.gpgSign", "true")
        work.pliny("execute")
        assert "BEGIN PGP SIGNATURE" in tag(work, "q")
        assert "(3 with a good signature): ok" in work.pliny("audit", "verify", "--signed").stdout
        text = tag(work, "p")
        unknown = work.pliny("audit", "verify", env={"GNUPGHOME": nobody})
        assert "remark: checkpoint p is signed with a key that is not known here: NO_PUBKEY" in unknown.stdout
        put(work, "p", text.replace("Pliny-Phase: p", "Pliny-Phase: q"))
        assert "the signature of checkpoint p is bad: BADSIG" in work.pliny("audit", "verify", exits=1).stderr


@needs_gpg
def test_a_gpg_key_that_is_locked_or_missing_is_said_at_once(work: Scratch) -> None:
    with gpg_home("secret words") as home:
        work.environ["GNUPGHOME"] = home
        work.git("config", "tag.gpgSign", "true")
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True)
        began = time.monotonic()
        assert "warning: gpg did not sign: " in work.pliny("session", "start", "n").stderr
        work.git("config", "user.signingKey", "nobody@example.com")
        assert "No secret key" in work.pliny("session", "start", "n").stderr
        assert time.monotonic() - began < 20
