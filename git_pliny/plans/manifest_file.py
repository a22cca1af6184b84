"""Manifest files: read with places, created, and written back task by task.

A write changes single values in the text that is on disk at that moment, so what a user edits meanwhile, unknown keys
and the form of the file all stay. Only an edit in the milliseconds between the reading and the renaming is lost.
"""

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import msgspec

from git_pliny.errors import ConfigError, StorageError
from git_pliny.plans import atomic, jsontext
from git_pliny.plans.decode import decode
from git_pliny.plans.files import label, read_text
from git_pliny.plans.jsontext import Change, Tree
from git_pliny.plans.manifest import Content, Manifest
from git_pliny.plans.nodes import Mapping
from git_pliny.plans.positions import quoted


def load_manifest(path: Path, root: Path | None = None) -> Manifest:
    """The manifest at `path`, which messages name relative to `root`; PlanError with the place of what is wrong."""
    return _manifest(_tree(path, root), label(path, root or path.parent))


def create_manifest(path: Path, manifest: Manifest) -> None:
    """Write a new file, and the folders above it; ConfigError where there is one already."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"the folder {quoted(str(path.parent))} can't be made: {error.strerror}") from error
    values = {key: value for key, value in _values(manifest).items() if value is not None}
    with atomic.held(path):
        if path.exists() or path.is_symlink():
            raise ConfigError(f"{quoted(str(path))} exists already")
        atomic.replace_text(path, json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def record_task(
    path: Path, task_id: str, at: str, *, completed: bool, failed: Collection[str] = (), root: Path | None = None
) -> Manifest:
    """Note in the file that a task is completed, or has failed for good, at the time `at`; the manifest as it is then.

    `failed` are the tasks of the session that have failed for good. A task that the user has taken out meanwhile, or
    that the file calls completed already, leaves the file as it is, so this can be repeated after a crash.
    """
    with atomic.held(path):
        atomic.forget_fresh(path)
        tree = _tree(path, root)
        before = _manifest(tree, label(path, root or path.parent))
        if task_id not in {task.id for task in before.tasks()}:
            return before
        change = before.with_task_completed if completed else before.with_task_failed
        after = change(task_id, at, failed=failed)
        if after.iterations != before.iterations:
            atomic.replace_text(path, jsontext.changed(tree, _changes(before, after)))
        return after


def _tree(path: Path, root: Path | None) -> Tree:
    name = label(path, root or path.parent)
    return jsontext.parse(read_text(path, name), name)


def _manifest(tree: Tree, name: str) -> Manifest:
    content = msgspec.convert(decode(tree.node, Content, "the manifest"), Content)
    assert isinstance(tree.node, Mapping)  # noqa: S101 - decode refused everything else
    return Manifest(**msgspec.structs.asdict(content), file=name, node=tree.node)


def _values(manifest: Manifest) -> dict[str, object]:
    values: dict[str, Any] = msgspec.to_builtins(msgspec.convert(manifest, Content, from_attributes=True))
    for task in (task for iteration in values["iterations"] for task in iteration["tasks"]):
        if task["metadata"] is None:
            del task["metadata"]
    return values | {"progress": manifest.progress}


def _changes(before: Manifest, after: Manifest) -> Iterator[Change]:
    for number, (old, new) in enumerate(zip(before.iterations, after.iterations, strict=True)):
        for index, (was, now) in enumerate(zip(old.tasks, new.tasks, strict=True)):
            if was.completed != now.completed:
                yield Change(("iterations", number, "tasks", index), "completed", now.completed)
        if old.status is not new.status:
            yield Change(("iterations", number), "status", new.status.value)
    yield Change((), "progress", after.progress)
    if after.updated_at is not None:
        yield Change((), "updated_at", after.updated_at)
