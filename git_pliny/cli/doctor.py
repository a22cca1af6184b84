"""`git pliny doctor`: whether what we need is there, and what we keep is whole."""

import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from typing import Annotated

from git_pliny import __version__
from git_pliny.cli import messages, output, render
from git_pliny.cli.declare import option
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.options import Json
from git_pliny.cli.workbench import Workbench, open_workbench_anyway
from git_pliny.errors import GitError, PlinyError
from git_pliny.git.locks import break_stale_locks
from git_pliny.git.process import run_git, without_local_variables
from git_pliny.store.doctor import Doctor, Finding, Level
from git_pliny.store.secrets import look_through_stored

Fix = Annotated[bool, option("--fix", help="Mend what is safe to mend.")]
Secrets = Annotated[bool, option("--secrets", help="Look through all that is stored for secrets.")]

_OLDEST_GIT = (2, 34)
_INSTALL = "./install.sh, in a checkout of git-pliny"
_TIMEOUT_S = 20.0


def doctor_command(
    here: Invocation, *, fix: Fix = False, secrets: Secrets = False, as_json: Json = False
) -> int | None:
    """Check the installation and this repository, and mend what is safe to mend.

    Looks at git, Python, the installed program and its man page; and in a repository at every session: audit trail,
    refs, journals, locks, processes and files that were left behind. Exit status 1 where a problem remains. With
    --secrets, all that our refs hold and your branches do not is looked through for keys, tokens and files of secrets.
    """
    found = list(_installation(here))
    mended: list[Finding] = []
    try:
        bench = open_workbench_anyway(here)
    except GitError as error:
        found.append(Finding(Level.REMARK, f"{error.message}, so only the installation was checked"))
    else:
        doctor = Doctor(bench.repository, clock=bench.clock, bounds=bench.bounds)
        ailments = list(doctor.examine())
        if fix:
            mended, ailments = _mend(bench, ailments, doctor)
        found += ailments
        found += _secrets(bench) if secrets else []
    problems = sum(finding.level is Level.PROBLEM for finding in found)
    if as_json:
        output.data_json({"ok": not problems, "findings": [*_plain(found), *_plain(mended, mended=True)]})
        return int(problems > 0)
    _show(found, mended)
    if problems:
        raise PlinyError(f"{render.plural(problems, 'problem')} found", hint=_next(found))
    return None


def _secrets(bench: Workbench) -> list[Finding]:
    hint = "git pliny session delete ID, or git pliny checkpoint delete NAME; then change the secret"
    places = look_through_stored(bench.repository, bench.masker)
    found = [Finding(Level.PROBLEM, f"{place} looks like a secret: {why}", hint) for place, why in places]
    return found or [Finding(Level.OK, "no secret is found in what is stored")]


def _mend(bench: Workbench, ailments: list[Finding], doctor: Doctor) -> tuple[list[Finding], list[Finding]]:
    """What was mended, and what is found afterwards."""
    for path in break_stale_locks(bench.repository):
        messages.note(f"removed the lock {path}")
    mends = {(mend.func, mend.args): (mend, message) for _, message, _, mend in ailments if mend}
    for mend, message in mends.values():
        try:
            mend()
        except (PlinyError, OSError) as error:
            messages.warning(f"not mended: {message}: {error}")
    tried = {ailment.message for ailment in ailments if ailment.mend}
    after = [_beyond(finding) if finding.message in tried else finding for finding in doctor.examine()]
    remaining = {finding.message for finding in after}
    return [ailment for ailment in ailments if ailment.mend and ailment.message not in remaining], after


def _beyond(finding: Finding) -> Finding:
    """Of what was tried in vain it is not said again that it should be tried."""
    return finding._replace(hint=None, mend=None)


def _installation(here: Invocation) -> Iterator[Finding]:
    yield _git(here)
    yield Finding(Level.OK, f"Python {platform.python_version()}")
    yield _program(here)
    yield _man_page(here)


def _git(here: Invocation) -> Finding:
    said = run_git(("version",), cwd=here.cwd, environ=here.environ).stdout.decode("utf-8", "replace").strip()
    numbers = re.search(r"(\d+)\.(\d+)", said)
    if numbers and (int(numbers[1]), int(numbers[2])) >= _OLDEST_GIT:
        return Finding(Level.OK, said)
    return Finding(Level.PROBLEM, f"{said} is too old", f"install git {'.'.join(map(str, _OLDEST_GIT))} or newer")


def _program(here: Invocation) -> Finding:
    path = shutil.which("git-pliny", path=here.environ.get("PATH", ""))
    if path is None:
        return Finding(Level.PROBLEM, "git-pliny is not on the PATH, so git does not know `git pliny`", _INSTALL)
    said = _run(here, path, "--version")
    if said.strip() != f"git-pliny {__version__}":
        message = f"{path} is another version than this one, {__version__}: {said.strip() or 'it does not start'}"
        return Finding(Level.PROBLEM, message, _INSTALL)
    return Finding(Level.OK, f"git-pliny {__version__}, {path}")


def _man_page(here: Invocation) -> Finding:
    path = _run(here, "man", "-w", "git-pliny").strip()
    if path:
        return Finding(Level.OK, f"man page {path}")
    return Finding(Level.REMARK, "the man page is not found, so `git pliny --help` shows nothing", "git pliny -h")


def _run(here: Invocation, *command: str) -> str:
    """What a program prints, or nothing where it can't be run or fails."""
    try:
        done = subprocess.run(
            command,
            cwd=here.cwd,
            env=without_local_variables(here.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace")


def _show(found: Iterable[Finding], mended: Iterable[Finding]) -> None:
    for finding in found:
        output.fact(finding.level.value, finding.message)
        if finding.hint and finding.level is not Level.OK:
            output.fact("", f"hint: {finding.hint}")
    for finding in mended:
        output.fact("mended", finding.message)


def _plain(found: Iterable[Finding], *, mended: bool = False) -> Iterator[dict[str, object]]:
    for finding in found:
        yield {"level": finding.level.value, "message": finding.message, "hint": finding.hint, "mended": mended}


def _next(found: Iterable[Finding]) -> str | None:
    """What to type: about the first problem that we can't mend, where there is something; else to have them mended."""
    problems = [finding for finding in found if finding.level is Level.PROBLEM]
    hints = [finding.hint for finding in sorted(problems, key=lambda finding: finding.mend is not None)]
    return next(filter(None, hints), None)
