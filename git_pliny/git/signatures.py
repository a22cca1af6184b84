"""The signatures of tags, checked by git itself; `signing` makes them."""

import os
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from git_pliny.git.repository import Repository

_KINDS = ("PGP SIGNATURE", "PGP MESSAGE", "SIGNED MESSAGE", "SSH SIGNATURE")
_MARKS = tuple(f"\n-----BEGIN {kind}-----\n".encode() for kind in _KINDS)
_NO_SIGNERS = b"gpg.ssh.allowedSignersFile needs to be configured"
_BAD = ("BADSIG", "REVKEYSIG", "Signature verification failed", "Could not verify")


class Verdict(StrEnum):
    """What a signature is worth here."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"


class Checked(NamedTuple):
    """A signature that was looked at; `who`: git's words about it, in a line."""

    verdict: Verdict
    who: str


def is_signed(tag: bytes) -> bool:
    """Whether the text of a tag has a signature."""
    return any(mark in tag for mark in _MARKS)


def check(repository: Repository, oid: str) -> Checked:
    """What git says of a signed tag: by the user's key ring, or the allowed signers that are configured."""
    done = repository.git_process("verify-tag", "--raw", oid, accept=range(256))
    said = done.stderr
    if _NO_SIGNERS in said:  # whose key it is can't be said then, but whether the signature is one can
        nobody = ("-c", f"gpg.ssh.allowedSignersFile={os.devnull}")
        said = repository.git_process(*nobody, "verify-tag", "--raw", oid, accept=range(256)).stderr
    lines = said.decode("utf-8", "replace").replace("[GNUPG:] ", "").splitlines()
    if done.returncode == 0:
        return Checked(Verdict.GOOD, _line(lines, "GOODSIG", "Good "))
    if found := _line(lines, *_BAD):
        return Checked(Verdict.BAD, found)
    return Checked(Verdict.UNKNOWN, _line(lines, "NO_PUBKEY", "EXPKEYSIG", "EXPSIG", "Good ", ""))


def _line(lines: Sequence[str], *beginnings: str) -> str:
    return next((line for begin in beginnings for line in lines if line.startswith(begin)), "")
