"""What git says of its user, and of signatures, in one process."""

import pytest
from scratch import Scratch

from git_pliny.git.user import read_user

NOBODY = "git-pliny <git-pliny@localhost> 0 +0000"


def test_ident_and_settings_are_as_git_has_them(scratch: Scratch) -> None:
    scratch.git("config", "gpg.ssh.defaultKeyCommand", "my=key command")
    scratch.git("config", "tag.gpgSign", "yes")
    scratch.git("config", "core.editor", "vi")
    user = read_user(scratch.repository)
    assert user.ident.startswith("Ada Tester <ada@example.com> ")
    assert user.ident.rsplit(" ", 2)[0] == scratch.git("var", "GIT_COMMITTER_IDENT").rsplit(" ", 2)[0]
    assert user.settings["gpg.ssh.defaultkeycommand"] == "my=key command"
    assert user.settings["tag.gpgsign"] == "yes"
    assert "core.editor" not in user.settings


def test_a_setting_without_a_value_is_true_and_the_last_one_counts(scratch: Scratch) -> None:
    with (scratch.root / ".git/config").open("a") as file:
        file.write("[tag]\n\tgpgSign = false\n\tgpgSign\n")
    assert read_user(scratch.repository).settings["tag.gpgsign"] == "true"


@pytest.mark.parametrize("name", ["", "<>", " . "])
def test_whom_git_would_not_commit_for_is_nobody(scratch: Scratch, name: str) -> None:
    scratch.git("config", "user.name", name)
    assert read_user(scratch.repository).ident == NOBODY


def test_who_is_only_guessed_is_whom_git_would_commit_for(scratch: Scratch) -> None:
    scratch.environ["GIT_CONFIG_GLOBAL"] = "/dev/null"
    scratch.git("config", "user.useConfigOnly", "true")
    assert read_user(scratch.repository).ident == NOBODY


def test_the_environment_counts_more(scratch: Scratch) -> None:
    scratch.environ.update(
        GIT_COMMITTER_NAME="Bob", GIT_COMMITTER_EMAIL="bob@example.com", GIT_COMMITTER_DATE="1700000000 +0100"
    )
    assert read_user(scratch.repository).ident == "Bob <bob@example.com> 1700000000 +0100"


def test_a_broken_configuration_is_nobodys(scratch: Scratch) -> None:
    repository = scratch.repository
    scratch.write(".git/config", "[broken\n")
    assert read_user(repository) == (NOBODY, {})
