"""What TAB offers: commands, options and values, for the scripts in `shell/`, which ask with `__complete`.

`git pliny __complete session sh` prints one `value<TAB>help` a line for the words up to the cursor, the last of which
is the unfinished one. No line means that the shell may offer files.
"""

import sys
from collections.abc import Sequence

from typer._completion_classes import BashComplete  # the pinned typer has no public name for it
from typer.core import TyperGroup

REQUEST = "__complete"


def offer(root: TyperGroup, words: Sequence[str]) -> None:
    """Print each value that the last of `words` may become, with a line of help."""
    *before, unfinished = words or [""]
    for item in BashComplete(root, {}, "git pliny", "").get_completions(before, unfinished):
        if item.type == "plain":
            sys.stdout.write(f"{item.value}\t{(item.help or '').partition(chr(10))[0]}\n")
