"""Real repositories of many kinds for the tests of snapshots and restores, sealed from the user's home and clock."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from scratch import sealed

from git_pliny.git.repository import Repository, discover

IGNORED = "*.ign\nignored/\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A worktree to play in."""

    root: Path
    environ: dict[str, str]

    @property
    def repository(self) -> Repository:
        return discover(self.root, self.environ)

    def git(self, *arguments: str | bytes, stdin: bytes = b"", check: bool = True) -> bytes:
        done = subprocess.run(
            ["git", *arguments], cwd=self.root, env=self.environ, input=stdin, capture_output=True, check=False
        )
        assert not check or done.returncode == 0, (arguments, done.stderr)
        return done.stdout

    def write(self, path: str | bytes, content: str | bytes = "content\n", *, executable: bool = False) -> Path:
        file = self.path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        if executable:
            file.chmod(0o755)
        return file

    def path(self, path: str | bytes) -> Path:
        return self.root / os.fsdecode(path)

    def commit(self, message: str = "a commit") -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD").decode().strip()

    def other(self, root: Path) -> "Work":
        return Work(root=root, environ=self.environ)

    def files(self, *, ignored: bool = False) -> dict[str, tuple[str, bytes]]:
        """Kind (with the executable bit) and content of every file on disk; of those not ignored, or of those only."""
        found = {path: _describe(self.path(path)) for path in _walk(self.root)}
        nested = tuple(f"{Path(path).parent}/" for path in _nested(self.root))
        names = "\0".join(path for path in found if not path.startswith(nested))
        arguments = ("check-ignore", "-z", "--stdin")
        answer = self.git(*arguments, stdin=os.fsencode(names), check=False) if found else b""
        hidden = set(os.fsdecode(answer).split("\0"))
        return {path: self._as_git_sees(what) for path, what in found.items() if (path in hidden) == ignored}

    def _as_git_sees(self, what: tuple[str, bytes]) -> tuple[str, bytes]:
        kind, content = what
        config = self.git("config", "--list")
        if b"core.filemode=false" in config:
            kind = kind.replace("executable", "file")
        return kind, content.replace(b"\r", b"") if b"core.autocrlf=true" in config else content

    def facts(self) -> dict[str, object]:
        """All that the user can see of this worktree, except what is ignored.

        A file that a sparse checkout keeps off the disk counts as being there.
        """
        skipped = {record[2:] for record in self.git("ls-files", "-t", "-z").split(b"\0") if record[:1] == b"S"}
        hidden = {os.fsdecode(path): self._indexed(path) for path in skipped}
        return {
            "files": self.files() | hidden,
            "index": self.git("ls-files", "--stage", "-z"),
            "status": self.git("--no-optional-locks", "status", "--porcelain=v2", "-z", "--branch", "-uall"),
            "head": self.git("symbolic-ref", "-q", "HEAD", check=False),
            "branches": self.git("for-each-ref", "refs/heads", "refs/tags", "refs/stash"),
        }

    def _indexed(self, path: bytes) -> tuple[str, bytes]:
        mode, oid, _ = self.git("--literal-pathspecs", "ls-files", "--stage", "--", path).split(b"\t")[0].split(b" ")
        kind = {b"120000": "link", b"100755": "executable", b"100644": "file"}[mode]
        return kind, self.git("cat-file", "blob", oid)


def _walk(root: Path) -> list[str]:
    paths = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name != ".git"]
        links = [name for name in folders if Path(folder, name).is_symlink()]
        paths += [os.path.relpath(Path(folder, name), root) for name in (*names, *links) if name != ".git"]
    return sorted(paths)


def _nested(root: Path) -> list[str]:
    return [str(git.relative_to(root)) for git in root.glob("*/.git")]


def _describe(file: Path) -> tuple[str, bytes]:
    mode = file.lstat().st_mode
    if stat.S_ISLNK(mode):
        return "link", os.fsencode(file.readlink())
    if not stat.S_ISREG(mode):
        return "special", b""
    return "executable" if mode & stat.S_IXUSR else "file", file.read_bytes()


