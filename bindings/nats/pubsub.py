from __future__ import annotations

import json
from collections.abc import Sequence

from bindings.contract import Context, InputBinding, Publication, Subscription
from bindings.nats.connection import NatsConnection
from bindings.nats.message import request_of
from bindings.nats.metadata import JetStreamMetadata
from bindings.nats.replies import Reply, Request
from bindings.nats.topic import JetStreamTopic
from engine.errors import DefinitionError, EventError, NotReady, Permanent, Retryable, Unavailable

_CONFIRM = 10.0  # seconds, for all messages of a call
_TOO_LONG = 10054  # the stream's max_msg_size: https://github.com/nats-io/nats-server/blob/main/server/errors.json


class JetStreamPubSub:
    """Publishes, and connects again with the next publication after the connection was lost."""

    def __init__(self, metadata: JetStreamMetadata, context: Context) -> None:
        self._metadata = metadata
        self._clock = context.clock
        self._connection = NatsConnection(metadata)

    async def open(self) -> None:
        await self._connection.link()

    async def publish(self, topic: str, publications: Sequence[Publication]) -> Sequence[EventError | None]:
        written = [_written(topic, publication) for publication in publications]
        requests = [one for one in written if isinstance(one, Request)]
        if not requests:
            return [one for one in written if isinstance(one, Permanent)]
        confirmed = iter(await self._confirmed(topic, requests))
        return [one if isinstance(one, Permanent) else next(confirmed) for one in written]

    def subscribe(self, subscription: Subscription) -> InputBinding:
        return JetStreamTopic(self._connection, self._metadata, subscription, self._clock)

    async def close(self) -> None:
        await self._connection.close()

    async def _confirmed(self, topic: str, requests: Sequence[Request]) -> list[EventError | None]:
        try:
            link = await self._connection.link()
        except (NotReady, DefinitionError) as error:
            return [Unavailable(str(error))] * len(requests)
        return [_outcome(topic, reply) for reply in await link.replies.ask(requests, _CONFIRM)]


def _written(topic: str, publication: Publication) -> Request | Permanent:
    try:
        return request_of(topic, publication)
    except Permanent as error:
        return error


def _outcome(topic: str, reply: Reply) -> EventError | None:
    """What the stream said to one message: where it has put it, or why it has not."""
    if isinstance(reply, EventError):
        return reply
    if not reply.data:  # nobody has taken it: the server says so itself
        command = f"nats stream add NAME --subjects '{topic}' --defaults"
        return Unavailable(f"no stream of NATS takes the subject {topic}; make one: {command}")
    if b'"error"' not in reply.data:
        return None
    error = json.loads(reply.data).get("error", {})
    text = f"the stream did not take the message: {error.get('description', 'it does not say why')}"
    if error.get("err_code") == _TOO_LONG:
        return Permanent(text)
    return Unavailable(text) if error.get("code") == 503 else Retryable(text)
