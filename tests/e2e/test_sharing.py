"""Sessions go to a remote and come back from it: `git pliny push`, `fetch`, `sync`, and what plain git sees of them."""

import json
import random
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from scratch import Scratch

PLAN = """
agents:
  x: {run: echo x >> x.txt}
  y: {run: echo y >> y.txt}
phases:
  - {name: one, agents: [x]}
  - {name: two, agents: [y]}
"""
Cloning = Callable[[str], Scratch]


@pytest.fixture
def clones(scratch: Scratch, tmp_path: Path) -> Cloning:
    """Clones of a bare remote, each by its name."""
    scratch.plan(PLAN)
    scratch.commit()
    remote = tmp_path / "remote.git"
    scratch.git("clone", "-q", "--bare", ".", str(remote))

    def clone(name: str) -> Scratch:
        scratch.git("clone", "-q", str(remote), str(tmp_path / name))
        return Scratch(root=tmp_path / name, environ=scratch.environ)

    return clone


def only_session(clone: Scratch) -> str:
    return clone.git("for-each-ref", "--format=%(refname:lstrip=3)", "refs/pliny/sessions")


def held(clone: Scratch) -> list[str]:
    """What clones that know the same hold alike: blobs, trees, checkpoints."""
    refs = clone.git("for-each-ref", "--format=%(refname)", "refs/pliny", "refs/notes/pliny").splitlines()
    commits = [f"{ref}^{{}}" for ref in refs if "/checkpoints/" in ref]
    trees = [f"{ref}^{{tree}}" for ref in refs if "/artifacts/" in ref or "/notes/" in ref]
    blobs = [ref for ref in refs if "/sessions/" in ref]
    return refs + clone.git("rev-parse", *commits, *trees, *blobs).splitlines()


def test_a_clone_sees_a_colleagues_session_and_works_on_with_it(clones: Cloning) -> None:
    ada, bob = clones("ada"), clones("bob")
    ada.pliny("execute")
    ada.pliny("push")
    assert bob.pliny("fetch").stderr.splitlines()[-1].startswith("fetched session ")
    session = only_session(bob)
    assert held(bob) == held(ada)
    assert session[:8] in bob.pliny("session", "list").stdout
    assert "agent_end" in bob.pliny("audit", "view", session).stdout
    assert bob.pliny("audit", "verify", session).stdout.endswith(": ok\n")
    assert "x.txt" in bob.pliny("checkpoint", "diff", "start", "one", "--session", session).stdout
    bob.pliny("rollback", "one", "--session", session)
    assert (bob.root / "x.txt").read_text() == "x\n"
    assert not (bob.root / "y.txt").exists()


def test_two_clones_that_worked_on_one_session_offline_end_with_the_same(clones: Cloning) -> None:
    ada, bob = clones("ada"), clones("bob")
    ada.pliny("execute")
    ada.pliny("push")
    bob.pliny("fetch")
    session = only_session(bob)
    bob.pliny("execute", "--session", session, "--rerun", "y")
    bob.pliny("checkpoint", "create", "mine", "--session", session)
    ada.pliny("execute", "--rerun", "x")
    ada.pliny("checkpoint", "create", "mine")
    ada.pliny("sync")
    bob.pliny("sync")
    ada.pliny("sync")
    assert held(ada) == held(bob)
    checkpoints = json.loads(ada.pliny("session", "show", "--json").stdout)["checkpoints"]
    assert len([name for name in checkpoints if name.startswith("mine")]) == 2
    for clone in (ada, bob):
        assert clone.pliny("audit", "verify", session).stdout.endswith(": ok\n")
        assert "has everything" in clone.pliny("sync").stderr


def test_three_clones_in_random_order_end_with_the_same(clones: Cloning) -> None:
    rng = random.Random(5)
    three = [clones(name) for name in ("ada", "bob", "cy")]
    three[0].pliny("execute")
    for clone in three:
        clone.pliny("sync")
    session = only_session(three[1])
    works = [
        ("execute", "--session", session, "--rerun", "x"),
        ("execute", "--session", session, "--rerun", "y"),
        ("checkpoint", "create", "mine", "--session", session),
        ("rollback", "one", "--session", session),
        ("sync",),
        ("fetch",),
    ]
    for _ in range(14):
        clone = rng.choice(three)
        done = clone.run("git", "pliny", *rng.choice(works))
        assert done.returncode in (0, 1), done.stderr  # 1: the clone has a checkpoint of that name
        assert "Traceback" not in done.stderr
    for clone in (*three, *three):
        clone.pliny("sync")
    assert held(three[0]) == held(three[1]) == held(three[2])
    for clone in three:
        assert clone.pliny("audit", "verify", session).stdout.endswith(": ok\n")


