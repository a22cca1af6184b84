"""Repairs in words."""

from typing import Any

import pytest
from scratch import Scratch
from stores import lone_run, resumed, started
from tampering import drop, edit_notes, whole_session

from git_pliny.cli.repairs import repair_words, say_repairs
from git_pliny.git.refs import list_refs
from git_pliny.model.events import Event, EventType
from git_pliny.store import sessions
from git_pliny.store.journal import journal_folder


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            {"kind": "torn", "run": "3eeb5d6d", "lines": 1},
            "the last line in the journal of run 3eeb5d6d was cut off, and is kept aside",
        ),
        (
            {"kind": "corrupt", "run": "3eeb5d6d", "lines": 2},
            "what can't be read in the journal of run 3eeb5d6d is kept aside: 2 lines",
        ),
        (
            {"kind": "session", "reason": "the session's blob was missing or unreadable"},
            "the session's object was missing or unreadable, and was written anew",
        ),
        (
            {"kind": "session", "promoted": ["a", "b"], "demoted": ["c\x1b"], "failed": []},
            "the session's object differed from the audit trail (a, b completed; c\\x1b rolled back), and was written anew",
        ),
        (
            {"kind": "session", "promoted": [], "demoted": [], "failed": []},
            "the session's object differed from the audit trail, and was written anew",
        ),
        ({"kind": "of a newer version"}, "of a newer version"),
        ({}, "repair"),
    ],
)
def test_every_repair_is_a_sentence(data: dict[str, Any], words: str) -> None:
    assert repair_words(Event(type=EventType.REPAIR, data=data)) == words


def test_what_a_recovery_did_is_warned_of(scratch: Scratch, capsys: pytest.CaptureFixture[str]) -> None:
    session = whole_session(scratch)
    edit_notes(scratch, session, drop(b'"checkpoint","phase":"p"'))
    with lone_run(scratch, session) as run:
        run.append(started("b", 2))
        journal = journal_folder(scratch.repository.local, session) / f"{run.id}.jsonl"
        content = journal.read_bytes()
    journal.parent.mkdir(parents=True, exist_ok=True)
    journal.write_bytes(content + b'{"ts"')
    with resumed(scratch, session) as (_, repairs):
        say_repairs(repairs)
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("warning: repaired: the last line in the journal of run ")
    assert said[-1] == (
        "warning: repaired: checkpoint p was in no entry of the audit trail, and was added; see git pliny audit view"
    )
    assert list_refs(scratch.repository, sessions.SESSIONS)
