from pathlib import Path

import pytest
from scratch import Scratch

from git_pliny.cli.init import STARTER, init_command
from git_pliny.cli.invocation import Invocation
from git_pliny.errors import GitError, PlinyError
from git_pliny.plans.loading import load


def init(scratch: Scratch, cwd: Path | None = None) -> None:
    init_command(Invocation(cwd=cwd or scratch.root, environ=scratch.environ, now=0.0))


def test_the_starter_is_a_plan_without_anything_to_warn_of(scratch: Scratch) -> None:
    init(scratch)
    loaded = load(scratch.root)
    assert (loaded.notes, loaded.plan.name) == ((), "Get to know this repository")
    assert [phase.agents for phase in loaded.plan.phases] == [("files", "history"), ("report",)]


def test_it_is_written_to_the_root_and_says_what_to_type_next(
    scratch: Scratch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = scratch.root / "deep" / "down"
    folder.mkdir(parents=True)
    init(scratch, folder)
    assert (scratch.root / "pliny.yaml").read_text() == STARTER
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[0] == "wrote ../../pliny.yaml"
    assert "git pliny execute --dry-run" in err


@pytest.mark.parametrize("name", ["pliny.yaml", "pliny.yml", "plan/plan_manifest.json"])
def test_a_plan_that_is_there_is_left_alone(scratch: Scratch, name: str) -> None:
    scratch.write(name, "mine\n")
    with pytest.raises(PlinyError, match=f"there is a plan already: {name}"):
        init(scratch)
    assert (scratch.root / name).read_text() == "mine\n"
    assert [path.name for path in scratch.root.glob("pliny.*")] == ([name] if name.startswith("pliny") else [])


def test_a_link_to_nowhere_is_left_alone(scratch: Scratch) -> None:
    (scratch.root / "pliny.yaml").symlink_to("elsewhere")
    with pytest.raises(PlinyError):
        init(scratch)
    assert not (scratch.root / "elsewhere").exists()


def test_a_disk_that_is_full_leaves_no_half_a_plan(scratch: Scratch) -> None:
    """The limit on the size of files stands for a full disk: both fail as the text is written out."""
    done = scratch.run("bash", "-c", "ulimit -f 0; trap '' XFSZ; exec git-pliny init")
    assert (done.returncode, done.stderr) == (1, "error: pliny.yaml can't be written: File too large\n")
    assert not (scratch.root / "pliny.yaml").exists()


def test_outside_a_repository_it_names_the_command_that_makes_one(tmp_path: Path, environment: dict[str, str]) -> None:
    with pytest.raises(GitError) as caught:
        init_command(Invocation(cwd=tmp_path, environ=environment, now=0.0))
    assert caught.value.hint == "git init"