def test_ten_clones_that_sync_at_once_all_succeed(clones: Cloning) -> None:
    first = clones("first")
    first.pliny("execute")
    first.pliny("push")
    session = only_session(first)
    many = [clones(f"c{number}") for number in range(10)]
    for clone in many:
        clone.pliny("fetch")
        clone.pliny("checkpoint", "create", f"of-{clone.root.name}", "--session", session)

    def sync(clone: Scratch) -> subprocess.CompletedProcess[str]:
        return clone.run("git", "pliny", "sync")

    with ThreadPoolExecutor(10) as pool:
        done = list(pool.map(sync, many))
    assert [each.returncode for each in done] == [0] * 10, [each.stderr for each in done]
    first.pliny("fetch")
    names = first.git("for-each-ref", "--format=%(refname:lstrip=4)", "refs/pliny/checkpoints").splitlines()
    assert {f"of-c{number}" for number in range(10)} <= set(names)
    assert first.pliny("audit", "verify", session).stdout.endswith(": ok\n")


def test_a_push_that_a_remote_refuses_says_why_and_the_rest_is_sent(clones: Cloning, tmp_path: Path) -> None:
    ada = clones("ada")
    ada.pliny("execute")
    hook = tmp_path / "remote.git" / "hooks" / "update"
    hook.write_text('#!/bin/sh\ncase "$1" in refs/notes/*) echo "no notes here" >&2; exit 1;; esac\n')
    hook.chmod(0o755)
    failed = ada.pliny("push", exits=1)
    assert "refused refs/notes/pliny/" in failed.stderr
    assert "remote: no notes here" in failed.stderr
    hook.unlink()
    ada.pliny("push")
    bob = clones("bob")
    bob.pliny("fetch")
    assert held(bob) == held(ada)


def test_a_remote_that_is_not_there_is_an_error_of_one_line(clones: Cloning, tmp_path: Path) -> None:
    ada = clones("ada")
    (tmp_path / "remote.git").rename(tmp_path / "gone.git")
    for command in ("push", "fetch", "sync"):
        ada.pliny("session", "start", "n")
        assert "does not appear to be a git repository" in ada.pliny(command, exits=1).stderr
    assert "there is no remote and no session 'nowhere' here" in ada.pliny("push", "nowhere", exits=1).stderr
    ada.git("remote", "remove", "origin")
    assert "git remote add" in ada.pliny("fetch", exits=1).stderr


def test_only_the_sessions_that_are_named_are_shared(clones: Cloning) -> None:
    ada, bob = clones("ada"), clones("bob")
    one = ada.pliny("session", "start", "one").stdout.strip()
    two = ada.pliny("session", "start", "two").stdout.strip()
    ada.pliny("push", "origin", one[:8])
    bob.pliny("fetch")
    assert only_session(bob) == one
    ada.pliny("push", two)
    bob.pliny("fetch", "origin", two)
    assert {one, two} == set(only_session(bob).split())


def test_a_dry_run_sends_nothing(clones: Cloning) -> None:
    ada = clones("ada")
    session = ada.pliny("session", "start", "one").stdout.strip()
    assert f"would send session {session[:8]}" in ada.pliny("push", "-n").stderr
    assert "pliny" not in ada.git("ls-remote", "origin")
    assert json.loads(ada.pliny("push", "-n", "--json").stdout)["sent"] == [session]


def test_a_dry_run_says_what_would_come_in_and_takes_nothing(clones: Cloning) -> None:
    ada, bob = clones("ada"), clones("bob")
    theirs = ada.pliny("session", "start", "one").stdout.strip()
    mine = bob.pliny("session", "start", "two").stdout.strip()
    ada.pliny("push")
    assert f"would fetch session {theirs[:8]}" in bob.pliny("fetch", "-n").stderr
    assert json.loads(bob.pliny("sync", "-n", "--json").stdout) == {
        "remote": "origin",
        "fetched": [theirs],
        "sent": [mine],
    }
    assert only_session(bob) == mine
    assert not bob.git("for-each-ref", "refs/pliny-remotes")
    bob.pliny("sync")
    done = bob.pliny("sync", "-n").stderr
    assert "nothing new at origin" in done
    assert "nothing to send to origin" in done
    ada.pliny("checkpoint", "create", "more")
    ada.pliny("push")
    assert json.loads(bob.pliny("fetch", "-n", "--json").stdout)["fetched"] == [theirs]


def test_what_a_push_did_is_told_as_json(clones: Cloning) -> None:
    ada = clones("ada")
    session = ada.pliny("session", "start", "one").stdout.strip()
    report = json.loads(ada.pliny("push", "--json").stdout)
    assert (report["remote"], report["sent"]) == ("origin", [session])
    assert report["refs"] == len(ada.git("for-each-ref", "refs/pliny", "refs/notes/pliny").splitlines())
    bob = clones("bob")
    report = json.loads(bob.pliny("sync", "--json").stdout)
    assert report["fetched"] == [{"session": session, "change": "new"}]


