"""Edits a worktree at random, the way people and agents do."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from snapshot_repos import Work


class Editor:
    """Edits a worktree at random, the way people and agents do; the same seed gives the same edits."""

    def __init__(self, work: Work, seed: int) -> None:
        self.work, self.random = work, random.Random(seed)

    def edit(self, times: int) -> None:
        for _ in range(times):
            self.random.choice(_EDITS)(self)

    def name(self) -> str:
        names = (
            "plain",
            "run",
            "dir",
            "dir/one",
            "dir/deep",
            "dir/deep/er/three",
            "link",
            "new",
            "new/er",
            "dir/a b",
            "ü",
        )
        return self.random.choice([*names, "x.ign", "outside/a/file", "outside/c", "dir/\udcff"])

    def some_file(self) -> Path | None:
        files = [path for path in self.work.files() if not path.startswith(("nested", "sub/", ".git"))]
        return self.work.path(self.random.choice(files)) if files else None

    def make_way(self, file: Path) -> None:
        for parent in [*reversed(file.parents)]:
            if parent != self.work.root and self.work.root in parent.parents and not parent.is_dir():
                parent.unlink(missing_ok=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.is_dir() and not file.is_symlink():
            shutil.rmtree(file)
        file.unlink(missing_ok=True)

    def write(self) -> None:
        file = self.work.path(self.name())
        self.make_way(file)
        file.write_bytes(self.random.randbytes(self.random.choice([0, 3, 500])) + b"\n")

    def append(self) -> None:
        if (file := self.some_file()) and not file.is_symlink():
            file.write_bytes(file.read_bytes() + b"more\n")

    def remove(self) -> None:
        if file := self.some_file():
            file.unlink()

    def rename(self) -> None:
        file, to = self.some_file(), self.work.path(self.name())
        if file and file not in to.parents and to not in file.parents and to != file:
            self.make_way(to)
            if os.path.lexists(file):
                file.rename(to)

    def change_mode(self) -> None:
        if (
            self.work.git("config", "core.fileMode") == b"true\n"
            and (file := self.some_file())
            and not file.is_symlink()
        ):
            file.chmod(self.random.choice([0o644, 0o755]))

    def link(self) -> None:
        file = self.work.path(self.name())
        self.make_way(file)
        file.symlink_to(self.random.choice(["plain", "dir", "..", "nowhere"]))

    def stage(self) -> None:
        if file := self.some_file():
            self.work.git("add", "--sparse", "-f", "--", str(file.relative_to(self.work.root)), check=False)

    def unstage(self) -> None:
        if file := self.some_file():
            self.work.git("rm", "-q", "--cached", "--", str(file.relative_to(self.work.root)), check=False)

    def commit(self) -> None:
        self.work.git("commit", "-q", "-m", "another", check=False)

    def commit_all(self) -> None:
        self.work.git("commit", "-q", "-a", "-m", "another", check=False)


_EDITS: list[Callable[[Editor], None]] = [
    *[Editor.write] * 4,
    *[Editor.append] * 3,
    *[Editor.remove] * 3,
    *[Editor.rename] * 2,
    Editor.change_mode,
    Editor.link,
    *[Editor.stage] * 2,
    Editor.unstage,
    Editor.commit,
    Editor.commit_all,
]
