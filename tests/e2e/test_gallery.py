"""The gallery's plans with a coding agent, each run whole: with a stand-in for `claude` always, with `claude` if installed.

What the model does is a script: it writes what a good answer would be. To run the real program, have it in the PATH, or in
the folder that `PLINY_TEST_AGENTS` names.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from model_server import Script, Step, serving
from scratch import Scratch
from standin_claude import install
from told import artifacts, attempts, statuses

EXAMPLES = Path(__file__).parents[2] / "examples"
PLACES = os.pathsep.join(filter(None, (os.environ.get("PLINY_TEST_AGENTS"), os.environ["PATH"])))
Follow = Callable[[Script], AbstractContextManager[None]]


def write(path: str, text: str) -> Step:
    return "Write", {"file_path": f"{{folder}}/{path}", "content": text}


def read(path: str) -> Step:
    return "Read", {"file_path": f"{{folder}}/{path}"}


@pytest.fixture(
    params=[
        "standin",
        pytest.param(
            "claude",
            marks=pytest.mark.skipif(
                shutil.which("claude", path=PLACES) is None, reason="claude is not installed here"
            ),
        ),
    ]
)
def following(request: pytest.FixtureRequest, scratch: Scratch) -> Follow:
    """Has `claude` follow a script while a context is open."""

    @contextmanager
    def standin(script: Script) -> Iterator[None]:
        programs = scratch.root.parent / "programs"
        install(programs)
        file = programs / "script.json"
        file.write_text(json.dumps(script))
        scratch.environ["PATH"] = f"{programs}{os.pathsep}{scratch.environ['PATH']}"
        scratch.environ["STANDIN_SCRIPT"] = str(file)
        yield

    @contextmanager
    def real(script: Script) -> Iterator[None]:
        with serving(script) as address:
            scratch.environ["PATH"] = f"{PLACES}{os.pathsep}{scratch.environ['PATH']}"
            scratch.environ.update(ANTHROPIC_BASE_URL=address, ANTHROPIC_API_KEY="k")
            yield

    return {"standin": standin, "claude": real}[request.param]


def bring(scratch: Scratch, name: str) -> str:
    """Put an example into the repository, beside nothing else of the gallery."""
    shutil.copy(EXAMPLES / name, scratch.root.parent / name)
    return str(scratch.root.parent / name)


def with_a_test(scratch: Scratch, result: str) -> None:
    scratch.write("half.sh", f"half() {{ echo $(( $1 / {result} )); }}\n")
    scratch.write(
        "test.sh",
        '#!/bin/sh\n. ./half.sh\n[ "$(half 8)" = 4 ] || { echo "half 8 is $(half 8)"; exit 1; }\n',
        executable=True,
    )
    scratch.commit("a test")


def test_a_failing_test_is_fixed_and_the_fix_is_kept(scratch: Scratch, following: Follow) -> None:
    with_a_test(scratch, "3")
    plan = bring(scratch, "fix-failing-test.yaml")
    script = {"half 8 is 2": [read("half.sh"), write("half.sh", "half() { echo $(( $1 / 2 )); }\n")]}
    with following(script):
        scratch.pliny("execute", "--plan", plan)
    assert statuses(scratch) == {"reproduce": "completed", "fix": "completed", "verify": "completed"}
    patch = artifacts(scratch, "deliverables", "verify")
    assert "+half() { echo $(( $1 / 2 )); }" in next(iter(patch.values()))
    assert scratch.session()["metrics"]["cost_usd"] > 0


def test_a_fix_that_does_not_make_the_tests_pass_is_no_success(scratch: Scratch, following: Follow) -> None:
    with_a_test(scratch, "3")
    with following({"half 8 is 2": [read("half.sh"), write("half.sh", "half() { echo 5; }\n")]}):
        scratch.pliny("execute", "--plan", bring(scratch, "fix-failing-test.yaml"), exits=3)
    assert statuses(scratch) == {"reproduce": "completed", "fix": "completed", "verify": "failed"}
    scratch.pliny("rollback", "reproduce")
    assert (scratch.root / "half.sh").read_text() == "half() { echo $(( $1 / 3 )); }\n"


def test_where_every_test_passes_no_coding_agent_is_asked(scratch: Scratch, following: Follow) -> None:
    with_a_test(scratch, "2")
    with following({}):
        done = scratch.pliny("execute", "--plan", bring(scratch, "fix-failing-test.yaml"), exits=3)
    assert "every test passes, there is nothing to fix" in done.stderr
    assert attempts(scratch) == {"reproduce": 1, "fix": 0, "verify": 0}


def test_a_change_is_reviewed_from_three_sides_and_the_findings_are_merged(scratch: Scratch, following: Follow) -> None:
    scratch.write("greet.py", "print('Hello')\n")
    scratch.commit("greet")
    sides = ("correctness", "security", "clarity")
    script = {f"a change for {side}, and": [write(f"review/{side}.md", f"greet.py:1 of {side}\n")] for side in sides}
    script["Three reviewers"] = [write("review/review.md", "approve with changes\n")]
    with following(script):
        scratch.pliny("execute", "--plan", bring(scratch, "review-change.yaml"))
    assert set(statuses(scratch).values()) == {"completed"}
    assert (scratch.root / "review/review.md").read_text() == "approve with changes\n"
    [asked] = artifacts(scratch, "prompts", "merge").values()
    assert all(f"greet.py:1 of {side}" in asked for side in sides)
    assert "+print('Hello')" in next(iter(artifacts(scratch, "prompts", "security").values()))
    assert scratch.git("status", "--porcelain") == "?? review/"


def migration(scratch: Scratch, *arguments: str) -> Path:
    made = scratch.run(sys.executable, str(EXAMPLES / "migrate-files.py"), *arguments)
    assert made.returncode == 0, made.stderr
    plan = scratch.root.parent / "migration.yaml"
    plan.write_text(made.stdout)
    return plan


def test_a_module_is_migrated_file_by_file(scratch: Scratch, following: Follow) -> None:
    names = ("src/a.py", "src/b c.py", "src/d.py")
    for name in names:
        scratch.write(name, "import os\n")
    scratch.commit("a module")
    plan = migration(scratch, "src/*.py", "--to", "pathlib", "--test", "! grep -rqw os src")
    script = {f"Migrate the file {name} ": [read(name), write(name, f"import pathlib  # {name}\n")] for name in names}
    with following(script):
        scratch.pliny("execute", "--plan", str(plan))
    assert statuses(scratch) == dict.fromkeys((*names, "check"), "completed")
    assert {name: (scratch.root / name).read_text() for name in names} == {
        name: f"import pathlib  # {name}\n" for name in names
    }


def test_the_agents_of_a_migration_have_worktrees_of_their_own_where_they_are_asked_for(scratch: Scratch) -> None:
    plan = json.loads(migration(scratch, "README", "--to", "x", "--isolation", "worktree").read_text())
    assert plan["phases"][0] == {"name": "migrate", "parallel": True, "isolation": "worktree", "agents": ["README"]}
    scratch.pliny("execute", "--plan", "../migration.yaml", "--dry-run")


def test_a_migration_of_no_files_is_refused(scratch: Scratch) -> None:
    done = scratch.run(sys.executable, str(EXAMPLES / "migrate-files.py"), "*.rs", "--to", "x")
    assert done.returncode == 2
    assert "git knows no file that matches *.rs" in done.stderr


def test_release_notes_are_written_from_the_commits_since_the_last_tag(scratch: Scratch, following: Follow) -> None:
    scratch.git("tag", "-a", "v1", "-m", "one")
    scratch.commit("Add a door")
    door = scratch.git("rev-parse", "--short", "HEAD")
    with following({"Write release notes": [write("RELEASE_NOTES.md", f"## Added\n\n- A door. `{door}`\n")]}):
        scratch.pliny("execute", "--plan", bring(scratch, "release-notes.yaml"))
    assert set(statuses(scratch).values()) == {"completed"}
    [asked] = artifacts(scratch, "prompts", "write").values()
    assert f"## {door} Add a door" in asked
    assert "first" not in asked.partition("## ")[2]


def test_notes_that_name_a_commit_that_does_not_exist_are_refused(scratch: Scratch, following: Follow) -> None:
    with following({"Write release notes": [write("RELEASE_NOTES.md", "- A door. `0123abc`\n")]}):
        done = scratch.pliny("execute", "--plan", bring(scratch, "release-notes.yaml"), exits=3)
    assert "the notes name 0123abc, which is no commit here" in done.stderr
