"""Requests to models, all on one event loop in a thread of its own; importing this takes the extra `llm`.

The libraries try nothing again: that is for whoever records it. A request ends with its connection, when it is
cancelled, when its time is over, or with this process.
"""

import asyncio
import os
import socket
import threading
import time
import warnings
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError, Future
from contextlib import asynccontextmanager
from functools import cache
from types import ModuleType
from typing import Any

from pydantic_ai.direct import model_request_stream
from pydantic_ai.messages import ModelRequest, ModelResponse, PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta
from pydantic_ai.models import Model, StreamedResponse
from pydantic_ai.settings import ModelSettings

from git_pliny.model.endpoint import Endpoint, ModelCall, Style
from git_pliny.model.session import Tokens
from git_pliny.runners.answer import Answer, Pending
from git_pliny.runners.base import Attempt, Reply, Result
from git_pliny.runners.forms.reading import shortened
from git_pliny.runners.prices import price
from git_pliny.runners.results import believable
from git_pliny.runners.trouble import CutShortError, EmptyAnswerError, LimitReachedError, RefusedError, Trouble, trouble
from git_pliny.runners.usage import Usage

_LONGEST = 64 << 20
"""Bytes of an answer beyond which nobody means it."""
_LONGEST_WORD = 200
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_KEY = "none"
"""What servers get that want no key: the libraries insist on one."""


_first = threading.Lock()


def ask(attempt: Attempt, prompt: str) -> Pending:
    """Send the prompt of an attempt to its model; the text goes into the attempt's output while it comes.

    Called by many threads at once, of which the first imports what it takes.
    """
    with _first:
        request = _Request(attempt, prompt)
        return _Pending(asyncio.run_coroutine_threadsafe(request.answer(), _loop()))


class _Pending:
    def __init__(self, future: Future[Answer]) -> None:
        self._future = future

    def answer(self) -> Answer | None:
        try:
            return self._future.result()
        except CancelledError:
            return None

    def cancel(self) -> None:
        self._future.cancel()


class _Loop(asyncio.SelectorEventLoop):
    """Looks names up on threads that nobody waits for at the end: a look-up can't be ended, and may take minutes."""

    async def getaddrinfo(self, *args: Any, **options: Any) -> Any:
        found: asyncio.Future[Any] = self.create_future()

        def tell(result: Any, error: OSError | None) -> None:
            if not found.done():
                found.set_exception(error) if error else found.set_result(result)

        def look_up() -> None:
            try:
                result, problem = socket.getaddrinfo(*args, **options), None
            except OSError as error:
                result, problem = [], error
            self.call_soon_threadsafe(tell, result, problem)

        threading.Thread(target=look_up, name="name-look-up", daemon=True).start()
        return await found


@cache
def _loop() -> asyncio.AbstractEventLoop:
    warnings.filterwarnings("ignore", module=r"pydantic_ai|openai|anthropic")  # the terminal is not theirs
    loop = _Loop()
    threading.Thread(target=loop.run_forever, name="requests", daemon=True).start()
    return loop


def _style_of(endpoint: Endpoint) -> ModuleType:
    """What makes models, once its style's library is imported: each takes longer than many a request."""
    if endpoint.style is Style.ANTHROPIC:
        from git_pliny.runners import anthropic_style as style  # noqa: PLC0415 - only where it is asked for
    else:
        from git_pliny.runners import openai_style as style  # type: ignore[no-redef] # noqa: PLC0415 - as above
    return style


