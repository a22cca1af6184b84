"""`git pliny push`, `fetch` and `sync`."""

import sys
from collections.abc import Sequence
from typing import Annotated

import msgspec

from git_pliny.cli import messages, output, render
from git_pliny.cli.declare import argument, option
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.options import Json
from git_pliny.cli.secrets import check_secrets
from git_pliny.cli.streams import unless_lost
from git_pliny.cli.values import remotes_and_sessions
from git_pliny.cli.workbench import Workbench, open_workbench_anyway
from git_pliny.errors import GitError, NotFoundError
from git_pliny.git import transport
from git_pliny.model.duration import parse_duration
from git_pliny.model.events import render_time
from git_pliny.model.visible import visible
from git_pliny.sharing.exchange import Exchange, Exchanged, flush_ended
from git_pliny.sharing.joining import Change, Joined
from git_pliny.sharing.sending import Line
from git_pliny.store import sessions

Places = Annotated[
    list[str] | None,
    argument(
        metavar="[REMOTE] [ID]...",
        help="A remote, by name or address (else the one that git fetch would use), and sessions (else all).",
        show_default=False,
        autocompletion=remotes_and_sessions,
    ),
]
AllowSecrets = Annotated[bool, option("--allow-secrets", help="Send files that look like secrets as well.")]
DryRun = Annotated[bool, option("--dry-run", "-n", help="Say what would be done, and change nothing.")]


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    remote: str
    ids: tuple[str, ...]


class _Report(msgspec.Struct, kw_only=True, omit_defaults=True):
    remote: str
    fetched: list[Joined] | None = None
    sent: list[str] | None = None
    refs: int | None = None
    bytes: int | None = None
    refused: dict[str, str] = {}


class _DryReport(msgspec.Struct, kw_only=True, omit_defaults=True):
    remote: str
    fetched: list[str] | None = None
    sent: list[str] | None = None


