"""Who needs whom: order, levels, dependents and cycles of a graph given as name → names that it needs.

A need that is no key of the graph counts as met elsewhere, so that one phase can be looked at by itself.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from heapq import heapify, heappop, heappush


def find_cycle(needs: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """One cycle, as `("a", "b", "a")` where a needs b and b needs a; empty where there is none."""
    try:
        _sorter(needs)
    except CycleError as error:
        names: list[str] = error.args[1]
        return tuple(reversed(names))
    return ()


def levels(needs: Mapping[str, Collection[str]]) -> tuple[tuple[str, ...], ...]:
    """The names in waves: each needs only names of earlier waves; within a wave in the graph's order."""
    place = {name: index for index, name in enumerate(needs)}
    return tuple(tuple(sorted(wave, key=place.__getitem__)) for wave in _waves(needs))


def order(needs: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """The names so that each follows what it needs, else in the graph's order; CycleError where there is a cycle."""
    if not any(needs.values()):
        return tuple(needs)
    sorter, names = _sorter(needs), list(needs)
    place = {name: index for index, name in enumerate(names)}
    ready = [place[name] for name in sorter.get_ready()]
    heapify(ready)
    found: list[str] = []
    while ready:
        name = names[heappop(ready)]
        found.append(name)
        sorter.done(name)
        for freed in sorter.get_ready():
            heappush(ready, place[freed])
    return tuple(found)


def dependents(needs: Mapping[str, Collection[str]], names: Iterable[str]) -> frozenset[str]:
    """Whatever needs one of `names`, directly or through others; of `names` themselves only what needs another."""
    needed_by: dict[str, list[str]] = {}
    for name, needed in needs.items():
        for each in needed:
            needed_by.setdefault(each, []).append(name)
    found: set[str] = set()
    frontier = list(names)
    while frontier:
        fresh = set(needed_by.get(frontier.pop(), ())) - found
        found |= fresh
        frontier += fresh
    return frozenset(found)


def _sorter(needs: Mapping[str, Collection[str]]) -> TopologicalSorter[str]:
    sorter = TopologicalSorter({name: [each for each in needed if each in needs] for name, needed in needs.items()})
    sorter.prepare()
    return sorter


def _waves(needs: Mapping[str, Collection[str]]) -> Iterator[tuple[str, ...]]:
    sorter = _sorter(needs)
    while sorter.is_active():
        wave = sorter.get_ready()
        sorter.done(*wave)
        yield wave
