"""The expressions by which a line of output tells its cause, in the order in which they are tried.

The first one that fits a line decides it, so what is permanent stands above what passes (a used-up quota above a rate
limit) and what is special above what is general (a lock above a timeout). The patterns are for text in lower case; they
have no nested repetition and only bounded gaps, so that no output can make them slow.
"""

from git_pliny.model.failure_access import ACCESS
from git_pliny.model.failure_data import REST
from git_pliny.model.failure_machine import MACHINE
from git_pliny.model.failure_meanings import Words
from git_pliny.model.failure_network import NETWORK_WORDS
from git_pliny.model.failure_services import SERVICES, VAGUE_SERVICES

WORDS: tuple[Words, ...] = (*SERVICES, *ACCESS, *MACHINE, *NETWORK_WORDS, *REST)

VAGUE: tuple[Words, ...] = VAGUE_SERVICES
"""Tried last, after codes and statuses: what services say when they do not say what happened."""
