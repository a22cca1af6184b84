"""How the programs that sign are called, and what becomes of those that do not."""

import time

import pytest
from scratch import Scratch

from git_pliny.errors import GitError
from git_pliny.git.signatures import is_signed
from git_pliny.git.signing import Signer
from git_pliny.git.user import read_user
from git_pliny.model.settings import SignWhen

PROGRAM = """#!/bin/sh
echo "$@" > "$0.arguments"
cat > "$0.payload"
printf -- '-----BEGIN SIGNED MESSAGE-----\\r\\nabc\\r\\n-----END SIGNED MESSAGE-----\\r\\n'
echo '[GNUPG:] SIG_CREATED D' >&2
"""


def sign(scratch: Scratch, when: SignWhen = SignWhen.ALWAYS, told: list[str] | None = None) -> bytes:
    signer = Signer(scratch.repository, when, (told if told is not None else []).append)
    return signer.sign(b"tag x\n\nhello\n", read_user(scratch.repository))


def with_program(scratch: Scratch, setting: str, text: str = PROGRAM) -> str:
    path = str(scratch.write(".git/signer", text, executable=True))
    scratch.git("config", setting, path)
    return path


@pytest.mark.parametrize(
    ("form", "setting", "options"),
    [
        ("x509", "gpg.x509.program", ""),
        ("openpgp", "gpg.openpgp.program", "--batch --pinentry-mode error "),
        ("openpgp", "gpg.program", "--batch --pinentry-mode error "),
    ],
)
def test_a_program_is_called_as_git_calls_it(scratch: Scratch, form: str, setting: str, options: str) -> None:
    scratch.git("config", "gpg.format", form)
    with_program(scratch, setting)
    made = sign(scratch)
    assert made == b"-----BEGIN SIGNED MESSAGE-----\nabc\n-----END SIGNED MESSAGE-----\n"
    assert is_signed(b"tag x\n\nhello\n" + made)
    told = (scratch.root / ".git/signer.arguments").read_text()
    assert told == f"{options}--status-fd=2 -bsau Ada Tester <ada@example.com>\n"
    assert (scratch.root / ".git/signer.payload").read_bytes() == b"tag x\n\nhello\n"
    scratch.git("config", "user.signingKey", "ABCD")
    sign(scratch)
    assert (scratch.root / ".git/signer.arguments").read_text().endswith("-bsau ABCD\n")


def test_a_program_that_hangs_is_ended(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("git_pliny.git.signing._PATIENCE_S", 0.2)
    with_program(scratch, "gpg.program", "#!/bin/sh\nsleep 60\n")
    began = time.monotonic()
    with pytest.raises(GitError, match=r"signer did not sign within 0\.2 s"):
        sign(scratch)
    assert time.monotonic() - began < 30


def test_what_fails_is_said_once_and_not_tried_again(scratch: Scratch) -> None:
    path = with_program(scratch, "gpg.program", '#!/bin/sh\necho tried >> "$0.log"; echo locked >&2; exit 2\n')
    scratch.git("config", "tag.gpgSign", "true")
    told: list[str] = []
    signer = Signer(scratch.repository, SignWhen.AUTO, told.append)
    user = read_user(scratch.repository)
    assert [signer.sign(b"x\n", user) for _ in range(3)] == [b"", b"", b""]
    assert len(told) == 1
    assert told[0].startswith(f"{path} did not sign: locked; checkpoints are not signed (")
    assert (scratch.root / ".git/signer.log").read_text() == "tried\n"


@pytest.mark.parametrize(("value", "wished"), [("yes", True), ("1", True), ("off", False), ("", False), (None, False)])
def test_gits_own_setting_decides(scratch: Scratch, value: str | None, wished: bool) -> None:
    with_program(scratch, "gpg.program")
    if value is not None:
        scratch.git("config", "tag.gpgSign", value)
    assert bool(sign(scratch, SignWhen.AUTO)) is wished
    assert sign(scratch, SignWhen.NEVER) == b""
