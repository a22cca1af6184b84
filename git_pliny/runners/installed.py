"""Which of some programs are installed here, and their versions, as they tell them themselves."""

import os
import re
import shutil
import subprocess
from collections.abc import Container, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from git_pliny.model.preset import Preset

_PATIENCE_S = 20
_LONGEST = 4096
_VERSION = re.compile(r"\bv?(\d+(?:\.\d+)+(?:[-+.]?\w+)*)")


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """Where a preset's program is; both None where it is not installed, `version` where it tells none."""

    path: str | None = None
    version: str | None = None


def installed(
    presets: Iterable[Preset], environ: Mapping[str, str], root: Path, *, unasked: Container[str]
) -> list[Installed]:
    """For each preset, in their order. The programs are asked side by side, each for twenty seconds at most.

    A program with a slash in its name is one below `root`, where agents are started. Nothing of the presets that
    `unasked` names is run.
    """

    def look(preset: Preset) -> Installed:
        path = _path(preset, environ, root)
        if path is None or preset.name in unasked:
            return Installed(path=path)
        return Installed(path=path, version=_version([path, *preset.version], environ))

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(look, presets))


def found(presets: Iterable[Preset], environ: Mapping[str, str], root: Path) -> list[Preset]:
    """Those whose programs are installed; none of them is run."""
    return [preset for preset in presets if _path(preset, environ, root) is not None]


def _path(preset: Preset, environ: Mapping[str, str], root: Path) -> str | None:
    name = os.fspath(root / preset.program) if os.sep in preset.program else preset.program
    return shutil.which(name, path=environ.get("PATH", ""))


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
