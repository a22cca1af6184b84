"""What is seen of refs without a process of git: never that one is absent which git would find."""

import pytest
from scratch import Scratch

from git_pliny.git.objects import ObjectReader
from git_pliny.git.refs import is_surely_absent, read_symbolic, set_symbolic

REF = "refs/pliny/sessions/one"


@pytest.fixture
def kept(scratch: Scratch) -> Scratch:
    """A repository that has the ref."""
    scratch.commit()
    scratch.git("update-ref", REF, "HEAD")
    return scratch


def test_a_ref_that_nobody_made_is_absent(scratch: Scratch) -> None:
    assert is_surely_absent(scratch.repository, REF)
    with ObjectReader(scratch.repository) as reader:
        assert reader.resolve(REF) is None


def test_a_ref_in_a_file_is_found(kept: Scratch) -> None:
    assert not is_surely_absent(kept.repository, REF)
    assert is_surely_absent(kept.repository, f"{REF}s")


def test_a_packed_ref_is_found(kept: Scratch) -> None:
    kept.git("pack-refs", "--all", "--prune")
    assert not (kept.repository.common_dir / REF).exists()
    assert not is_surely_absent(kept.repository, REF)
    assert is_surely_absent(kept.repository, f"{REF}s")
    with ObjectReader(kept.repository) as reader:
        assert reader.resolve(REF) == kept.git("rev-parse", "HEAD")


def test_a_ref_is_found_from_a_linked_worktree(kept: Scratch) -> None:
    kept.git("worktree", "add", "-q", "../linked")
    linked = Scratch(root=kept.root.parent / "linked", environ=kept.environ)
    assert not is_surely_absent(linked.repository, REF)
    set_symbolic(linked.repository, "PLINY_HEAD", REF)
    assert read_symbolic(linked.repository, "PLINY_HEAD") == REF
    assert read_symbolic(kept.repository, "PLINY_HEAD") is None


def test_a_link_that_leads_nowhere_counts_as_there(scratch: Scratch) -> None:
    file = scratch.repository.common_dir / REF
    file.parent.mkdir(parents=True)
    file.symlink_to("nowhere")
    assert not is_surely_absent(scratch.repository, REF)


def test_where_refs_are_in_a_table_nothing_is_sure(scratch: Scratch) -> None:
    (scratch.repository.common_dir / "reftable").mkdir()
    assert not is_surely_absent(scratch.repository, REF)


def test_packed_refs_that_cannot_be_read_are_not_sure(scratch: Scratch) -> None:
    (scratch.repository.common_dir / "packed-refs").mkdir()
    assert not is_surely_absent(scratch.repository, REF)
