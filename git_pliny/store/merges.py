"""What isolated agents made, as commits that the session's next checkpoint of the workspace keeps."""

import msgspec

from git_pliny.git.snapshot import Snapshot
from git_pliny.git.writer import ObjectWriter
from git_pliny.model.names import encode
from git_pliny.model.visible import visible
from git_pliny.store.run import Run


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt made: its version, and the commit whose files it started from, with HEAD on `head`."""

    agent: str
    attempt: int
    version: Snapshot
    onto: str
    head: str | None


def keep_merge(run: Run, work: Work, *, tree: str, previous: str) -> str:
    """The commit of a merge as git makes one: `tree`, on what the workspace was and on the agent's own version.

    The version has its start as a parent, and, where the agent has committed itself, the commit where it left HEAD.
    It is pinned until the entry that names it makes the next checkpoint refer to it.
    """
    agent, attempt, version = work.agent, work.attempt, work.version
    writer, author = ObjectWriter(run.repository), run.author()
    trailers = f"Pliny-Session: {run.session}\nPliny-Agent: {encode(agent)}\nPliny-Attempt: {attempt}\n"
    own = writer.commit(
        tree=version.tree,
        parents=[work.onto, *([version.head.oid] if version.head.oid not in (None, work.head) else [])],
        author=author,
        message=f"work of {visible(agent[:200])}\n\n{trailers}",
    )
    commit = writer.commit(
        tree=tree,
        parents=[previous, own],
        author=author,
        message=f"merge the work of {visible(agent[:200])}\n\n{trailers}",
    )
    writer.write()
    run.pin(commit)
    return commit
