"""The repository in which kills are tried, and the stages that every trial goes through."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from scratch import Scratch, sealed

from git_pliny.model.events import Line
from git_pliny.model.fold import Fold
from git_pliny.store import sessions
from kills.calls import TRACED

HERE = Path(__file__).parent
STAGES = {
    "execute": ("execute", "--checkpoint", "agent"),
    "rollback": ("rollback", "before-mark"),
    "resume": ("execute", "--resume", "--checkpoint", "phase"),
    "undo": ("rollback", "--undo"),
    "delete": ("checkpoint", "delete", "before-rollback"),
}
"""The commands of a trial, in this order."""

PLANS = ("shared", "isolated")
"""The plans of trials: agents in the workspace, or some of them in worktrees of their own."""

AGAIN = {"again": ("execute", "--resume", "--checkpoint", "agent")}
"""What follows a kill in the first stage."""

MEND = ("doctor", "--fix")
"""What mends that which a kill left half done and no run came to since."""

TIMEOUT_S = 150.0
_DATES = {"GIT_AUTHOR_DATE": "@1700000000 +0000", "GIT_COMMITTER_DATE": "@1700000000 +0000"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended; `code` as subprocess gives it, None where it had to be given up."""

    command: tuple[str, ...]
    code: int | None
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One scratch repository with an agents' log beside it."""

    folder: Path
    scratch: Scratch
    token: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def log(self) -> Path:
        return self.folder / "agents.log"

    @property
    def environ(self) -> dict[str, str]:
        own = {
            "KILLS_TOKEN": self.token,
            "KILLS_LOG": str(self.log),
            "KILLS_AGENT": str(HERE / "agent.sh"),
            "KILLS_GIT": _program("git"),
        }
        return {**self.scratch.environ, **_DATES, **own}

    def start(self, stage: str, env: Mapping[str, str] | None = None) -> "Under":
        """Have a stage's command begin, in a process group of its own."""
        command = ("git-pliny", *(STAGES | AGAIN)[stage])
        files = [self.folder / f"{name}-{secrets.token_hex(4)}" for name in ("stdout", "stderr")]
        with files[0].open("wb") as stdout, files[1].open("wb") as stderr:
            process = subprocess.Popen(
                command,
                cwd=self.scratch.root,
                env={**self.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                process_group=0,
            )
        return Under(process, command, files[0], files[1])

    def pliny(self, *arguments: str) -> Ended:
        """Run a command of git pliny that nothing disturbs."""
        try:
            done = subprocess.run(
                ("git-pliny", *arguments),
                cwd=self.scratch.root,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Ended(command=arguments, code=None, stdout="", stderr="")
        return Ended(command=arguments, code=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def session(self) -> str | None:
        """The session of this trial; of several the current one, then the newest."""
        folds = {name: sessions.load(self.scratch.repository, name) for name in self.sessions()}
        current = sessions.current_session(self.scratch.repository)
        if current in folds:
            return current
        return max(folds.values(), key=lambda state: state.created_at).id if folds else None

    def sessions(self) -> set[str]:
        """The sessions of which there is an entry; a kill before the first one leaves an empty journal."""
        repository = self.scratch.repository
        return {name for name in sessions.session_ids(repository) if sessions.load_lines(repository, name)}

    def fold(self) -> Fold | None:
        """The state of that session."""
        session = self.session()
        return sessions.load(self.scratch.repository, session) if session else None

    def lines(self) -> list[Line]:
        """The entries of all sessions of this trial."""
        return [line for name in self.sessions() for line in sessions.load_lines(self.scratch.repository, name)]

    def processes(self) -> Iterator[int]:
        """The living processes that this trial started, directly or not."""
        wanted = f"KILLS_TOKEN={self.token}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    yield int(folder.name)
            except OSError:
                continue

    def kill_all(self) -> None:
        """End everything that this trial started."""
        for pid in self.processes():
            with_no_error(pid)


def with_no_error(pid: int) -> None:
    """SIGKILL to a process that may have gone."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


@dataclass(frozen=True, slots=True)
class Under:
    """A stage under way."""

    process: subprocess.Popen[bytes]
    command: tuple[str, ...]
    stdout: Path
    stderr: Path

    def wait(self) -> Ended:
        """Its end, or its end by us where it takes too long."""
        code: int | None
        try:
            code = self.process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            code = None
        texts = [file.read_text(errors="replace") for file in (self.stdout, self.stderr)]
        return Ended(command=self.command, code=code, stdout=texts[0], stderr=texts[1])


class Lab:
    """Makes trials, all equal, below one folder."""

    def __init__(self, folder: Path, keep: Path | None = None, plan: str = PLANS[0]) -> None:
        self.folder = folder
        self.keep = keep
        """Where trials with a problem are kept."""
        self._environ = _environ(folder / "home")
        template = folder / "template"
        template.mkdir(parents=True)
        made = Scratch(root=template, environ={**self._environ, **_DATES})
        made.git("init", "-q")
        made.plan((HERE / f"{plan}.yaml").read_text())
        made.write("shared.txt", "".join(f"line {number}\n" for number in range(1, 10)))
        made.write(".gitignore", "ignored.txt\n")
        made.write("ignored.txt", "never touched\n")
        made.commit("first")
        made.write("README", "not committed\n")
        self._template = template

    def trial(self, name: str, like: Trial | None = None) -> Trial:
        """A new repository, or one that stands where another trial stood."""
        folder = self.folder / name
        copy = partial(shutil.copytree, symlinks=True, copy_function=shutil.copy2)
        copy(like.scratch.root if like else self._template, folder / "repo")
        trial = Trial(folder=folder, scratch=Scratch(root=folder / "repo", environ=self._environ))
        trial.log.write_text(like.log.read_text() if like else "")
        return trial

    def traced(self, trial: Trial, **more: str) -> dict[str, str]:
        """What the environment of a stage needs, so that its processes can be traced one by one."""
        counts = trial.folder / f"counts-{secrets.token_hex(4)}"
        counts.mkdir()
        path = os.pathsep.join([str(HERE / "shim"), self._environ["PATH"]])
        hook = os.pathsep.join(filter(None, [str(HERE / "hook"), self._environ.get("PYTHONPATH")]))
        own = {
            "PATH": path,
            "PYTHONPATH": hook,
            "KILLS_COUNTS": str(counts),
            "KILLS_CALLS": TRACED,
            "KILLS_KILLED": str(trial.folder / "killed"),
            "KILLS_PLINY": _program("git-pliny"),
        }
        return {**own, **more}


def can_trace() -> bool:
    """Whether strace is here and allowed to do its work."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-qq", "-o", os.devnull, "true"], capture_output=True, check=False).returncode == 0


def settle(trial: Trial, seconds: float = 5.0) -> list[int]:
    """Wait until no process of a trial lives; those that live even so."""
    deadline = time.monotonic() + seconds
    while (left := list(trial.processes())) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def _environ(home: Path) -> dict[str, str]:
    """Sealed from the user, with the python that runs this first on a short PATH."""
    folders = [Path(sys.executable).parent, *(Path(_program(name)).parent for name in ("git", "sh", "strace"))]
    path = os.pathsep.join(dict.fromkeys(map(str, folders)))
    kept = {"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}
    return {**sealed(home), **kept, "PATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def _program(name: str) -> str:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise FileNotFoundError(name)
    return found
