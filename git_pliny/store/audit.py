"""Verifies a session: that its trail is whole and unchanged, and that session, checkpoints and notes agree with it.

What is found is a problem, or only worth a remark: what a kill left half done and the next run mends, and gaps that a
repair entry owns up to. A session that is being written to while it is read may seem to disagree with itself for a
moment, so what is found then is looked at again.

Not guaranteed: whoever can write to the refs can write a new trail that is whole. A signed checkpoint tag, whose
message names the trail's head, is what they cannot write.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

import msgspec

from git_pliny.git.repository import Repository
from git_pliny.git.signatures import Checked, Verdict, check
from git_pliny.model.events import EventType, Line, chain_start, union
from git_pliny.model.fold import Fold, fold
from git_pliny.model.names import encode
from git_pliny.model.session import encode_session
from git_pliny.store import journal, sessions
from git_pliny.store.deletion import is_half_deleted
from git_pliny.store.evidence import Evidence, TagEvidence, collect

_LOOKS = 10
_PAUSE_S = 0.2
_SHOWN = 12


class Severity(StrEnum):
    PROBLEM = "problem"
    REMARK = "remark"


class Check(StrEnum):
    """What is checked, in this order."""

    LINES = "lines"
    JOURNALS = "journals"
    CHAIN = "chain"
    SESSION = "session"
    CHECKPOINTS = "checkpoints"
    SIGNATURES = "signatures"
    NOTES = "notes"


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that is not as it should be; `run` and `seq` say at which entry, where it is one."""

    severity: Severity
    check: Check
    message: str
    run: str | None = None
    seq: int | None = None

    @property
    def is_of_entries(self) -> bool:
        """Whether entries themselves are wrong, which nothing mends, and not what is made from them."""
        vouched = self.check is Check.CHECKPOINTS and self.run is not None
        return vouched or self.check in (Check.LINES, Check.CHAIN, Check.SIGNATURES, Check.NOTES)


