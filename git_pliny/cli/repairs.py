"""What a recovery mended, in words (DESIGN section 3): each repair is an entry of the audit trail as well."""

from collections.abc import Iterable
from typing import Any

from git_pliny.cli import messages, render
from git_pliny.model.events import Event, EventType
from git_pliny.model.visible import visible

_CHANGES = {"promoted": "completed", "demoted": "rolled back", "failed": "failed"}
"""Which agents the trail knew more of than the session did, and as what it knows them."""
_LONGEST = 200


def say_repairs(repairs: Iterable[Event]) -> None:
    """Warn of each, once: it tells of a kill, of a full disk or of a foreign hand."""
    for repair in repairs:
        messages.warning(f"repaired: {repair_words(repair)}; see git pliny audit view")


def repair_words(repair: Event) -> str:
    """What was wrong and what was done about it; `repair` is one of those that `store.opening.resume` gives."""
    data = repair.data
    if repair.type == EventType.CHECKPOINT:
        return f"checkpoint {visible(str(data.get('name')))} was in no entry of the audit trail, and was added"
    match data.get("kind"):
        case "torn":
            return f"the last line in the journal of run {data.get('run')} was cut off, and is kept aside"
        case "corrupt":
            lines = render.plural(data["lines"], "line")
            return f"what can't be read in the journal of run {data.get('run')} is kept aside: {lines}"
        case "session":
            return f"the session's object {_of_session(data)}, and was written anew"
        case kind:
            return visible(str(kind or repair.type))


def _of_session(data: dict[str, Any]) -> str:
    if "reason" in data:
        return "was missing or unreadable"
    changes = [f"{', '.join(data[key])} {status}" for key, status in _CHANGES.items() if data.get(key)]
    known = f" ({'; '.join(changes)})" if changes else ""
    return f"differed from the audit trail{render.clip(known, _LONGEST)}"
