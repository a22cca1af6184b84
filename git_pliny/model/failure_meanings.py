"""What a failure can mean, and the form in which expressions are kept that say so."""

from enum import StrEnum
from typing import NamedTuple

from git_pliny.model.settings import Category


class Meaning(NamedTuple):
    """What was understood, in words for the audit entry, and what follows from it."""

    category: Category
    recoverable: bool
    label: str


class Weight(StrEnum):
    """How much an expression says by itself."""

    SURE = "sure"
    """Only a failing program prints it: `ECONNREFUSED`, `no space left on device`."""
    PLAIN = "plain"
    """Ordinary prose has it too: `connection refused`. It counts only where an error states its cause."""


class Words(NamedTuple):
    """One expression. `gate` lists whole words of which the line must have one, so that few patterns are tried."""

    meaning: Meaning
    weight: Weight
    gate: frozenset[str]
    pattern: str


QUOTA = Meaning(Category.AI, False, "quota used up")
PROMPT = Meaning(Category.AI, False, "prompt too long")
MODEL = Meaning(Category.AI, False, "unknown model")
POLICY = Meaning(Category.AI, False, "refused by the provider's policy")
REQUEST = Meaning(Category.AI, False, "request refused by the provider")
RATE = Meaning(Category.AI, True, "rate limit")
OVERLOADED = Meaning(Category.AI, True, "model overloaded")
MODEL_ERROR = Meaning(Category.AI, True, "transient model error")
AUTH = Meaning(Category.CONFIG, False, "not authorized")
CERTIFICATE = Meaning(Category.CONFIG, False, "certificate not trusted")
SETTING = Meaning(Category.CONFIG, False, "missing or wrong setting")
PROGRAM = Meaning(Category.CONFIG, False, "program not found or not executable")
DISK = Meaning(Category.SYSTEM, False, "disk full")
MEMORY = Meaning(Category.SYSTEM, False, "out of memory")
PERMISSION = Meaning(Category.SYSTEM, False, "permission denied")
LIMITS = Meaning(Category.SYSTEM, False, "limit of the system reached")
LOCK = Meaning(Category.TOOL, True, "held by another process")
TEMPORARY = Meaning(Category.TOOL, True, "temporary failure")
TIMEOUT = Meaning(Category.TOOL, True, "timed out")
NETWORK = Meaning(Category.NETWORK, True, "connection failed")
NAME = Meaning(Category.NETWORK, True, "name not resolved")
NETWORK_TIMEOUT = Meaning(Category.NETWORK, True, "network timeout")
SERVER = Meaning(Category.NETWORK, True, "server error")
DATA = Meaning(Category.VALIDATION, False, "malformed data")
DEPENDENCY = Meaning(Category.VALIDATION, False, "dependency not met")


def sure(meaning: Meaning, gate: str, pattern: str) -> Words:
    return Words(meaning, Weight.SURE, frozenset(gate.split()), pattern)


def plain(meaning: Meaning, gate: str, pattern: str) -> Words:
    return Words(meaning, Weight.PLAIN, frozenset(gate.split()), pattern)
