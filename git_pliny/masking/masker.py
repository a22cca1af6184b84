"""Finding and replacing secrets in text, bytes and streams.

What is masked at a place depends on nothing but the bytes around it, so that a stream in pieces gives the same as the
whole. Not guaranteed: a secret that is split, compressed or encrypted, or re-encoded otherwise than `variables` says.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from git_pliny.masking.rules import CONTEXTS, LONGEST, TOKENS, Check, Rule
from git_pliny.masking.variables import secrets
from git_pliny.model.settings import MaskingSettings

_BLOCK = 1 << 18
"""How much of a stream is read and replaced at a time, in bytes."""
_LARGE = 1 << 22
"""From this size on, bytes are masked piece by piece, which needs less memory."""
_BEFORE = 600
"""How far before a secret its context can begin, in bytes."""
_PRIVATE_KEY = 20_000
"""How long a private key between its BEGIN and END can be, in bytes; a 16384-bit RSA key has 12,700."""


class Span(NamedTuple):
    """A secret in `data[start:end]`. Of several that start together, the lowest rank names the mask."""

    start: int
    rank: int
    end: int
    kind: str


class Masker:
    """Replaces secrets by `[masked:<kind>]`, kind being a variable's or a rule's name. It keeps no state: share it.

    One secret has one mask, unless another secret overlaps it; masking twice changes nothing more.
    """

    __slots__ = ("_patterns", "_values", "reach")

    def __init__(
        self,
        environ: Mapping[str, str],
        settings: MaskingSettings | None = None,
        *,
        given: Iterable[Mapping[str, str]] = (),
    ) -> None:
        """`given` are the variables that a plan adds for its agents. `re.error` for a pattern that does not compile."""
        settings = settings or MaskingSettings()
        self._values = secrets(environ, settings)
        for variables in given:
            self._values = secrets(variables, settings) | self._values
        self._patterns = [re.compile(pattern.encode()) for pattern in settings.patterns]
        self.reach = max([LONGEST, *map(len, self._values)]) + 100
        """How far, in bytes, what is masked at a place can depend on what stands around it."""

    def mask_bytes(self, data: bytes) -> bytes:
        """`data` itself where there is nothing to mask in it (and it has no more than 4 MiB)."""
        if len(data) > _LARGE:
            return b"".join(self.mask_chunks(data[at : at + _BLOCK] for at in range(0, len(data), _BLOCK)))
        spans = self._spans(data)
        return _Replacing(Counter()).replaced(data, spans, 0, len(data)) if spans else data

    def mask_slice(self, data: bytes, start: int, stop: int) -> bytes:
        """`data[start:stop]` masked as it would be in the whole: for a head or a tail, given `reach` bytes more.

        To mask such a piece and then cut it would not do: masks are shorter than secrets, so what lay beyond the cut,
        with a part of a secret at its end, moves up.
        """
        spans = [span._replace(start=max(span.start, start)) for span in self._spans(data) if span.end > start]
        return _Replacing(Counter()).replaced(data, spans, start, stop)

    def mask_text(self, text: str) -> str:
        data = text.encode("utf-8", "surrogatepass")
        masked = self.mask_bytes(data)
        if masked is data:
            return text
        try:
            return masked.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:  # a pattern of the user's took a part of a character
            return masked.decode("utf-8", "replace")

    def mask_value(self, value: object) -> object:
        """The same value as JSON has it, with every text in it masked, keys too."""
        return _mask_value(value, cache(self.mask_text))

    def kinds(self, data: bytes) -> Counter[str]:
        """How often which kind would be masked in `data`."""
        found: Counter[str] = Counter()
        for _ in self.mask_chunks([data], found):
            pass
        return found

    def mask_file(self, source: Path, target: Path) -> Counter[str]:
        """Write a masked copy in bounded memory; says what was masked how often. `target` must be another file."""
        found: Counter[str] = Counter()
        with source.open("rb") as reader, target.open("wb") as writer:
            writer.writelines(self.mask_chunks(iter(lambda: reader.read(_BLOCK), b""), found))
        return found

    def mask_chunks(self, chunks: Iterable[bytes], found: Counter[str] | None = None) -> Iterator[bytes]:
        """The masked pieces of a stream, in bounded memory; a secret across pieces is found. Counts into `found`.

        A match of a pattern from the settings that is longer than 30,000 bytes may be missed.
        """
        replacing = _Replacing(Counter() if found is None else found)
        data, begin = b"", 0
        for block in _blocks(chunks, _BLOCK + self.reach):
            data += block
            cut = len(data) - self.reach
            if cut > begin:
                yield replacing.replaced(data, self._spans(data), begin, cut)
                begin = min(cut, _BEFORE)
                data = data[cut - begin :]
                replacing.covered -= cut - begin
        yield replacing.replaced(data, self._spans(data), begin, len(data))

    def _spans(self, data: bytes) -> list[Span]:
        spans = [
            Span(start, 0, start + len(form), self._values[form])
            for form in filter(data.__contains__, self._values)
            for start in _occurrences(data, form)
        ]
        spans += _private_keys(data)
        spans += _tokens(data)
        spans += _contexts(data)
        for pattern in self._patterns:
            group = "secret" if "secret" in pattern.groupindex else 0
            found = (match.span(group) for match in pattern.finditer(data))
            spans += [Span(start, len(_RANKS) + 2, end, "pattern") for start, end in found if start < end]
        return spans


def _mask_value(value: object, mask_text: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, Mapping):
        return {_mask_value(key, mask_text): _mask_value(each, mask_text) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_mask_value(each, mask_text) for each in value]
    return value


class _Replacing:
    """Puts masks in place of spans. What lies before `covered` belongs to a mask that was written already."""

    __slots__ = ("covered", "found")

    def __init__(self, found: Counter[str]) -> None:
        self.covered = 0
        self.found = found

    def replaced(self, data: bytes, spans: list[Span], begin: int, cut: int) -> bytes:
        """`data[begin:cut]` with a mask where spans begin in it; those that overlap get one mask."""
        parts = []
        for start, _, end, kind in sorted(spans):
            if begin <= start < cut:
                if start >= self.covered:
                    parts += [data[max(begin, self.covered) : start], b"[masked:%b]" % kind.encode()]
                    self.found[kind] += 1
                self.covered = max(self.covered, end)
        parts.append(data[max(begin, self.covered) : cut])
        return b"".join(parts)


def _blocks(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in blocks of more than `size`, so that small pieces cost no copying; what is left over at last."""
    parts: list[bytes] = []
    total = 0
    for chunk in chunks:
        parts.append(chunk)
        total += len(chunk)
        if total > size:
            yield b"".join(parts)
            parts, total = [], 0
    yield b"".join(parts)


