"""Requests of NATS whose replies come in any order: a batch of them is one round trip."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error, MaxPayloadError

from bindings.waiting import Waiting
from engine.errors import EventError, Permanent, TimedOut, Unavailable

Reply: TypeAlias = Msg | EventError


@dataclass(frozen=True, slots=True)
class Request:
    subject: str
    payload: bytes
    headers: Mapping[str, str] | None = None


class Replies:
    """One inbox of a connection, for all of its requests."""

    def __init__(self, client: Client) -> None:
        self.complaint = ""  # what the server said last: it does not say of which request
        self._client = client
        self._inbox = client.new_inbox()
        self._numbers = itertools.count(1)
        self._waiting: Waiting[str, Reply] = Waiting()

    async def start(self) -> None:
        # Without limits: nats-py drops what is beyond them.
        await self._client.subscribe(f"{self._inbox}.*", cb=self._arrived, pending_msgs_limit=0, pending_bytes_limit=0)

    async def ask(self, requests: Sequence[Request], timeout: float) -> list[Reply]:
        """One reply or error for each, in the same order; `timeout` in seconds is for all of them."""
        tokens = [str(next(self._numbers)) for _ in requests]
        batch = self._waiting.expect(tokens)
        for token, request in zip(tokens, requests, strict=True):
            await self._send(token, request)
        return await batch.answers(timeout, lambda: self._late(timeout))

    def broken(self, reason: str) -> None:
        """No reply comes any more."""
        self._waiting.end(Unavailable(reason))

    async def _send(self, token: str, request: Request) -> None:
        headers = dict(request.headers) if request.headers else None
        try:
            await self._client.publish(request.subject, request.payload, f"{self._inbox}.{token}", headers)
        except MaxPayloadError:
            limit = self._client.max_payload
            error = Permanent(f"the message is longer than the server takes: {limit:,} bytes (max_payload)")
            self._waiting.answer(token, error)
        except (Error, OSError) as error:
            self._waiting.answer(token, Unavailable(f"NATS: {error}"))

    async def _arrived(self, message: Msg) -> None:
        self._waiting.answer(message.subject.rpartition(".")[2], message)

    def _late(self, timeout: float) -> TimedOut:
        why = f": {self.complaint}" if self.complaint else ""
        return TimedOut(f"NATS has not answered within {timeout:.0f} s{why}")
