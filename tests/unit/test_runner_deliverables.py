"""What is delivered, and what is not, whatever an agent leaves behind."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from git_pliny.runners.base import Deliverable
from git_pliny.runners.deliverables import collect

Collect = Callable[..., tuple[dict[str, Path], tuple[str, ...]]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


@pytest.fixture
def deep(folder: Path) -> Iterator[Path]:
    """The folder, for trees that pytest itself could not remove afterwards."""
    yield folder
    subprocess.run(("rm", "-rf", folder), check=True)


@pytest.fixture
def collected(root: Path, folder: Path) -> Collect:
    def collect_both(*declared: str) -> tuple[dict[str, Path], tuple[str, ...]]:
        found, missing = collect(declared=declared, folder=folder, root=root)
        assert all(isinstance(deliverable, Deliverable) for deliverable in found)
        return {deliverable.name: deliverable.path for deliverable in found}, missing

    return collect_both


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_every_file_of_the_folder_is_delivered_in_order(folder: Path, collected: Collect) -> None:
    paths = [write(folder / name) for name in ("b.md", "a/c.md", "a/b/d.md", ".hidden")]
    found, missing = collected()
    assert list(found) == [".hidden", "a/b/d.md", "a/c.md", "b.md"]
    assert set(found.values()) == set(paths)
    assert missing == ()


def test_a_file_of_the_root_is_delivered_only_if_it_is_declared(root: Path, collected: Collect) -> None:
    write(root / "report.md")
    write(root / "other.md")
    assert collected("report.md") == ({"report.md": root / "report.md"}, ())


def test_a_declared_file_is_looked_for_in_the_folder_first(root: Path, folder: Path, collected: Collect) -> None:
    write(root / "report.md")
    write(folder / "report.md")
    assert collected("./report.md") == ({"report.md": folder / "report.md"}, ())


def test_what_is_nowhere_is_missing(collected: Collect) -> None:
    assert collected("docs//report.md") == ({}, ("docs//report.md",))


def test_a_declared_folder_is_delivered_with_its_files(root: Path, collected: Collect) -> None:
    write(root / "docs" / "a.md")
    write(root / "docs" / "deep" / "b.md")
    found, missing = collected("docs/")
    assert list(found) == ["docs/a.md", "docs/deep/b.md"]
    assert missing == ()


def test_a_declared_folder_may_be_in_the_deliverables(folder: Path, collected: Collect) -> None:
    write(folder / "docs" / "a.md")
    assert collected("docs") == ({"docs/a.md": folder / "docs" / "a.md"}, ())


def test_a_declared_folder_without_a_file_is_missing(root: Path, collected: Collect) -> None:
    (root / "docs" / "deep").mkdir(parents=True)
    assert collected("docs") == ({}, ("docs",))


@pytest.mark.parametrize(
    "name", ["../secret", "a/../../secret", "a/../report.md", "..", ".", "", "/", "//report.md", "a\0b", "\ud800"]
)
def test_a_name_that_leads_out_or_nowhere_is_refused(tmp_path: Path, root: Path, collected: Collect, name: str) -> None:
    write(tmp_path / "secret")
    write(root / "report.md")
    assert collected(name) == ({}, (name,))


def test_an_absolute_name_is_refused_even_of_a_file_in_the_root(root: Path, collected: Collect) -> None:
    name = str(write(root / "report.md"))
    assert collected(name) == ({}, (name,))


def test_a_link_out_of_both_places_is_not_followed(
    tmp_path: Path, root: Path, folder: Path, collected: Collect
) -> None:
    secret = write(tmp_path / "secret")
    (folder / "link").symlink_to(secret)
    (root / "report.md").symlink_to(secret)
    (root / "docs").symlink_to(tmp_path)
    assert collected("report.md", "docs/secret", "docs") == ({}, ("report.md", "docs/secret", "docs"))


def test_a_link_within_the_two_places_is_the_file_that_it_names(root: Path, folder: Path, collected: Collect) -> None:
    real = write(root / "build" / "report.md")
    (folder / "latest.md").symlink_to(real)
    (root / "report.md").symlink_to("build/report.md")
    assert collected("report.md") == ({"latest.md": real, "report.md": real}, ())


def test_links_that_lead_in_circles_or_nowhere_are_passed_over(folder: Path, collected: Collect) -> None:
    (folder / "circle").symlink_to("circle")
    (folder / "nowhere").symlink_to("not-there")
    (folder / "self").symlink_to(".")
    write(folder / "a.md")
    assert collected("circle") == ({"a.md": folder / "a.md"}, ("circle",))


def test_pipes_are_passed_over(root: Path, folder: Path, collected: Collect) -> None:
    os.mkfifo(folder / "pipe")
    os.mkfifo(root / "report.md")
    assert collected("report.md") == ({}, ("report.md",))


def test_a_deliverables_folder_that_was_removed_delivers_nothing(folder: Path, collected: Collect) -> None:
    folder.rmdir()
    assert collected() == ({}, ())


def test_a_file_in_place_of_the_deliverables_folder_is_named(folder: Path, collected: Collect) -> None:
    folder.rmdir()
    folder.touch()
    assert collected() == ({}, ("PLINY_DELIVERABLES",))


def test_a_link_in_place_of_the_deliverables_folder_is_named(tmp_path: Path, folder: Path, collected: Collect) -> None:
    write(tmp_path / "secrets" / "key")
    folder.rmdir()
    folder.symlink_to(tmp_path / "secrets")
    assert collected() == ({}, ("PLINY_DELIVERABLES",))


def test_a_folder_too_deep_to_be_read_is_named(monkeypatch: pytest.MonkeyPatch, deep: Path, collected: Collect) -> None:
    monkeypatch.chdir(deep)
    name = "d" * 200
    for _ in range(40):
        Path(name).mkdir()
        os.chdir(name)
    found, missing = collected()
    assert found == {}
    assert len(missing) == 1
    assert missing[0].startswith(f"{name}/{name}/")


def test_thousands_of_folders_in_each_other_are_no_problem(deep: Path, collected: Collect) -> None:
    for _ in range(1050):
        deep /= "d"
        deep.mkdir()
    write(deep / "a.md")
    found, missing = collected()
    assert list(found.values()) == [deep / "a.md"]
    assert missing == ()


def test_a_name_of_any_bytes_is_delivered(folder: Path, collected: Collect) -> None:
    name = os.fsdecode(b"\xff\n \t.md")
    try:
        write(folder / name)
    except OSError:
        pytest.skip("this file system takes only Unicode")
    assert list(collected()[0]) == [name]
