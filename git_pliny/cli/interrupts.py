"""Signals to interrupts: the first asks the agents to end, the second ends them at once."""

import contextlib
import signal
import sys
from collections.abc import Iterator
from types import FrameType

from git_pliny.cli import messages
from git_pliny.cli.streams import unless_lost
from git_pliny.executor.workers import Interrupt, Workers

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def interrupting(workers: Workers) -> Iterator[None]:
    """While the block runs, `^C`, TERM and HUP reach the coordinator; a third one is Python's own again."""
    seen = 0

    def handle(number: int, _: FrameType | None) -> None:
        nonlocal seen
        seen += 1
        workers.interrupt(Interrupt.POLITE if seen == 1 else Interrupt.AT_ONCE)
        if seen == 1 and number == signal.SIGINT:
            _tell("interrupted: the agents are asked to end; once more to end them at once")
        elif seen > 1:
            _tell("the agents are ended at once")
            signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # inherited where our parent ignored it: exit statuses would be lost
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, handle)
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def _tell(text: str) -> None:
    """A line, unless the signal came amid a write to the same stream: Python refuses to begin another one then."""
    with unless_lost(sys.stderr), contextlib.suppress(RuntimeError):
        messages.note(text)
