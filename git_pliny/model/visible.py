"""Text of others made safe to print: what would steer a terminal, or hide from a reader, is shown as an escape.

It covers the C0 and C1 controls, DEL, the bidirectional controls ("Trojan Source", CVE-2021-42574), the Unicode line
separators, and lone surrogates, which no UTF-8 stream can print. It is for reading, not for parsing: a backslash that
stood in the text already is left as it is.
"""

import re

_SURROGATE_ESCAPED_BYTES = range(0xDC80, 0xDD00)
_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}
_STEERING = "\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_ANY = f"[\x00-\x1f{_STEERING}]"
_ANY_BUT_LAYOUT = f"\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f{_STEERING}]"  # compiled when needed: most text is plain


def visible(text: str, *, multiline: bool = False) -> str:
    r"""`text` with steering characters as `\x1b`, `\u202e`, `\n`…; `multiline` keeps tabs and line ends as they are."""
    if text.isprintable():
        return text
    return re.sub(_ANY_BUT_LAYOUT if multiline else _ANY, _escape, text)


def visible_json(text: str) -> str:
    r"""JSON `text` with steering characters as `\u202e`: means the same, and steers nothing."""
    return text if text.isprintable() else re.sub(_ANY_BUT_LAYOUT, lambda match: f"\\u{ord(match[0]):04x}", text)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    if code in _SURROGATE_ESCAPED_BYTES:  # a byte that was no UTF-8 (PEP 383)
        code -= 0xDC00
    return _SHORT.get(character) or (f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}")  # noqa: PLR2004 - one byte