class _Break(NamedTuple):
    """Where a chain is broken; `is_gap`: entries are missing before the line."""

    line: Line
    message: str
    is_gap: bool = False


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification came to: how much there was, and what was found, problems of the chain in order of time."""

    session: str
    ok: bool
    entries: int
    runs: int
    checkpoints: int
    signed: int
    """How many of the checkpoints have a good signature."""
    findings: list[Finding]

    @property
    def problems(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.severity is Severity.PROBLEM]

    @property
    def remarks(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.severity is Severity.REMARK]


def verify(repository: Repository, session: str, *, signed: bool = False) -> Report:
    """Check a session; what is in its journals counts, so this is exact at any moment, while it runs, too.

    `signed`: a checkpoint without a good signature is a problem.
    """
    for _ in range(_LOOKS):
        writing = _is_being_written(repository, session)
        evidence = collect(repository, session)
        checked = {tag.encoded: check(repository, tag.oid) for tag in evidence.tags if tag.signed}
        report = _report(evidence, checked, demanded=signed)
        if report.ok or not (writing or _is_being_written(repository, session)):
            break
        time.sleep(_PAUSE_S)
    return report if report.ok or not is_half_deleted(repository, session) else _half_deleted(report)


def _half_deleted(report: Report) -> Report:
    message = "the session was deleted, and a kill left a part of it"
    return msgspec.structs.replace(report, findings=[_problem(Check.SESSION, message)])


def _is_being_written(repository: Repository, session: str) -> bool:
    files = journal.journal_files(repository.local, session)
    return sessions.holder(repository, session) is not None or any(map(journal.is_alive, files))


def _report(evidence: Evidence, checked: Mapping[str, Checked], *, demanded: bool) -> Report:
    lines = evidence.lines
    state = fold(evidence.session, lines)
    found = [
        *_bad_lines(evidence),
        *_chains(evidence.session, lines),
        *_session(evidence),
        *_checkpoints(evidence, lines, state),
        *_signatures(evidence, checked, demanded=demanded),
        *_notes(evidence, lines),
    ]
    return Report(
        session=evidence.session,
        ok=all(finding.severity is Severity.REMARK for finding in found),
        entries=len(lines),
        runs=len({line.entry.run for line in lines}),
        checkpoints=len(state.checkpoints),
        signed=sum(found.verdict is Verdict.GOOD for found in checked.values()),
        findings=found,
    )


def _problem(check: Check, message: str, *, run: str | None = None, seq: int | None = None) -> Finding:
    return Finding(severity=Severity.PROBLEM, check=check, message=message, run=run, seq=seq)


def _remark(check: Check, message: str, *, run: str | None = None, seq: int | None = None) -> Finding:
    return Finding(severity=Severity.REMARK, check=check, message=message, run=run, seq=seq)


def _bad_lines(evidence: Evidence) -> Iterator[Finding]:
    if evidence.notes is None:
        yield _problem(Check.LINES, "git has lost the session's notes; a clone that has them can bring them back")
    for note in evidence.notes or ():
        if note.lost:
            yield _problem(Check.LINES, f"git has lost the note on {note.commit[:_SHOWN]}; a clone can bring it back")
        for number in note.bad:
            yield _problem(Check.LINES, f"line {number} of the note on {note.commit[:_SHOWN]} is no entry")
    for found in evidence.journals:
        torn = found.text.torn
        if bad := found.text.bad - torn:
            message = f"{bad} of the lines in the journal of run {found.run} can't be read as entries"
            yield _problem(Check.JOURNALS, message, run=found.run)
        elif torn and not found.alive:
            message = f"the last line in the journal of run {found.run} was cut off; the next run records that"
            yield _remark(Check.JOURNALS, message, run=found.run)


def _chains(session: str, lines: list[Line]) -> list[Finding]:
    runs: dict[str, list[Line]] = {}
    for line in lines:
        runs.setdefault(line.entry.run, []).append(line)
    broken = [found for own in runs.values() for found in _breaks(session, own)]
    admitted = _admitted(lines)
    return [_chain_finding(found, admitted) for found in sorted(broken, key=lambda found: found.line.key)]


def _chain_finding(found: _Break, admitted: set[str]) -> Finding:
    entry = found.line.entry
    if found.is_gap and entry.run in admitted:
        return _remark(Check.CHAIN, f"{found.message}, as a repair says", run=entry.run, seq=entry.seq)
    return _problem(Check.CHAIN, found.message, run=entry.run, seq=entry.seq)


def _admitted(lines: Iterable[Line]) -> set[str]:
    """The runs of which a repair entry says that lines were lost."""
    repairs = (line.entry.data for line in lines if line.entry.type == EventType.REPAIR)
    return {str(data.get("run")) for data in repairs if data.get("kind") in ("torn", "corrupt")}


def _breaks(session: str, lines: list[Line]) -> Iterator[_Break]:
    """Where one run's chain is broken."""
    number, ts, digests = 0, "", {chain_start(session)}
    for line in sorted(lines, key=lambda line: (line.entry.seq, line.raw)):
        entry = line.entry
        here = f"entry {entry.seq} of run {entry.run}"
        if entry.seq == number:
            yield _Break(line, f"{here} is there twice, with different content")
            digests.add(line.digest)
            continue
        if entry.seq > number + 1:
            yield _Break(line, _missing(number + 1, entry.seq - 1, entry.run), is_gap=True)
        elif entry.prev not in digests:
            yield _Break(line, f"{here} does not follow from the one before: one of them was changed")
        if entry.ts <= ts:
            yield _Break(line, f"{here} is not later than the one before")
        number, ts, digests = entry.seq, entry.ts, {line.digest}


def _missing(first: int, last: int, run: str) -> str:
    one = first == last
    return f"entry {first} of run {run} is missing" if one else f"entries {first} to {last} of run {run} are missing"


def _session(evidence: Evidence) -> Iterator[Finding]:
    noted = evidence.noted
    if _render(evidence.session, noted) == evidence.blob:
        return
    if evidence.blob in {_render(evidence.session, lines) for lines in _half_done(evidence, noted)}:
        yield _remark(
            Check.SESSION, "a run was killed while it wrote the session's object; the next run writes it again"
        )
    elif evidence.blob is None:
        yield _problem(Check.SESSION, "there are entries, but no session object under the session's ref")
    else:
        yield _problem(Check.SESSION, "the session's object is not what its entries add up to")


