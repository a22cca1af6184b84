"""What looks like a secret, named before a push carries it away."""

from git_pliny.cli import messages, render
from git_pliny.cli.invocation import Invocation
from git_pliny.cli.workbench import Workbench
from git_pliny.errors import PlinyError
from git_pliny.sharing.exchange import Exchange
from git_pliny.store.secrets import look_through

_MOST = 20


def check_secrets(here: Invocation, bench: Workbench, exchange: Exchange, *, allowed: bool, again: str) -> None:
    """Name them; go on only where they are allowed, or the user at the terminal says yes."""
    if allowed or bench.settings.sharing.allow_secrets:
        return
    starts, known = exchange.carried()
    found = list(look_through(bench.repository, bench.masker, starts, known=known))
    if not found:
        return
    for secret in found[:_MOST]:
        messages.warning(f"a checkpoint has {secret.path or secret.oid}, which looks like a secret: {secret.why}")
    if len(found) > _MOST:
        messages.warning(f"and {len(found) - _MOST} more")
    if here.stdin_is_terminal and here.stderr_is_terminal and messages.confirmed("Send them all the same?"):
        return
    raise PlinyError(
        f"nothing was sent: {render.plural(len(found), 'file')} in checkpoints may hold secrets",
        hint=f"{again} --allow-secrets   (to keep them out of checkpoints: list them in .gitignore)",
    )
