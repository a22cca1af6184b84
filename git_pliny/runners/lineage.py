"""The mark that every process of an attempt inherits: `PLINY_LINEAGE`, by which descendants are recognised.

It is a list of tokens `<session>.<run>.<attempt>.<agent>` with `/` between them, the outermost first: an `execute`
inside an agent is a session of its own, and appends. A process that empties its environment is not recognised by it.
"""

from git_pliny.model import names

VARIABLE = "PLINY_LINEAGE"


def extended(lineage: str, *, session: str, run: str, number: int, agent: str) -> str:
    """The lineage of an attempt that is started where `lineage` is in the environment."""
    token = f"{session}.{run}.{number}.{names.encode(agent)}"
    return f"{lineage}/{token}" if lineage else token


def contains(lineage: str, *, session: str, agent: str) -> bool:
    """Whether an attempt of that agent, in whatever run, is among the ancestors."""
    who = session, names.encode(agent)
    return any(_session_and_agent(token) == who for token in lineage.split("/"))


def ends_with(lineage: str, *, session: str, agent: str) -> bool:
    """Whether an attempt of that agent is the nearest ancestor: no other one is between."""
    return _session_and_agent(lineage.rpartition("/")[2]) == (session, names.encode(agent))


def _session_and_agent(token: str) -> tuple[str, str]:
    session, _, rest = token.partition(".")
    return session, rest.split(".", 2)[-1]
