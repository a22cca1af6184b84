"""Signs tags with the program that `git tag -s` would use; `signatures` checks them.

`git tag -s` writes only below `refs/tags`, so the program is run here, by git's own settings (`gpg.format`,
`user.signingKey`, `gpg.program`, …) and in git's own way (`gpg-interface.c`). Nobody is ever asked for a passphrase:
agents run for hours with nobody there. A key that is not unlocked is a failure, at once.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from git_pliny.errors import ConfigError, GitError
from git_pliny.git.repository import Repository
from git_pliny.git.user import User
from git_pliny.model.settings import SignWhen

_PATIENCE_S = 30
"""For a touch of a hardware key."""
_PROGRAMS = {"openpgp": "gpg", "x509": "gpgsm", "ssh": "ssh-keygen"}
_SILENT = {"SSH_ASKPASS": "false", "SSH_ASKPASS_REQUIRE": "force"}
_TRUE = ("true", "yes", "on", "1")


class Signer:
    """Signs for one command. `tell` gets a warning, once, where signing is wished for and fails."""

    def __init__(self, repository: Repository, when: SignWhen, tell: Callable[[str], None]) -> None:
        self._repository = repository
        self._when = when
        self._tell = tell

    def sign(self, payload: bytes, user: User) -> bytes:
        """What to append to the text of a tag: a signature, or nothing. GitError where one is demanded and fails."""
        wished = self._when is SignWhen.ALWAYS or user.settings.get("tag.gpgsign", "false").lower() in _TRUE
        if self._when is SignWhen.NEVER or not wished:
            return b""
        try:
            return _signature(self._repository, user, payload)
        except (ConfigError, GitError) as error:
            if self._when is SignWhen.ALWAYS:
                raise
            self._when = SignWhen.NEVER
            self._tell(f"{error.message}; checkpoints are not signed ({error.hint})")
            return b""


def _signature(repository: Repository, user: User, payload: bytes) -> bytes:
    settings = user.settings
    form = settings.get("gpg.format", "openpgp")
    if form not in _PROGRAMS:
        raise ConfigError(
            f"git's setting gpg.format is '{form}'", hint="git config gpg.format openpgp   (or ssh, x509)"
        )
    program = settings.get(f"gpg.{form}.program") or (settings.get("gpg.program") if form == "openpgp" else None)
    program = os.path.expanduser(program or _PROGRAMS[form])  # noqa: PTH111 - a name of a program is no path
    if form == "ssh":
        return _by_ssh(repository, settings, program, payload)
    silent = ("--batch", "--pinentry-mode", "error") if form == "openpgp" else ()
    command = [
        program,
        *silent,
        "--status-fd=2",
        "-bsau",
        settings.get("user.signingkey") or user.ident.rsplit(" ", 2)[0],
    ]
    done = _run(repository, command, stdin=payload)
    if b"[GNUPG:] SIG_CREATED " not in done.stderr or done.returncode:
        raise _failed(program, done.stderr, "unlock the key: echo | gpg --clearsign")
    return done.stdout.replace(b"\r\n", b"\n")


def _by_ssh(repository: Repository, settings: Mapping[str, str], program: str, payload: bytes) -> bytes:
    with tempfile.TemporaryDirectory(prefix="pliny-sign-") as name:
        folder = Path(name)
        (folder / "tag").write_bytes(payload)
        key = _ssh_key(repository, settings)
        literal = key.removeprefix("key::") if key.startswith(("key::", "ssh-")) else None
        if literal is not None:
            (folder / "key").write_text(literal + "\n", "utf-8")
            (folder / "key").chmod(0o600)
        which = ["-f", str(folder / "key"), "-U"] if literal is not None else ["-f", key]
        done = _run(repository, [program, "-Y", "sign", "-n", "git", *which, str(folder / "tag")], stdin=b"")
        made = folder / "tag.sig"
        if done.returncode or not made.is_file():
            raise _failed(program, done.stderr, "unlock the key: ssh-add")
        return made.read_bytes().replace(b"\r\n", b"\n")


def _ssh_key(repository: Repository, settings: Mapping[str, str]) -> str:
    """A path, or a public key itself, whose private one an agent has."""
    key = settings.get("user.signingkey", "")
    if key and not key.startswith(("key::", "ssh-")):
        path = repository.git("config", "--type=path", "--get", "user.signingKey").removesuffix(b"\n")
        return str(repository.root / os.fsdecode(path))
    if not key and (command := settings.get("gpg.ssh.defaultkeycommand")):
        said = _run(repository, shlex.split(command), stdin=b"").stdout.decode("utf-8", "replace")
        key = next((line for line in said.splitlines() if line.startswith(("key::", "ssh-"))), "")
    if not key:
        raise ConfigError("no key to sign with is configured", hint="git config user.signingKey ~/.ssh/id_ed25519.pub")
    return key


def _run(repository: Repository, command: Sequence[str], *, stdin: bytes) -> "subprocess.CompletedProcess[bytes]":
    """In a session of its own, so that nothing can ask at the terminal, and all of it can be ended."""
    try:
        process = subprocess.Popen(
            command,
            cwd=repository.root,
            env={**repository.environ, **_SILENT, "LC_ALL": "C"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise ConfigError(
            f"the program '{command[0]}', which signs, can't be run: {error.strerror}", hint="git config gpg.program"
        ) from error
    with process:
        try:
            stdout, stderr = process.communicate(stdin, timeout=_PATIENCE_S)
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            raise GitError(f"{command[0]} did not sign within {_PATIENCE_S} s", hint="git tag -s try") from error
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


def _failed(program: str, stderr: bytes, hint: str) -> GitError:
    lines = [line for line in stderr.decode("utf-8", "replace").splitlines() if line and "[GNUPG:]" not in line]
    return GitError(f"{program} did not sign: {'; '.join(lines[:2]) or 'it said nothing'}", hint=hint)
