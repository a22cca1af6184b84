"""The frameworks that are shipped with the package."""

import pytest

from git_pliny.errors import ConfigError
from git_pliny.model.plan import Rounds
from git_pliny.plans import frameworks


def test_rise_and_care_are_shipped_with_their_four_phases() -> None:
    assert {each.name: each.phase_names for each in frameworks.list_frameworks()} == {
        "care": ("context", "analyze", "respond", "evaluate"),
        "rise": ("research", "identify", "synthesize", "execute"),
    }


def test_every_framework_says_what_it_and_its_phases_are_for() -> None:
    for framework in frameworks.list_frameworks():
        assert framework.title
        assert framework.description
        assert all(phase.title and phase.description for phase in framework.phases)


def test_only_care_repeats() -> None:
    assert frameworks.get("care").rounds == Rounds(verdict="evaluate", limit=3, ceiling=5)
    assert frameworks.get("rise").rounds is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "there is no framework ``"),
        ("../rise", "there is no framework `../rise`; did you mean `rise`?"),
        ("\x1b", "there is no framework `\\x1b`"),
    ],
)
def test_an_unknown_framework_is_refused_with_the_known_ones(name: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        frameworks.get(name)
    assert (caught.value.message, caught.value.hint) == (message, "known: `care`, `rise`")