def differences(before: dict[str, object], after: dict[str, object]) -> dict[str, tuple[object, object]]:
    """What two `facts` disagree on, small enough to be read."""
    found = {key: (before[key], after[key]) for key in before if before[key] != after[key]}
    match found.get("files"):
        case (dict() as old, dict() as new):
            names = [name for name in {*old, *new} if old.get(name) != new.get(name)]
            found["files"] = ({name: old.get(name) for name in names}, {name: new.get(name) for name in names})
    return found


def _environment(folder: Path) -> dict[str, str]:
    # Submodules from a folder, which git refuses by default; and dates, so that commits are the same each time.
    return {
        **sealed(folder / "home"),
        "GIT_ALLOW_PROTOCOL": "file",
        "GIT_AUTHOR_DATE": "1700000000 +0000",
        "GIT_COMMITTER_DATE": "1700000000 +0000",
    }


def new_work(folder: Path, *arguments: str) -> Work:
    """An empty repository in `folder / "work"`."""
    work = Work(root=folder / "work", environ=_environment(folder))
    work.root.mkdir(parents=True)
    work.git("init", "-q", *arguments)
    return work


def _fill(work: Work) -> None:
    work.write(".gitignore", IGNORED)
    work.write("plain", "plain\n")
    work.write("run", "#!/bin/sh\n", executable=True)
    work.write("dir/one", "1\n")
    work.write("dir/two", "2\n")
    work.write("dir/deep/er/three", "3\n")
    work.write("binary", b"\0\1\xff\r\n" * 9)
    work.write("empty", "")
    work.path("link").symlink_to("plain")
    work.path("dir/out").symlink_to("/nowhere")
    work.write("x.ign", "ignored\n")
    work.write("ignored/deep/file", "ignored too\n")


def _plain(folder: Path, *arguments: str) -> Work:
    work = new_work(folder, *arguments)
    _fill(work)
    work.commit()
    return work


def _edited(folder: Path) -> Work:
    work = _plain(folder)
    work.write("plain", "staged\n")
    work.write("dir/new", "staged\n")
    work.git("add", "plain", "dir/new")
    work.git("rm", "-q", "--cached", "empty")
    work.write("plain", "edited after\n")
    work.write("untracked", "untracked\n")
    work.path("dir/one").unlink()
    return work


def _unborn(folder: Path) -> Work:
    work = new_work(folder)
    _fill(work)
    work.git("add", "plain", "dir/one")
    return work


def _detached(folder: Path) -> Work:
    work = _edited(folder)
    work.git("checkout", "-q", "--detach")
    return work


def _linked(folder: Path) -> Work:
    work = _plain(folder)
    linked = work.other(folder / "linked")
    work.git("worktree", "add", "-q", "-b", "side", str(linked.root))
    linked.write("untracked")
    return linked


def _filtered(folder: Path) -> Work:
    work = new_work(folder)
    work.git("config", "filter.turn.clean", "tr a-zA-Z n-za-mN-ZA-M")
    work.git("config", "filter.turn.smudge", "tr a-zA-Z n-za-mN-ZA-M")
    work.git("config", "filter.turn.required", "true")
    work.write(".gitattributes", "dir/* filter=turn\n")
    _fill(work)
    work.commit()
    return work


def _odd_names(folder: Path) -> Work:
    work = _plain(folder)
    for name in (
        b"with space",
        b"tab\there",
        b"new\nline",
        b'quote"',
        b"back\\slash",
        b"\xff\xfe",
        b"-dash",
        b":(top)",
        b"*",
    ):
        work.write(b"odd/" + name, name)
        work.write(b"loose" + name, name)
    work.git("add", "odd")
    work.git("commit", "-q", "-m", "odd")
    return work