def push_command(
    here: Invocation,
    *,
    places: Places = None,
    allow_secrets: AllowSecrets = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> int:
    """Send sessions to a remote.

    What the remote has not is sent: entries, checkpoints, artifacts. Where another clone has sent something to the same
    session meanwhile, that is taken in first: nothing of anybody's is overwritten.

    Files in checkpoints that look like secrets (.env, keys, known forms of tokens) and are in none of your branches are
    named first, and sent only where you say so.
    """
    bench = open_workbench_anyway(here)
    asked = _asked(bench, places or ())
    exchange = _exchange(here, bench, asked)
    if dry_run:
        _tell_dry(asked, as_json=as_json, sent=exchange.unsent())
        return 0
    _flush(bench, asked)
    check_secrets(here, bench, exchange, allowed=allow_secrets, again="git pliny push")
    return _finish(asked, exchange.push(), as_json=as_json, fetched=False)


def fetch_command(here: Invocation, *, places: Places = None, dry_run: DryRun = False, as_json: Json = False) -> int:
    """Bring in the sessions of a remote.

    A session that is here already is merged with what the remote knows of it. No plan is run, and no file of yours
    changes.
    """
    bench = open_workbench_anyway(here)
    asked = _asked(bench, places or (), anywhere=True)
    exchange = _exchange(here, bench, asked)
    if dry_run:
        _tell_dry(asked, as_json=as_json, fetched=exchange.unfetched())
        return 0
    joined = exchange.fetch()
    return _finish(asked, Exchanged(joined), as_json=as_json, fetched=True)


def sync_command(
    here: Invocation,
    *,
    places: Places = None,
    allow_secrets: AllowSecrets = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> int:
    """Fetch from a remote, merge, and push.

    Afterwards both sides hold the same of every session that is shared. As with push, secrets are asked about first.
    """
    bench = open_workbench_anyway(here)
    asked = _asked(bench, places or (), anywhere=True)
    exchange = _exchange(here, bench, asked)
    if dry_run:
        _tell_dry(asked, as_json=as_json, fetched=exchange.unfetched(), sent=exchange.unsent())
        return 0
    _flush(bench, asked)
    check_secrets(here, bench, exchange, allowed=allow_secrets, again="git pliny sync")
    return _finish(asked, exchange.sync(), as_json=as_json, fetched=True)


def _asked(bench: Workbench, places: Sequence[str], *, anywhere: bool = False) -> _Asked:
    repository = bench.repository
    known = transport.remotes(repository)
    first = places[0] if places else ""
    is_remote = first in known or ":" in first or "/" in first or first in (".", "..")
    name = first if is_remote else transport.default_remote(repository)
    ids = []
    for word in places[is_remote:]:
        try:
            ids.append(sessions.resolve(repository, word))
        except NotFoundError as error:
            if anywhere and sessions.is_id(word.lower()):
                ids.append(word.lower())
            elif word == first:
                hint = "git remote -v"
                raise NotFoundError(f"there is no remote and no session '{word}' here", hint=hint) from error
            else:
                raise
    return _Asked(remote=name, ids=tuple(ids))


def _exchange(here: Invocation, bench: Workbench, asked: _Asked) -> Exchange:
    age = parse_duration(bench.settings.sharing.tombstone_age)
    oldest = render_time(max(int((here.now - age) * 1_000_000), 0))
    return Exchange(
        bench.repository, asked.remote, spoken(here, bench.settings.sharing.warn_size), chosen=asked.ids, oldest=oldest
    )


def spoken(here: Invocation, limit: int) -> Line:
    """The network, with what git says on the way passed on, and a warning of what is `limit` bytes or more."""
    return Line(told=_tell, progress=here.stderr_is_terminal, large=_tell_large, limit=limit)


def _tell_large(size: int) -> None:
    messages.warning(f"about to send {render.byte_size(size)} (setting sharing.warn_size)")


def _tell(text: str, passing: bool) -> None:
    """What git says of its progress, as it comes; its report on refs is ours to give."""
    with unless_lost(sys.stderr):
        if passing:
            sys.stderr.write(f"{visible(text)}\r")
        elif text.startswith("remote: ") or "%" in text:
            sys.stderr.write(f"{visible(text)}\n")
        sys.stderr.flush()


def _flush(bench: Workbench, asked: _Asked) -> None:
    def chosen(session: str) -> bool:
        return not asked.ids or session in asked.ids

    for session in flush_ended(bench.repository, clock=bench.clock, bounds=bench.bounds, chosen=chosen):
        messages.note(f"session {render.short(session)} is being worked on: what it has not flushed yet comes later")


def _tell_dry(asked: _Asked, *, as_json: bool, fetched: list[str] | None = None, sent: list[str] | None = None) -> None:
    """What would come in, and go out; None: nothing of that was asked for."""
    if as_json:
        output.data_json(_DryReport(remote=asked.remote, fetched=fetched, sent=sent))
        return
    for session in fetched or ():
        messages.note(f"would fetch session {render.short(session)}")
    for session in sent or ():
        messages.note(f"would send session {render.short(session)}")
    if fetched is not None and not fetched:
        messages.note(f"nothing new at {asked.remote}")
    if sent is not None and not sent:
        messages.note(f"nothing to send to {asked.remote}, as far as is known here")


_WORDS = {
    Change.NEW: "fetched session",
    Change.UPDATED: "updated session",
    Change.MERGED: "merged session",
    Change.DELETED: "deleted here, as it was there: session",
    Change.KEPT: "kept session",
    Change.REFUSED: "refused session",
}


def _finish(asked: _Asked, done: Exchanged, *, as_json: bool, fetched: bool) -> int:
    sent = done.sent
    if as_json:
        report = _Report(remote=asked.remote, fetched=done.joined if fetched or done.joined else None)
        if sent is not None:
            report.sent, report.refs, report.refused, report.bytes = sent.sessions, sent.refs, sent.refused, sent.bytes
        output.data_json(report)
    else:
        _tell_joined(asked, done, fetched=fetched)
    refused = [each for each in done.joined if each.change is Change.REFUSED]
    if sent is not None and (sent.refused or sent.again):
        raise _not_sent(asked, done)
    return 1 if refused else 0


def _tell_joined(asked: _Asked, done: Exchanged, *, fetched: bool) -> None:
    for each in done.joined:
        reason = f": {each.reason}" if each.reason else ""
        say = messages.warning if each.change in (Change.REFUSED, Change.KEPT) else messages.note
        say(f"{_WORDS[each.change]} {render.short(each.session)}{reason}")
    if fetched and not done.joined:
        messages.note(f"nothing new at {asked.remote}")
    if done.sent is None:
        return
    for session in done.sent.sessions:
        messages.note(f"sent session {render.short(session)}")
    if done.sent.sessions:
        messages.note(f"{asked.remote}: {_refs(done.sent.refs)}, about {render.byte_size(done.sent.bytes)}")
    if not done.sent.sessions and not done.sent.refused:
        messages.note(f"{asked.remote} has everything")


def _refs(count: int) -> str:
    return "1 ref" if count == 1 else f"{count} refs"


def _not_sent(asked: _Asked, done: Exchanged) -> GitError:
    assert done.sent is not None  # noqa: S101 - the caller looked
    name = asked.remote
    if not done.sent.refused:
        return GitError(f"others keep sending to the same sessions at {name}", hint=f"git pliny sync {name}")
    ref, reason = next(iter(done.sent.refused.items()))
    more = f" (and {len(done.sent.refused) - 1} more)" if len(done.sent.refused) > 1 else ""
    return GitError(f"{name} refused {ref}{more}: {reason}", hint=f"git pliny push {name}   (sends what is left)")