def test_a_remote_may_be_an_address(clones: Cloning, tmp_path: Path) -> None:
    ada, bob = clones("ada"), clones("bob")
    ada.pliny("session", "start", "one")
    ada.pliny("push", str(tmp_path / "remote.git"))
    bob.pliny("fetch", str(tmp_path / "remote.git"))
    assert only_session(bob) == only_session(ada)
    assert str(tmp_path) not in bob.git("for-each-ref")


def test_a_session_that_is_deleted_at_a_remote_goes_from_every_clone(clones: Cloning) -> None:
    ada, bob, cy = clones("ada"), clones("bob"), clones("cy")
    ada.pliny("execute")
    ada.pliny("push")
    for clone in (bob, cy):
        clone.pliny("fetch")
    session = only_session(ada)
    cy.pliny("checkpoint", "create", "mine", "--session", session)
    ada.pliny("session", "delete", "--remote", "origin", session)
    left = f"refs/pliny/tombstones/{session}"
    assert [line.split()[1] for line in ada.git("ls-remote", "origin", "refs/*pliny/*").splitlines()] == [left]
    assert "deleted here, as it was there" in bob.pliny("sync").stderr
    assert ada.pliny("session", "list").stdout == bob.pliny("session", "list").stdout == ""
    assert bob.git("for-each-ref", "--format=%(refname)", "refs/pliny", "refs/notes/pliny") == left
    bob.pliny("sync")
    assert [line.split()[1] for line in ada.git("ls-remote", "origin", "refs/*pliny/*").splitlines()] == [left]
    kept = cy.pliny("fetch")
    assert f"warning: kept session {session[:8]}" in kept.stderr
    assert cy.pliny("audit", "verify", session).stdout.endswith(": ok\n")


def test_what_was_deleted_here_alone_stays_at_the_remote_and_can_be_deleted_there_later(clones: Cloning) -> None:
    ada, bob = clones("ada"), clones("bob")
    ada.pliny("execute")
    ada.pliny("push")
    session = only_session(ada)
    ada.pliny("session", "delete", session)
    ada.pliny("sync")
    assert ada.pliny("session", "list").stdout == ""
    bob.pliny("fetch")
    assert only_session(bob) == session
    ada.pliny("session", "delete", "--remote", "origin", session[:8])
    bob.pliny("fetch")
    assert bob.pliny("session", "list").stdout == ""


def test_tombstones_are_forgotten_after_the_configured_age(clones: Cloning) -> None:
    ada = clones("ada")
    session = ada.pliny("session", "start", "n").stdout.strip()
    ada.pliny("session", "delete", session)
    ada.pliny("session", "prune")
    assert ada.git("for-each-ref", "refs/pliny/tombstones")
    ada.pliny("session", "prune", env={"PLINY_CONFIG_SHARING__TOMBSTONE_AGE": "0s"})
    assert not ada.git("for-each-ref", "refs/pliny/tombstones")


def test_after_init_a_plain_git_fetch_brings_copies_which_fetch_takes_in(clones: Cloning) -> None:
    ada, bob = clones("ada"), clones("bob")
    (bob.root / "pliny.yaml").unlink()
    assert "git fetch origin brings in copies" in bob.pliny("init").stderr
    before = bob.git("config", "--get-all", "remote.origin.fetch")
    bob.pliny("init", exits=1)
    assert bob.git("config", "--get-all", "remote.origin.fetch") == before
    ada.pliny("execute")
    ada.pliny("push")
    bob.git("fetch")
    copies = bob.git("for-each-ref", "--format=%(refname)", "refs/pliny-remotes/origin").splitlines()
    assert len(copies) == len(ada.git("for-each-ref", "refs/pliny", "refs/notes/pliny").splitlines())
    bob.pliny("fetch")
    assert held(bob) == held(ada)


def test_a_push_is_prepared_for_plain_git_push_of_the_refs(clones: Cloning) -> None:
    ada, bob = clones("ada"), clones("bob")
    ada.pliny("execute")
    ada.git("push", "-q", "origin", "refs/pliny/*:refs/pliny/*", "refs/notes/pliny/*:refs/notes/pliny/*")
    bob.git("fetch", "-q", "origin", "refs/pliny/*:refs/pliny/*", "refs/notes/pliny/*:refs/notes/pliny/*")
    assert held(bob) == held(ada)
    assert "has everything" in bob.pliny("sync").stderr


def test_a_push_says_how_much_it_sends_and_warns_of_much(clones: Cloning) -> None:
    ada = clones("ada")
    ada.write("large.txt", "".join(f"{number * 7919 % 100003}\n" for number in range(20000)))
    ada.pliny("session", "start", "n")
    done = ada.pliny("push", env={"PLINY_CONFIG_SHARING__WARN_SIZE": "10000"})
    assert "warning: about to send" in done.stderr
    assert "KiB" in done.stderr
    ada.pliny("checkpoint", "create", "again")
    assert "warning" not in ada.pliny("push", env={"PLINY_CONFIG_SHARING__WARN_SIZE": "10000"}).stderr
