"""The trailers at the end of a checkpoint's message: `Pliny-Session: …`, `Pliny-Head: …` (DESIGN section 4)."""

import re

_TRAILER = re.compile(r"^Pliny-([A-Za-z]+): (.*)$", re.MULTILINE)


def read_trailers(text: str) -> dict[str, str]:
    """The `Pliny-…` trailers of a message, without the prefix; a signature may stand after them."""
    return dict(_TRAILER.findall(text.partition("\n-----BEGIN ")[0].rpartition("\n\n")[2]))