def _occurrences(data: bytes, form: bytes) -> Iterator[int]:
    """Every place where `form` begins, overlapping ones too."""
    at = data.find(form)
    while at >= 0:
        yield at
        at = data.find(form, at + 1)


_BEGIN = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_END = re.compile(rb"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_BODY = re.compile(rb"[A-Za-z0-9+/=]{32}")
_CUT_OFF = re.compile(rb"""(?:(?:\\[nr]|[\\\s>|+#*"',:]){1,20}[A-Za-z0-9+/=]{16,80}){1,200}""")


def _private_keys(data: bytes) -> Iterator[Span]:
    """PEM and OpenPGP blocks, also inside of JSON or a log; where the END is missing, the base64 lines that follow."""
    for begin in _BEGIN.finditer(data):
        stop = data.find(b"-----", begin.end(), begin.end() + _PRIVATE_KEY)
        last = _END.match(data, stop) if stop >= 0 else None
        if not (last and _BODY.search(data, begin.end(), stop)):
            last = _CUT_OFF.match(data, begin.end())
        if last:
            yield Span(begin.start(), 1, last.end(), "private-key")


_RUN = b"w" * 20
_SHAPE = bytes(
    b"w"[0] if chr(byte).isascii() and (chr(byte).isalnum() or chr(byte) in "_-") else 32 for byte in range(256)
)
_LEAD_TO_CORE = 40


def _tokens(data: bytes) -> Iterator[Span]:
    """Matches of `TOKENS`. Most text is done with after a look for 20 token characters in a row, at memory speed."""
    shape = data.translate(_SHAPE)
    done = 0
    run = shape.find(_RUN)
    while run >= 0:
        leads, by_lead = _leads()
        end = shape.find(b" ", run + len(_RUN))
        end = len(data) if end < 0 else end
        at = max(done, run - _LEAD_TO_CORE)
        while lead := leads.search(data, at, end):
            yield from _matches(data, lead.start(), by_lead[lead[0]])
            at = lead.start() + 1
        done = end
        run = shape.find(_RUN, end)


def _contexts(data: bytes) -> Iterator[Span]:
    lower = data.lower()
    for lead in filter(lower.__contains__, _CONTEXT_LEADS):
        for at in _occurrences(lower, lead):
            yield from _matches(data, at, _CONTEXT_LEADS[lead])


_CONTEXT_LEADS = {
    lead.encode(): [rule for rule in CONTEXTS if lead in rule.leads]
    for lead in sorted({lead for rule in CONTEXTS for lead in rule.leads})
}


def _matches(data: bytes, at: int, rules: Iterable[Rule]) -> Iterator[Span]:
    for rule in rules:
        pattern, check = _compiled(rule)
        match = pattern.match(data, at - rule.back) if at >= rule.back else None
        if match:
            group = "secret" if pattern.groups else 0
            if check is None or check(match[group]):
                yield Span(match.start(group), _RANKS[rule], match.end(group), rule.name)


_RANKS = {rule: rank for rank, rule in enumerate(TOKENS + CONTEXTS, 2)}


@cache
def _compiled(rule: Rule) -> tuple[re.Pattern[bytes], Check | None]:
    """Compiled when its lead is first met: most are never needed."""
    return re.compile(rule.pattern.encode()), rule.check


@cache
def _leads() -> tuple[re.Pattern[bytes], dict[bytes, list[Rule]]]:
    """An expression that finds the leads of `TOKENS`, grouped by first letter for speed, and the rules of each.

    Of leads that begin alike only the shortest is searched, and stands for all.
    """
    every = sorted({lead for rule in TOKENS for lead in rule.leads})
    short = [lead for lead in every if not any(lead != other and lead.startswith(other) for other in every)]
    by_lead = {
        lead.encode(): [rule for rule in TOKENS if any(own.startswith(lead) for own in rule.leads)] for lead in short
    }
    letters = [
        re.escape(letter) + "(?:" + "|".join(re.escape(lead[1:]) for lead in group) + ")"
        for letter, group in groupby(short, key=lambda lead: lead[0])
    ]
    return re.compile("|".join(letters).encode()), by_lead
