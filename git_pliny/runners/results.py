"""What an attempt left behind in words: its result file, and the end of its output. Nothing in them is trusted."""

import os
import re
import stat
from pathlib import Path
from typing import Annotated

import msgspec

from git_pliny.model.session import Tokens
from git_pliny.runners.base import Result, Verdict

RESULT_LIMIT = 1_048_576
TAIL_LIMIT = 16_384

MOST_TOKENS, MOST_USD = 10**15, 1e9

_Count = Annotated[int, msgspec.Meta(ge=0, le=MOST_TOKENS)]
_Cost = Annotated[float, msgspec.Meta(ge=0, le=MOST_USD)]
_Score = Annotated[float, msgspec.Meta(ge=-1e15, le=1e15)]
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_CONTINUATION = bytes(range(0x80, 0xC0))


class _Counts(msgspec.Struct):
    input: _Count = 0
    output: _Count = 0


class _Written(msgspec.Struct):
    """The result file as an agent may write it. More keys may stand in it; they mean nothing to us."""

    cost_usd: _Cost | None = None
    tokens: _Counts | None = None
    verdict: Verdict | None = None
    score: _Score | None = None
    summary: str | None = None


class _Judged(msgspec.Struct):
    """A verdict as it may stand in an answer."""

    verdict: Verdict
    score: _Score | None = None
    summary: str | None = None


_decoder = msgspec.json.Decoder(_Written)
_judged = msgspec.json.Decoder(_Judged)
_BLOCK = re.compile(r"^```(?:json)?[ \t]*\n[ \t]*(\{(?:(?!^```).)*?\})\s*```\Z", re.MULTILINE | re.DOTALL)


def read_result(path: Path | str) -> tuple[Result | None, str | None]:
    """The result, or why what was written can't be used; neither where nothing was written."""
    try:
        raw = _read_regular(path)
    except FileNotFoundError:
        return None, None
    except OSError as error:
        return None, f"the result file cannot be read: {os.strerror(error.errno or 0)}"
    if raw is None:
        return None, "the result file is not a regular file"
    return parse_result(raw)


def parse_result(raw: bytes) -> tuple[Result | None, str | None]:
    """The same for the bytes of the file."""
    if len(raw) > RESULT_LIMIT:
        return None, f"the result file is larger than {RESULT_LIMIT} bytes"
    try:
        written = _decoder.decode(raw.removeprefix(_BYTE_ORDER_MARK))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return None, f"the result file cannot be used: {error}"
    tokens = Tokens(input=written.tokens.input, output=written.tokens.output) if written.tokens else None
    return Result(
        cost_usd=written.cost_usd,
        tokens=tokens,
        verdict=written.verdict,
        score=written.score,
        summary=written.summary,
    ), None


def read_verdict(answer: str) -> tuple[Result | None, str | None]:
    """The verdict at the end of an answer, or why what stands there can't be used; neither where it has none.

    It is a JSON object with `verdict`: the last line, or a fenced block that ends the answer.
    """
    said = _at_end(answer.strip())
    if said is None:
        return None, None
    try:
        judged = _judged.decode(said)
    except (msgspec.MsgspecError, RecursionError) as error:
        return None, f"the verdict at the end of its answer cannot be used: {error}"
    return Result(verdict=judged.verdict, score=judged.score, summary=judged.summary), None


def believable(result: Result) -> Result:
    """The result without the numbers that nothing can have used: no entry holds them, and no sum."""
    tokens, cost_usd = result.tokens, result.cost_usd
    counts = (tokens.input, tokens.output) if tokens else ()
    return msgspec.structs.replace(
        result,
        tokens=tokens if all(0 <= count <= MOST_TOKENS for count in counts) else None,
        cost_usd=cost_usd if cost_usd is not None and 0 <= cost_usd <= MOST_USD else None,
    )


def _at_end(answer: str) -> str | None:
    if block := _BLOCK.search(answer):
        return block[1]
    last = answer.rpartition("\n")[2].strip()
    return last if last.startswith("{") else None


def _read_regular(path: Path | str) -> bytes | None:
    """At most a byte more than the limit; None for a folder or a pipe. No link is followed, no pipe waited for."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.read(descriptor, RESULT_LIMIT + 1) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    finally:
        os.close(descriptor)


def size_of(path: Path | str) -> int:
    """How many bytes were written; 0 where the file is gone."""
    try:
        return os.stat(path).st_size  # noqa: PTH116 - no path is made for it
    except OSError:
        return 0


def tail_of(path: Path) -> str:
    """The end of the output as text, what is no UTF-8 replaced."""
    try:
        with path.open("rb") as file:
            cut = max(0, file.seek(0, os.SEEK_END) - TAIL_LIMIT)
            file.seek(cut)
            raw = file.read(TAIL_LIMIT)
    except OSError:
        return ""
    return (raw.lstrip(_CONTINUATION) if cut else raw).decode("utf-8", "replace")
