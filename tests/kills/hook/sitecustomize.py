"""Has strace look at a worker thread of a coordinator: Python imports this at start, where the harness says so.

Without it no call of one thread could be told from the same call of another.
"""

import ctypes
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

_PR_SET_PTRACER = 0x59616D61


def _strace() -> list[str] | None:
    name = threading.current_thread().name
    if traces := os.environ.get("KILLS_TRACES"):
        return ["-o", f"{traces}/{name}", "-e", f"trace={os.environ['KILLS_CALLS']}"]
    if os.environ.get("KILLS_TARGET") == name:
        return ["-o", os.environ["KILLS_KILLED"], "-e", os.environ["KILLS_INJECT"]]
    return None


def _attach() -> None:
    arguments = _strace()
    if arguments is None:
        return
    thread = threading.get_native_id()
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, -1, 0, 0, 0)  # where only a parent may trace (Yama)
    subprocess.Popen(["strace", "-q", *arguments, "-p", str(thread)], start_new_session=True)
    status = Path(f"/proc/self/task/{thread}/status")
    deadline = time.monotonic() + 20
    while "\nTracerPid:\t0\n" in status.read_text() and time.monotonic() < deadline:
        time.sleep(0.001)


def _hook() -> None:
    plainly = threading.Thread.run

    def run(self: threading.Thread) -> None:
        if self.name.startswith("worker-"):
            _attach()
        plainly(self)

    threading.Thread.run = run  # type: ignore[method-assign] # the thread itself has to do this, before anything else


if "KILLS_COUNTS" in os.environ and "PLINY_AGENT" not in os.environ and "execute" in sys.orig_argv:
    _hook()
