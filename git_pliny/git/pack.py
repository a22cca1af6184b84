"""A pack stream, as `git unpack-objects` and `git index-pack` read it, and the names of objects; gitformat-pack(5)."""

import hashlib
import zlib
from collections.abc import Collection
from typing import NamedTuple

_VERSION = 2
_LEVEL = 1  # as git itself for what it writes one by one; a later `git gc` packs it tighter
_NUMBERS = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}


class NewObject(NamedTuple):
    """An object that is to be written: its type (`blob`, `tree`, `commit`, `tag`) and content."""

    kind: str
    data: bytes


def object_id(new: NewObject, algorithm: str) -> str:
    """Its name in hexadecimal; `algorithm` is the repository's object format."""
    return _hash(algorithm, b"%b %d\0%b" % (new.kind.encode(), len(new.data), new.data)).hex()


def pack(objects: Collection[NewObject], algorithm: str) -> bytes:
    """All of them as one stream, each whole: none is the difference to another."""
    parts = [b"PACK", _VERSION.to_bytes(4, "big"), len(objects).to_bytes(4, "big")]
    for new in objects:
        parts += [_head(_NUMBERS[new.kind], len(new.data)), zlib.compress(new.data, _LEVEL)]
    stream = b"".join(parts)
    return stream + _hash(algorithm, stream)


def _head(number: int, size: int) -> bytes:
    """Type and size: four bits of the size in the first byte, then seven in each, the lowest first."""
    head = bytearray([number << 4 | size & 0b1111])
    rest = size >> 4
    while rest:
        head[-1] |= 0b1000_0000
        head.append(rest & 0b0111_1111)
        rest >>= 7
    return bytes(head)


def _hash(algorithm: str, data: bytes) -> bytes:
    return hashlib.new(algorithm, data, usedforsecurity=False).digest()
