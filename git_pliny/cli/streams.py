"""Standard streams that their reader has left: what is printed then is dropped, and nobody is told again and again."""

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from typing import TextIO


def drop(stream: TextIO) -> None:
    """Let what is still buffered, and all that follows, go nowhere: Python would complain about it as it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


@contextlib.contextmanager
def unless_lost(stream: TextIO, warn: Callable[[str], None] | None = None) -> Iterator[None]:
    """What is written in the block may get lost: for work that must not end because nobody looks at it any more.

    `warn` is told why, unless the reader just left: a pipe that was closed.
    """
    try:
        yield
    except OSError as error:  # a closed pipe, a terminal that has gone, a full disk below a redirection
        drop(stream)
        if warn is not None and error.errno != errno.EPIPE:
            warn(f"standard output is lost from here on: {str(error.strerror).lower()}")
