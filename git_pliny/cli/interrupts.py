"""Signals to interrupts: the first asks the agents to end, the second ends them at once."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from types import FrameType

from git_pliny.cli import messages
from git_pliny.executor.workers import Interrupt, Workers

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ECHO_S = 0.3
"""A terminal's `^C` reaches us and `git`, our parent, which hands it on: what comes that soon again is the same one."""


@contextlib.contextmanager
def interrupting(workers: Workers) -> Iterator[None]:
    """While the block runs, `^C`, TERM and HUP reach the coordinator; a third one is Python's own again.

    So it is after the block where one came: what is left to do then is to say so, and another one must not prevent it.
    """
    seen, last = 0, -_ECHO_S

    def handle(number: int, _: FrameType | None) -> None:
        nonlocal seen, last
        before, last = last, time.monotonic()
        if last - before < _ECHO_S:
            return
        seen += 1
        if workers.is_closed:  # all has run, and is being told
            signal.signal(signal.SIGINT, signal.default_int_handler)
            return
        workers.interrupt(Interrupt.POLITE if seen == 1 else Interrupt.AT_ONCE)
        if seen == 1 and number == signal.SIGINT:
            tell("interrupted: the agents are asked to end; once more to end them at once")
        elif seen > 1:
            tell("the agents are ended at once")
            signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # inherited where our parent ignored it: exit statuses would be lost
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    with _telling() as tell:
        for number in _SIGNALS:
            if handlers[number] is not signal.SIG_IGN:
                signal.signal(number, handle)
        try:
            yield
        finally:
            for number, previous in handlers.items() if not seen else ():
                signal.signal(number, previous)


@contextlib.contextmanager
def _telling() -> Iterator[Callable[[str], None]]:
    """Notes from a signal's handler, by another thread: what was interrupted may be amid a write to the same stream.

    They come when the next signal counts again, so that "once more" is true.
    """
    texts: SimpleQueue[str | None] = SimpleQueue()
    thread = threading.Thread(target=_tell, args=(texts,), name="interrupts", daemon=True)
    thread.start()
    try:
        yield texts.put
    finally:
        texts.put(None)
        thread.join()


def _tell(texts: SimpleQueue[str | None]) -> None:
    while (text := texts.get()) is not None:
        time.sleep(_ECHO_S)
        messages.note(text)
