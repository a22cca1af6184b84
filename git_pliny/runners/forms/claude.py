"""`claude -p --output-format json`: one object at the end, which also tells of failures."""

from typing import Any, Literal

import msgspec

from git_pliny.model.session import Tokens
from git_pliny.runners.forms.reading import Output, Reading, cost, decoded, denied, shortened

_OWN = "claude"
"""Stands in the name of every model whose price it knows; any other's costs as much as one of its own, it says."""


class _Used(msgspec.Struct, rename="camel"):
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0


class _Result(msgspec.Struct):
    type: Literal["result"]
    subtype: str = ""
    is_error: bool = False
    api_error_status: int | None = None
    result: str | None = None
    errors: tuple[str, ...] = ()
    total_cost_usd: float | None = None
    permission_denials: Any = None
    model_usage: dict[str, _Used] = msgspec.field(name="modelUsage", default_factory=dict)


_decoder = msgspec.json.Decoder(_Result)


def read(output: Output) -> Reading | None:
    for line in reversed(output.tail().splitlines()):
        found = decoded(_decoder, line) if line.startswith(b"{") else None
        if found is not None:
            return _reading(found)
    return None


def _reading(found: _Result) -> Reading:
    """`usage` leaves out the models that it uses beside the main one: only `modelUsage` has all of them."""
    used = found.model_usage.values()
    tokens = Tokens(
        input=sum(each.input_tokens + each.cache_read_input_tokens + each.cache_creation_input_tokens for each in used),
        output=sum(each.output_tokens for each in used),
    )
    known = tokens if used else None
    has_prices = all(_OWN in name for name in found.model_usage)
    said = found.result or " ".join(found.errors) or found.subtype
    return Reading(
        text=None if found.is_error else shortened(found.result),
        tokens=known,
        cost_usd=cost(found.total_cost_usd, known) if has_prices else None,
        error=said if found.is_error else None,
        http_status=found.api_error_status if found.is_error else None,
        denied=denied(found.permission_denials),
    )