def _half_done(evidence: Evidence, noted: list[Line]) -> Iterator[list[Line]]:
    """The entries that the session ref may stand for where a flush was cut off: without or with those of a journal."""
    for found in evidence.journals:
        pending = {line.raw for line in found.text.lines}
        yield [line for line in noted if line.raw not in pending]
        yield union(noted, found.text.lines)


def _render(session: str, lines: list[Line]) -> bytes | None:
    return encode_session(fold(session, lines).session()) if lines else None


def _checkpoints(evidence: Evidence, lines: list[Line], state: Fold) -> Iterator[Finding]:
    tags = {tag.encoded: tag for tag in evidence.tags}
    for name, checkpoint in state.checkpoints.items():
        tag = tags.pop(encode(name), None)
        if tag is None:
            yield _problem(Check.CHECKPOINTS, f"checkpoint '{name}' has no ref")
        elif tag.commit is None:
            yield _problem(Check.CHECKPOINTS, f"the ref of checkpoint '{name}' is no tag of a commit that is here")
        elif tag.commit != checkpoint.commit:
            yield _problem(
                Check.CHECKPOINTS,
                f"checkpoint '{name}' was {checkpoint.commit[:_SHOWN]}, and its ref is {tag.commit[:_SHOWN]}",
            )
    for tag in tags.values():
        yield _unnamed(evidence, state, tag)
    yield from _vouched(evidence, lines)


def _unnamed(evidence: Evidence, state: Fold, tag: TagEvidence) -> Finding:
    """About a checkpoint ref that no entry names: left by a kill, or put there by someone else."""
    if (tag.encoded, tag.commit) in {(encode(name), commit) for name, commit in state.deleted}:
        return _remark(Check.CHECKPOINTS, f"checkpoint {tag.encoded} was deleted, and its ref is still there")
    if tag.commit is not None and tag.trailers.get("Session") == evidence.session:
        return _remark(Check.CHECKPOINTS, f"no entry names checkpoint {tag.encoded} yet; the next run adds one")
    return _problem(Check.CHECKPOINTS, f"no entry names the checkpoint ref {tag.encoded}")


def _vouched(evidence: Evidence, lines: list[Line]) -> Iterator[Finding]:
    """What tags say of the trail as it was when they were made."""
    digests = {(line.entry.run, str(line.entry.seq)): line.digest for line in lines}
    admitted = _admitted(lines)
    for tag in evidence.tags:
        run, _, rest = tag.trailers.get("Audit", "").partition(":")
        seq, _, digest = rest.partition(":")
        known = digests.get((run, seq))
        if not digest or known == digest:
            continue
        if known is not None:
            message = f"entry {seq} of run {run} was changed after checkpoint {tag.encoded} was taken"
            yield _problem(Check.CHECKPOINTS, message, run=run)
        else:
            message = f"checkpoint {tag.encoded} names entry {seq} of run {run}, which is missing"
            yield (_remark if run in admitted else _problem)(Check.CHECKPOINTS, message, run=run)


def _signatures(evidence: Evidence, checked: Mapping[str, Checked], *, demanded: bool) -> Iterator[Finding]:
    """A signature that is wrong is a problem; whose it is may be unknown here, unless that is demanded."""
    for tag in evidence.tags:
        here, found = f"checkpoint {tag.encoded}", checked.get(tag.encoded)
        if found is None:
            if demanded:
                yield _problem(Check.SIGNATURES, f"{here} is not signed")
        elif found.verdict is Verdict.BAD:
            yield _problem(Check.SIGNATURES, f"the signature of {here} is bad: {found.who}")
        elif tag.trailers.get("Session") != evidence.session:
            yield _problem(Check.SIGNATURES, f"{here} was signed as one of another session")
        elif found.verdict is Verdict.UNKNOWN:
            message = f"{here} is signed with a key that is not known here: {found.who or 'git can not say which'}"
            yield (_problem if demanded else _remark)(Check.SIGNATURES, message)


def _notes(evidence: Evidence, lines: list[Line]) -> Iterator[Finding]:
    made = {str(line.entry.data.get("commit")) for line in lines if line.entry.type == EventType.CHECKPOINT}
    known = made | {tag.commit for tag in evidence.tags}
    for note in evidence.notes or ():
        if note.commit not in known:
            yield _problem(Check.NOTES, f"there is a note on {note.commit[:_SHOWN]}, which is no checkpoint")
