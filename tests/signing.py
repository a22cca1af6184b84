"""Keys to sign with, made for one test and thrown away."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from scratch import Scratch

needs_ssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")
needs_gpg = pytest.mark.skipif(shutil.which("gpg") is None, reason="needs gpg")


def ssh_key(folder: Path, *, passphrase: str = "") -> Path:
    """The public key of a new pair."""
    folder.mkdir(mode=0o700)
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "", "-f", str(folder / "id")]
    subprocess.run(command, check=True)
    return folder / "id.pub"


def signs_by_ssh(scratch: Scratch, key: Path) -> None:
    """Have git sign tags with this key."""
    for setting, value in (("tag.gpgSign", "true"), ("gpg.format", "ssh"), ("user.signingKey", str(key))):
        scratch.git("config", setting, value)


def allow(scratch: Scratch, key: Path, who: str = "ada@example.com") -> None:
    """Have git take signatures by this key, and no other, for good."""
    file = scratch.write(".git/allowed", f"{who} {key.read_text()}")
    scratch.git("config", "gpg.ssh.allowedSignersFile", str(file))


@contextmanager
def gpg_home(passphrase: str = "") -> Iterator[str]:
    """A home of GnuPG with one key, of Ada; its path is short, since that of a socket may have 108 bytes only."""
    home = tempfile.mkdtemp(prefix="gpg-", dir="/tmp")
    command = [
        "gpg",
        "--homedir",
        home,
        "--batch",
        "--quiet",
        "--pinentry-mode",
        "loopback",
        "--passphrase",
        passphrase,
    ]
    ada = "Ada Tester <ada@example.com>"
    try:
        subprocess.run([*command, "--quick-gen-key", ada, "ed25519", "sign", "never"], check=True, capture_output=True)
        yield home
    finally:
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False, capture_output=True)
        shutil.rmtree(home, ignore_errors=True)
