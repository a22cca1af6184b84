"""`git pliny hooks`: the git hooks that link commits with sessions, and share sessions as commits are pushed."""

import os
from collections.abc import Iterable
from pathlib import Path

from git_pliny.cli import messages, output
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.options import Json
from git_pliny.git import hooks
from git_pliny.git.hooks import Hook, State
from git_pliny.git.repository import discover


def install_command(here: Invocation, *, as_json: Json = False) -> int:
    """Put the hooks into place.

    They go where git looks for hooks (core.hooksPath, else the folder that all worktrees share). A hook that is there
    is kept as NAME.pliny-saved and runs first; its exit status decides. One that another program looks after, or that
    git tracks, is left alone: then the line to add to it is said, and the exit status is 1.
    """
    done = hooks.install(discover(here.cwd, here.environ))
    if as_json:
        output.data_json(done)
    else:
        tell_installed(here, done)
    return 0 if all(hook.state in (State.INSTALLED, State.CALLED) for hook in done) else 1


def uninstall_command(here: Invocation, *, as_json: Json = False) -> int:
    """Take the hooks away, and bring back those that were there.

    A hook that was changed since is left alone, and the exit status is 1.
    """
    done = hooks.uninstall(discover(here.cwd, here.environ))
    left = [hook for hook in done if hook.state is State.CHANGED]
    if as_json:
        output.data_json(done)
        return 1 if left else 0
    for hook in left:
        messages.warning(f"{_shown(here, hook.file)} was changed after it was installed, and is left alone")
    for hook in done:
        if hook.state is State.CALLED:
            messages.warning(
                f"{_shown(here, hook.file)} runs it still; the line to take out: {hooks.line_for(hook.hook)}"
            )
        elif hook.saved and hook.state is not State.CHANGED:
            messages.warning(f"{_shown(here, hook.saved)} is left, since there is another {hook.hook} now")
    messages.note("some hooks are left" if left else "the hooks are taken away")
    return 1 if left else 0


def status_command(here: Invocation, *, as_json: Json = False) -> None:
    """Show which of the hooks are in place.

    A hook is installed, absent, outdated (install brings it up to date), changed (by somebody, since it was
    installed), called (by a hook of somebody else's), foreign (install would keep it and run it first) or managed (by
    another program, or by the repository itself; install says the line to add).
    """
    found = hooks.look(discover(here.cwd, here.environ))
    if as_json:
        output.data_json(found)
        return
    rows = [(hook.hook, hook.state.value, _shown(here, hook.file), _remark(here, hook)) for hook in found]
    output.table(("hook", "state", "file", "remark"), rows)


def tell_installed(here: Invocation, done: Iterable[Hook]) -> None:
    """What an installation came to, and what is left for the user to do."""
    for hook in done:
        where = _shown(here, hook.file)
        if hook.state is State.CHANGED:
            messages.warning(f"{where} was changed after it was installed, and is left alone")
        elif hook.state is State.MANAGED and hook.manager == "the repository":
            messages.warning(f"{where} is tracked by git, and is left alone; the line to add to it:\n    {hook.line}")
        elif hook.state is State.MANAGED and hook.manager == "husky":
            messages.warning(f"{hook.hook} is left to husky; the line to add to {where}:\n    {hook.line}")
        elif hook.state is State.MANAGED and hook.manager == "itself":
            messages.warning(
                f"{where} goes by its own name, and is left alone; the line to add to it:\n    {hook.line}"
            )
        elif hook.state is State.MANAGED:
            messages.warning(
                f"{hook.hook} is left to {hook.manager}; what to have it run, with arguments and standard input:\n"
                f"    {hook.line}"
            )
        else:
            first = f", after {Path(hook.saved).name}" if hook.saved else ""
            messages.note(f"{hook.hook}: {where}{first}")


def _remark(here: Invocation, hook: Hook) -> str:
    if hook.manager:
        return f"looked after by {hook.manager}"
    return f"runs {_shown(here, hook.saved)} first" if hook.saved and hook.state is not State.ABSENT else ""


def _shown(here: Invocation, file: str) -> str:
    """Relative to where the user is, unless that is longer."""
    return min(os.path.relpath(file, here.cwd), file, key=len)