class _Request:
    """One request, from its prompt to the answer."""

    def __init__(self, attempt: Attempt, prompt: str) -> None:
        call = attempt.agent.model
        assert call is not None  # noqa: S101 - the registry chose by it
        self._attempt = attempt
        self._call: ModelCall = call
        self._endpoint = call.endpoint({**attempt.environ, **attempt.agent.env})
        self._style = _style_of(self._endpoint)
        self._model = self._made()
        self._prompt = prompt.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        self._parts: list[str] = []
        self._size = 0
        self._first_text_s: float | None = None
        self._begun = time.monotonic()
        self._response: ModelResponse | None = None

    def _made(self) -> Model | Exception:
        """The model, or what keeps the library from making it: a proxy that it can't use, say."""
        try:
            made: Model = self._style.model(self._call, self._endpoint, self._endpoint.key or _NO_KEY)
        except Exception as error:  # noqa: BLE001 - it is told like what goes wrong later
            return error
        return made

    async def answer(self) -> Answer:
        """The answer, or what went wrong, which also stands at the end of the output."""
        output = os.open(self._attempt.output, _APPEND, 0o600)
        try:
            return await self._answer(output)
        finally:
            os.close(output)

    async def _answer(self, output: int) -> Answer:
        limit = asyncio.timeout(None)
        try:
            async with limit:
                self._set(limit)
                await self._read(output)
        except Exception as error:  # noqa: BLE001 - whatever the libraries raise has ended the attempt, and no more
            is_late = limit.expired() and isinstance(error, TimeoutError)
            found = trouble(error, server=self._endpoint.server, secrets=self._endpoint.secrets)
            if is_late:
                found = Trouble(message=f"{self._endpoint.server} did not answer in time", exception="TimeoutError")
            text = f"error: {found.message}\n"
            os.write(output, (f"\n{text}" if self._parts else text).encode("utf-8", "replace"))
            return self._told(found, timed_out=is_late)
        return self._told(None)

    def _set(self, limit: asyncio.Timeout) -> None:
        """Count from here: what it took to import the libraries was not the server's time."""
        if self._attempt.timeout_s is not None:
            limit.reschedule(asyncio.get_running_loop().time() + self._attempt.timeout_s)

    async def _read(self, output: int) -> None:
        async with self._stream() as stream:
            async for event in stream:
                text = ""
                if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
                    text = event.part.content
                elif isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
                    text = event.delta.content_delta
                if text:
                    self._take(text, output)
            self._response = stream.get()
        self._judge(self._response)

    def _take(self, text: str, output: int) -> None:
        if self._first_text_s is None:
            self._first_text_s = time.monotonic() - self._begun
        data = text.encode("utf-8", "replace")  # servers may say half of a character
        self._size += len(data)
        if self._size > _LONGEST:
            raise LimitReachedError(f"the answer is longer than {_LONGEST >> 20} MiB")
        os.write(output, data)
        self._parts.append(data.decode())

    @asynccontextmanager
    async def _stream(self) -> AsyncIterator[StreamedResponse]:
        call = self._call
        settings: ModelSettings = self._style.SETTINGS.copy()
        if call.max_tokens is not None:
            settings["max_tokens"] = call.max_tokens
        if call.temperature is not None:
            settings["temperature"] = call.temperature
        asked = [ModelRequest.user_text_prompt(self._prompt)]
        if isinstance(self._model, Exception):
            raise self._model
        async with model_request_stream(self._model, asked, model_settings=settings, instrument=False) as stream:
            try:
                yield stream
            except BaseException:
                self._response = stream.get()  # what it has told so far counts
                raise

    def _judge(self, response: ModelResponse) -> None:
        """Whether that is a whole answer; the servers' own word for its end tells a stream that was cut off."""
        finish = _finish(response)
        if finish is None:
            raise CutShortError(f"{self._endpoint.server} closed the connection before the answer was complete")
        if response.finish_reason == "length":
            raise LimitReachedError(
                "the answer was cut off at the limit of its length; give the agent more `max_tokens`"
            )
        if response.finish_reason == "content_filter":
            raise RefusedError(f"the provider's filter held the answer back (finish reason {finish})")
        if not "".join(self._parts).strip():
            raise EmptyAnswerError(f"{self._endpoint.server} gave an empty answer (finish reason {finish})")

    def _told(self, found: Trouble | None, *, timed_out: bool = False) -> Answer:
        text = "".join(self._parts)
        result = self._result(shortened(text) if found is None else None)
        response = self._response
        reply = Reply(
            model=_named(response.model_name) if response else None,
            finish=_finish(response) if response else None,
            http_status=found.http_status if found else 200,
            first_text_s=None if self._first_text_s is None else round(self._first_text_s, 6),
        )
        if found is None:
            return Answer(text=text, result=result, reply=reply)
        return Answer(
            result=result,
            reply=reply,
            error=found.message,
            exception=found.exception,
            http_status=found.http_status,
            retry_after_s=found.retry_after_s,
            timed_out=timed_out,
        )

    def _result(self, summary: str | None) -> Result | None:
        """What it used: nothing is known of it where the server told nothing."""
        used = self._response.usage if self._response else None
        if used is None or used.unmeasured_requests or not (used.input_tokens or used.output_tokens):
            return Result(summary=summary) if summary else None
        told = Usage(
            input_tokens=used.input_tokens,
            cache_read_tokens=used.cache_read_tokens or None,
            cache_write_tokens=used.cache_write_tokens or None,
            output_tokens=used.output_tokens,
        )
        served = self._response.model_name if self._response else None
        found = price(told, models=(served, self._call.name), provider=self._call.provider)
        return believable(
            Result(
                tokens=Tokens(input=used.input_tokens, output=used.output_tokens),
                cost_usd=found.cost_usd if found else None,
                cost_from=found.source if found else None,
                summary=summary,
            )
        )


def _finish(response: ModelResponse) -> str | None:
    """Why the server says that it stopped; None where it never said so."""
    said = (response.provider_details or {}).get("finish_reason")
    return _named(said) if isinstance(said, str) else None


def _named(text: str | None) -> str | None:
    """A word of a server's as it is kept."""
    return text[:_LONGEST_WORD].encode("utf-8", "replace").decode() if text else None
