"""What TAB offers: commands, options and values, for the scripts in `completions/`, which ask with `__complete`.

`git pliny __complete session sh` prints one `value<TAB>help` a line for the words up to the cursor, the last of which
is the unfinished one. No line means that the shell may offer files.
"""

from collections.abc import Iterator, Sequence

from typer._completion_classes import BashComplete  # the pinned typer has no public name for it

from git_pliny.cli.program import PlinyGroup

REQUEST = "__complete"


def candidates(root: PlinyGroup, words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each value that the last of `words` may become, with a line of help."""
    *before, unfinished = words or [""]
    for item in BashComplete(root, {}, "git pliny", "").get_completions(before, unfinished):
        if item.type == "plain":
            yield item.value, (item.help or "").partition("\n")[0]
