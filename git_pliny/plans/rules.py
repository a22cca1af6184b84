"""What has to hold between the agents of a plan: names that differ in more than case, needs that can be met."""

from collections.abc import Iterable, Mapping

import msgspec

from git_pliny.errors import PlanError
from git_pliny.model.graph import find_cycle
from git_pliny.plans.positions import Place, quoted, suggestion

_SHOWN_OF_A_CYCLE = 8


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """An agent in its phase: where it stands, and the place of each need."""

    name: str
    phase: int
    place: Place
    needs: Mapping[str, Place]


def check_needs(members: Mapping[str, Member], *, noun: str = "agent") -> None:
    """Each need is a member of the same or an earlier phase, and no members need each other in a circle."""
    for member in members.values():
        for need, place in member.needs.items():
            _check_need(member, need, place, members, noun)
    cycle = find_cycle({member.name: member.needs for member in members.values()})
    if cycle:
        raise _cycle_error(cycle, members, noun)


def _check_need(member: Member, need: str, place: Place, members: Mapping[str, Member], noun: str) -> None:
    who = f"{noun} {quoted(member.name)} needs"
    if need == member.name:
        raise place.error(f"{who} itself")
    if need not in members:
        raise place.error(f"{who} {quoted(need)}, which is no {noun} of this plan{suggestion(need, members)}")
    if members[need].phase > member.phase:
        raise place.error(f"{who} {quoted(need)}, which runs in a later phase")


def _cycle_error(cycle: tuple[str, ...], members: Mapping[str, Member], noun: str) -> PlanError:
    names = [quoted(name) for name in cycle]
    if len(names) > _SHOWN_OF_A_CYCLE:
        names[_SHOWN_OF_A_CYCLE - 2 : -1] = [f"… ({len(cycle) - _SHOWN_OF_A_CYCLE + 1} more)"]
    place = members[cycle[0]].needs[cycle[1]]
    return place.error(f"{noun}s need each other in a circle: {' → '.join(names)}")


def check_names(names: Iterable[tuple[str, str, Place]]) -> None:
    """No two names, given as (`agent` or `phase`, name, place), differ in case only: refs and files may not either."""
    seen: dict[str, tuple[str, str]] = {}
    for kind, name, place in names:
        other_kind, other = seen.setdefault(name.casefold(), (kind, name))
        if other != name:
            raise place.error(
                f"{kind} {quoted(name)} and {other_kind} {quoted(other)} differ in case only", hint="rename one of them"
            )
