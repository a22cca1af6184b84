"""Which of some programs are installed here, and their versions, as they tell them themselves."""

import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import msgspec

from git_pliny.model.preset import Preset

_PATIENCE_S = 20
_LONGEST = 4096
_VERSION = re.compile(r"\bv?(\d+(?:\.\d+)+(?:[-+.]?\w+)*)")


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """Where a preset's program is; both None where it is not installed, `version` where it tells none."""

    path: str | None = None
    version: str | None = None


def installed(presets: Iterable[Preset], environ: Mapping[str, str]) -> list[Installed]:
    """For each preset, in their order. The programs are asked side by side, each for twenty seconds at most."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(partial(_look, environ), presets))


def found(presets: Iterable[Preset], environ: Mapping[str, str]) -> list[Preset]:
    """Those whose programs are installed; none of them is run."""
    path = environ.get("PATH", "")
    return [preset for preset in presets if shutil.which(preset.program, path=path) is not None]


def _look(environ: Mapping[str, str], preset: Preset) -> Installed:
    path = shutil.which(preset.program, path=environ.get("PATH", ""))
    return Installed() if path is None else Installed(path=path, version=_version([path, *preset.version], environ))


def _version(command: list[str], environ: Mapping[str, str]) -> str | None:
    try:
        done = subprocess.run(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.search(done.stdout[:_LONGEST].decode("utf-8", "replace"))
    return found[1] if found else None
