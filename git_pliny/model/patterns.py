"""Regular expressions that are compiled when they are first used: most runs fail nowhere and never need one."""

import re
from functools import cache


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
