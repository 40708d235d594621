from __future__ import annotations

import asyncio
import hmac
from collections.abc import Sequence
from typing import Literal

from aiohttp import web

from bindings.contract import Outcome, Received, Settled
from bindings.http.answer import accepted, busy, refusal, reply
from bindings.http.exchange import Exchange
from bindings.http.message import messages
from bindings.http.metadata import HttpMetadata
from engine.errors import Permanent

_CAPACITY = 1000  # messages that wait to be read
_CLOUDEVENTS = "see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md"


class Webhook:
    """The engine routes `/webhooks/NAME` to `handle`; each request is answered when its events are settled."""

    def __init__(self, metadata: HttpMetadata) -> None:
        self._metadata = metadata
        self.redelivery: Literal["native", "store", "none"] = (
            "store" if metadata.durable and not metadata.reply else "none"
        )
        self._waiting: asyncio.Queue[Received] = asyncio.Queue()
        self._exchanges: set[Exchange] = set()
        self._is_open = False

    async def open(self) -> None:
        self._is_open = True

    async def read(self, limit: int) -> Sequence[Received]:
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < limit and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            # Whose caller is gone, or was answered by a time-out, comes again from there.
            if batch := [one for one in batch if one.handle[0] in self._exchanges]:
                return batch

    async def settle(self, settled: Sequence[Settled]) -> None:
        for one in settled:
            exchange, index = one.received.handle
            exchange.settle(index, one)

    async def close(self) -> None:
        self._is_open = False
        for exchange in self._exchanges:
            exchange.give_up()
        self._exchanges.clear()  # at once: who opens and reads before the callers are answered gets none of theirs

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if refused := self._refuse(request):
            return refused
        try:
            async with asyncio.timeout(self._metadata.reply_timeout):
                body = await _read_body(request, self._metadata.max_body_size)
            if body is None:
                limit = self._metadata.max_body_size
                return refusal(413, f"the body is larger than {limit} bytes", "send less, or raise maxBodySize")
            received = messages(request, body)
        except Permanent as error:
            return refusal(400, f"the request is not a valid CloudEvent: {error}", _CLOUDEVENTS)
        except web.RequestPayloadError as error:
            return refusal(400, f"the body cannot be read: {' '.join(str(error).split())}", "send it again")
        except TimeoutError:
            return refusal(408, "the body did not arrive in time", "send it again, or raise replyTimeout")
        # Asked only now: others came while the body did.
        if not self._is_open or self._waiting.qsize() >= _CAPACITY:
            return busy("too many requests are waiting, or the engine is stopping")
        return await self._exchange(received) if received else accepted([])

    def _refuse(self, request: web.Request) -> web.Response | None:
        allowed = self._metadata.allowed_methods
        if request.method not in allowed:
            names = ", ".join(allowed)
            return refusal(405, f"{request.method} is not taken here", f"send {names}", {"Allow": names})
        if self._metadata.token and not _is_token(request, self._metadata.token.get_secret_value()):
            hint = "send the header Authorization: Bearer TOKEN"
            return refusal(401, "the token is missing or wrong", hint, {"WWW-Authenticate": "Bearer"})
        return None

    async def _exchange(self, received: Sequence[Received]) -> web.Response:
        exchange = Exchange(len(received))
        self._exchanges.add(exchange)
        for index, one in enumerate(received):
            one.handle = (exchange, index)
            self._waiting.put_nowait(one)
        try:
            async with asyncio.timeout(self._metadata.reply_timeout):
                settled = await exchange.outcome
        except TimeoutError:
            timeout = f"{self._metadata.reply_timeout:g}s"
            return refusal(504, f"the event was not finished within {timeout}", "send it again, or raise replyTimeout")
        finally:
            self._exchanges.discard(exchange)
        if not settled or any(one.outcome is Outcome.RELEASED for one in settled):
            return busy("the engine is stopping or reloading")
        return reply(settled) if self._metadata.reply else accepted(settled)


async def _read_body(request: web.Request, limit: int) -> bytes | None:
    """None when it is larger. `request.read` would apply the limit of the whole server instead."""
    if (request.content_length or 0) > limit:
        return None
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)


def _is_token(request: web.Request, token: str) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    is_same = hmac.compare_digest(given.strip().encode(errors="surrogateescape"), token.encode())
    return is_same and scheme.lower() == "bearer"
