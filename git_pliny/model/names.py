"""Names of agents and checkpoints as parts of refs and paths (DESIGN section 2).

Source of what a ref component may not be: git-check-ref-format(1).
"""

import re
from hashlib import sha256

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_ALL_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
_LIMIT = 150
_KEPT = 120
_DIGEST = 12


def encode(name: str) -> str:
    """`name` as one component of a ref or path: never empty, never special to git or a shell, at most 150 bytes."""
    if len(name) <= _LIMIT and _ALL_PLAIN.fullmatch(name):
        return name
    raw = name.encode("utf-8", "surrogateescape")
    escaped = _escape_dots("".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in raw))
    if len(escaped) <= _LIMIT:
        return escaped
    return f"{escaped[:_KEPT]}-{sha256(raw).hexdigest()[:_DIGEST]}"


def _escape_dots(text: str) -> str:
    text = re.sub(r"\.{2,}", lambda dots: "." + "%2E" * (len(dots[0]) - 1), text)
    if text[:1] in (".", "-"):
        text = f"%{ord(text[0]):02X}{text[1:]}"
    for ending in (".lock", "."):
        if text.endswith(ending):
            text = f"{text[: -len(ending)]}%2E{ending[1:]}"
    return text
