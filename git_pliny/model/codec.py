"""A plan as JSON, as it is kept among a session's artifacts."""

from collections.abc import Callable
from typing import Any

import msgspec

from git_pliny.model.plan import Plan

_decoder = msgspec.json.Decoder(Plan)


def encode_plan(plan: Plan) -> bytes:
    """The canonical bytes: UTF-8, two spaces, fixed order of keys, a final newline."""
    return msgspec.json.format(msgspec.json.encode(plan), indent=2) + b"\n"


def encode_masked(plan: Plan, mask: Callable[[Any], Any]) -> bytes:
    """The same, once `mask` has taken secrets out of every text."""
    return msgspec.json.format(msgspec.json.encode(mask(msgspec.to_builtins(plan))), indent=2) + b"\n"


def decode_plan(raw: bytes) -> Plan | None:
    """The plan, or None where these bytes are none."""
    try:
        return _decoder.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def changed_agents(before: bytes, after: bytes) -> list[str]:
    """The agents that both plans have and define differently."""
    old, new = decode_plan(before), decode_plan(after)
    if old is None or new is None:
        return []
    return [
        name
        for name, agent in new.agents.items()
        if name in old.agents and old.agents[name].fingerprint() != agent.fingerprint()
    ]
