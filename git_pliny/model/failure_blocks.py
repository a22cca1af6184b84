"""Blocks of lines that an output only displays: hunks of a diff, and what an author put between fences."""

from collections.abc import Sequence

from git_pliny.model.patterns import compiled

_HUNK = r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@"
_SIDES = ("", " ", "+", "-")
_FENCE = r"\s{0,3}(?:```|~~~)"


def displayed(texts: Sequence[str]) -> frozenset[int]:
    """The places of the lines that are no words of a program's own."""
    return frozenset(_in_hunks(texts)) | frozenset(_in_fences(texts))


def _in_hunks(texts: Sequence[str]) -> list[int]:
    """A hunk's head says how many lines of each side it has; it may end early where the output was cut."""
    places: list[int] = []
    old = new = 0
    for place, text in enumerate(texts):
        head = compiled(_HUNK).match(text)
        if head is not None:
            old, new = (int(count or 1) for count in head.groups())
        elif (old > 0 or new > 0) and text[:1] in _SIDES:
            old -= text[:1] != "+"
            new -= text[:1] != "-"
        else:
            old = new = 0
            continue
        places.append(place)
    return places


def _in_fences(texts: Sequence[str]) -> list[int]:
    fences = [place for place, text in enumerate(texts) if compiled(_FENCE).match(text)]
    pairs = zip(fences[::2], fences[1::2], strict=False)
    return [place for begin, end in pairs for place in range(begin, end + 1)]
