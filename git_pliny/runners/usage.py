"""What one model used, as its price follows from it."""

import msgspec


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of one request, or of several; the cached ones are among those of the input."""

    input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent used of a model; None: of the one that it was told to work with."""

    usage: Usage
    model: str | None = None