def _sparse(folder: Path, *arguments: str) -> Work:
    work = _plain(folder)
    work.write("outside/a/file", "outside\n")
    work.write("outside/b/file", "outside\n")
    work.commit()
    work.git("sparse-checkout", "set", *arguments)
    work.write("dir/untracked", "untracked\n")
    return work


def _configured(*settings: str) -> Callable[[Path], Work]:
    def build(folder: Path) -> Work:
        work = new_work(folder)
        for setting in settings:
            name, _, value = setting.partition("=")
            work.git("config", name, value)
        _fill(work)
        work.commit()
        work.git("update-index", "--force-write-index")
        work.write("dir/untracked", "untracked\n")
        return work

    return build


def _line_ends(folder: Path) -> Work:
    work = _plain(folder)
    work.git("config", "core.autocrlf", "true")
    work.git("config", "core.safecrlf", "true")
    work.write("crlf", "a\r\nb\r\n")
    return work


def _with_nested(folder: Path) -> Work:
    work = _plain(folder)
    nested = work.other(work.path("nested"))
    nested.root.mkdir()
    nested.git("init", "-q")
    nested.write("inside")
    nested.commit()
    return work


def _with_submodule(folder: Path) -> Work:
    library = Work(root=folder / "library", environ=_environment(folder))
    library.root.mkdir(parents=True)
    library.git("init", "-q")
    library.write("inside")
    library.commit()
    work = _plain(folder)
    work.git("submodule", "--quiet", "add", str(library.root), "sub")
    work.commit()
    return work


KINDS: dict[str, Callable[[Path], Work]] = {
    "plain": _plain,
    "edited": _edited,
    "unborn": _unborn,
    "detached": _detached,
    "linked": _linked,
    "filtered": _filtered,
    "odd names": _odd_names,
    "cone": lambda folder: _sparse(folder, "--cone", "dir"),
    "sparse index": lambda folder: _sparse(folder, "--cone", "--sparse-index", "dir"),
    "patterns": lambda folder: _sparse(folder, "--no-cone", "/dir/", "/plain"),
    "split index": _configured("core.splitIndex=true"),
    "untracked cache": _configured("core.untrackedCache=true"),
    "broken monitor": _configured("core.fsmonitor=/bin/true"),
    "line ends": _line_ends,
    "no file mode": _configured("core.fileMode=false"),
    "version 4": _configured("index.version=4"),
    "nested": _with_nested,
    "submodule": _with_submodule,
    "sha256": lambda folder: _plain(folder, "--object-format=sha256"),
}


def without_privileges() -> list[str]:
    """What to put before a command so that even root is refused what a file's mode forbids."""
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        pytest.skip("root may read everything here, and setpriv, which takes that away, is missing")
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


def interfere(work: Work, folder: Path, script: str) -> Work:
    """The same worktree where every git runs `script` first; it sees the command as $*, and git itself as $GIT."""
    folder.mkdir()
    git = shutil.which("git", path=work.environ["PATH"])
    program = folder / "git"
    program.write_text(f'#!/bin/sh\nGIT={git}\n{script}\nexec {git} "$@"\n')
    program.chmod(0o755)
    return Work(root=work.root, environ={**work.environ, "PATH": f"{folder}{os.pathsep}{work.environ['PATH']}"})


def run_apart(work: Work, code: str, *, privileges: bool = True) -> subprocess.CompletedProcess[str]:
    """Run code, given `repository`, in a process of its own."""
    prelude = (
        "import os\nfrom pathlib import Path\nfrom git_pliny.errors import PlinyError\n"
        "from git_pliny.git.repository import Head, discover\nfrom git_pliny.git.restore import *\n"
        "from git_pliny.git.snapshot import Snapshot, capture\nrepository = discover(Path.cwd(), dict(os.environ))\n"
    )
    command = [*([] if privileges else without_privileges()), sys.executable, "-c", prelude + code]
    environ = {**work.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(command, cwd=work.root, env=environ, capture_output=True, text=True, check=False)
