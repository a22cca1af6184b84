"""Real error texts, usual forms, and innocent output: what each is taken for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from git_pliny.model.failure import Evidence, classify
from git_pliny.model.settings import Category

_DATA = Path(__file__).parent / "data"
_REPORTS: list[dict[str, Any]] = yaml.safe_load((_DATA / "failures.yaml").read_text(encoding="utf-8"))
_INNOCENT = [
    entry if isinstance(entry, dict) else {"text": entry}
    for entry in yaml.safe_load((_DATA / "innocent.yaml").read_text(encoding="utf-8"))
]
_FORMS = [
    {"category": group["category"], "recoverable": group["recoverable"], "text": text}
    for group in yaml.safe_load((_DATA / "forms.yaml").read_text(encoding="utf-8"))
    for text in group["texts"]
]
_INNOCENT_IS = {"category": "tool", "recoverable": False}


def _misses(entries: Sequence[dict[str, Any]]) -> list[str]:
    misses = []
    for entry in entries:
        failure = classify(Evidence(exit_code=entry.get("exit", 1), tail=entry["text"]))
        wanted = (Category(entry["category"]), entry["recoverable"])
        if (failure.category, failure.recoverable) != wanted:
            misses.append(f"{entry['text'][-200:]!r}: wanted {wanted}, got {failure}")
    return misses


def test_real_error_texts_are_decided_right_in_at_least_95_of_100_cases() -> None:
    misses = _misses(_REPORTS)
    print(*misses, sep="\n")
    assert len(misses) <= 0.05 * len(_REPORTS)


def test_no_innocent_text_is_taken_for_evidence() -> None:
    assert _misses([_INNOCENT_IS | entry for entry in _INNOCENT]) == []


def test_the_usual_forms_of_errors_are_understood() -> None:
    assert _misses(_FORMS) == []


def test_the_tables_are_as_large_and_as_documented_as_promised() -> None:
    assert len({entry["text"] for entry in _REPORTS}) >= 140
    assert len({(entry["text"], entry.get("exit")) for entry in _INNOCENT}) >= 160
    assert all(entry["source"].strip() for entry in _REPORTS)


def test_every_category_stands_in_the_table() -> None:
    assert {Category(entry["category"]) for entry in _REPORTS} == set(Category)


def test_what_is_decided_does_not_depend_on_colours_marks_and_line_ends() -> None:
    dressed = [
        entry | {"text": "".join(f"\x1b[31m{line}\x1b[0m\r\n" for line in entry["text"].splitlines())}
        for entry in _REPORTS
    ]
    assert len(_misses(dressed)) <= 0.05 * len(_REPORTS)
