"""What git says when it fails, in our errors."""

import pytest

from git_pliny.errors import GitError, StorageError
from git_pliny.git.process import GitKilledError, LockHeldError, git_error

COMMAND = ("git", "-c", "a=b", "update-ref", "HEAD")


@pytest.mark.parametrize(
    ("stderr", "path"),
    [
        ("fatal: Unable to create '/r/.git/index.lock': File exists.\n\nAnother git process…", "/r/.git/index.lock"),
        (
            "fatal: cannot lock ref 'HEAD': Unable to create '/r/.git/refs/heads/main.lock': File exists.\n",
            "/r/.git/refs/heads/main.lock",
        ),
        ("error: cannot lock ref 'refs/pliny/x': File exists", "refs/pliny/x.lock"),
    ],
)
def test_a_held_lock_is_named_by_its_file(stderr: str, path: str) -> None:
    error = git_error(COMMAND, 128, stderr.encode())
    assert isinstance(error, LockHeldError)
    assert error.path == path
    assert error.hint is not None
    assert error.hint.endswith(f"rm '{path}'")


@pytest.mark.parametrize(
    ("returncode", "stderr", "kind", "message"),
    [
        (128, "fatal: bad thing\nhint: x\n", GitError, "git update-ref failed (exit 128): bad thing"),
        (1, "", GitError, "git update-ref failed (exit 1): it said nothing"),
        (128, "error: file write error: No space left on device\n", StorageError, "No space left on device"),
        (-9, "", GitKilledError, "git update-ref was ended by signal 9"),
    ],
)
def test_a_failure_is_told_in_the_words_of_git(
    returncode: int, stderr: str, kind: type[GitError], message: str
) -> None:
    error = git_error(COMMAND, returncode, stderr.encode())
    assert type(error) is kind
    assert message in error.message
    assert (error.hint is not None) == isinstance(error, StorageError)
