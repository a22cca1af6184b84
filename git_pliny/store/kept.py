"""What attempts that succeeded have left: their output and deliverables as text, masked and bounded, for later agents.

Read from the files of this machine, or from the session's artifacts where those are gone or were never here.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from git_pliny.git.objects import MODE_EXECUTABLE, MODE_FILE, MODE_TREE
from git_pliny.model.names import encode
from git_pliny.model.session import AgentStatus
from git_pliny.runners.base import ANSWER, OUTPUT
from git_pliny.store.artifacts import AttemptPlace, Bounds, attempt_folder, attempt_folders, bounded
from git_pliny.store.run import Run
from git_pliny.store.sessions import ARTIFACTS

LONGEST = 256 * 1024
"""Bytes of one text; of a longer one its beginning and its end are given."""

_MOST_LOOKED_AT = 100_000
_END = 4000
"""Characters of what an attempt printed that the next one is told."""


def last_success(run: Run, agent: str) -> AttemptPlace | None:
    """The agent's latest attempt, where that succeeded and was not set back since.

    One whose changes a user took over by hand ended in another run than it began in: its files have the older name.
    """
    state = run.state.agents.get(agent)
    last = state.last_end() if state else None
    if state is None or last is None or last.end.status is not AgentStatus.COMPLETED:
        return None
    runs = [ended.key.run for ended in reversed(state.ends) if ended.key.attempt == last.key.attempt]
    places = [AttemptPlace(agent, last.key.attempt, each) for each in runs]
    return next((place for place in places if read_output(run, place) is not None), places[0])


def read_output(run: Run, place: AttemptPlace) -> str | None:
    """What the attempt answered, if it is a coding agent's, else what it printed; None where neither is kept."""
    name = f"{encode(place.agent)}/{place.stem}"
    for ending, kept in ((ANSWER, f"answers/{name}.md"), (OUTPUT, f"outputs/{name}.log")):
        local = bounded(f"{attempt_folder(run.outputs, place)}{ending}", _bounds(run))
        stored = f"{ARTIFACTS}{run.session}:{kept}"
        text = _text(run, local if local is not None else run.reader.blob(stored))
        if text is not None:
            return text
    return None


def printed_last(run: Run, agent: str, attempt: int, begin: str) -> str:
    """The end of what an attempt printed, from its last `begin` on; empty where this machine does not have it."""
    for folder in attempt_folders(run.repository, run.session, agent):
        if folder.name.rpartition("@")[2].startswith(f"{attempt}-"):
            text = _text(run, bounded(f"{folder}{OUTPUT}", _bounds(run))) or ""
            return text[text.rfind(begin) + 1 if begin and begin in text else 0 :][-_END:]
    return ""


class Delivered(Mapping[str, str]):
    """The files that an attempt delivered, by name: each is read when it is asked for."""

    def __init__(self, run: Run, place: AttemptPlace) -> None:
        self._run = run
        folder = attempt_folder(run.outputs, place)
        found: dict[str, Path | str] = dict(_local(folder))
        if not found:
            top = run.reader.read(f"{ARTIFACTS}{run.session}:deliverables/{encode(place.agent)}/{place.stem}")
            found = dict(self._stored(top.oid)) if top else {}
        self._files = {name: found[name] for name in sorted(found)}

    def __getitem__(self, name: str) -> str:
        where = self._files[name]
        data = bounded(where, _bounds(self._run)) if isinstance(where, Path) else self._run.reader.blob(where)
        return _text(self._run, data) or ""

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def _stored(self, top: str) -> Iterator[tuple[str, Path | str]]:
        """What was fetched may be made so that it would never end: beyond a limit, the rest is left."""
        waiting, looked = [(top, "")], 0
        while waiting and looked < _MOST_LOOKED_AT:
            tree, below = waiting.pop()
            for raw, entry in self._run.reader.tree(tree).items():
                looked += 1
                name = below + os.fsdecode(raw)
                if entry.mode == MODE_TREE:
                    waiting.append((entry.oid, f"{name}/"))
                elif entry.mode in (MODE_FILE, MODE_EXECUTABLE):
                    yield name, entry.oid


def _local(folder: Path) -> Iterator[tuple[str, Path]]:
    if folder.is_symlink():  # put in place of ours
        return
    for parent, _, names in os.walk(folder):
        for name in names:
            yield Path(parent, name).relative_to(folder).as_posix(), Path(parent, name)


def _bounds(run: Run) -> Bounds:
    return Bounds(run.bounds.masking, min(run.bounds.limit, LONGEST))


def _text(run: Run, data: bytes | None) -> str | None:
    if data is None:
        return None
    limit = _bounds(run).limit
    if len(data) > limit + LONGEST // 16:  # stored under a higher limit; a little more are the words about what was cut
        data = data[: limit // 2] + b"\n[...]\n" + data[len(data) - limit // 2 :]
    return data.decode("utf-8", "replace")
