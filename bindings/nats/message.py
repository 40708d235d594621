"""Publications as messages of JetStream, and messages as what an input has received.

Sources: https://docs.nats.io/nats-concepts/jetstream/headers; CloudEvents NATS binding, structured mode (v1.0.2) and
binary mode with `ce-` headers (https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/nats-protocol-binding.md).
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from nats.aio.msg import Msg

from bindings.contract import Publication, Received
from bindings.nats.replies import Request
from bindings.structured import identity
from engine.errors import Permanent
from engine.event import Attribute, rfc3339

_ID = "Nats-Msg-Id"
_CONTENT_TYPE = "Content-Type"
_PREFIX = "ce-"
_OF_DAPR = {"rawPayload", "ttlInSeconds"}  # they tell the publisher what to do
_SUBJECT = re.compile(r"[^\s.*>]+(\.[^\s.*>]+)*")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def request_of(topic: str, publication: Publication) -> Request:
    """Raises `Permanent` when it cannot be written."""
    if not _SUBJECT.fullmatch(topic):
        raise Permanent(f"topic {topic!r} is not a subject of NATS: names with dots between, without * and >")
    headers = {name: value for name, value in publication.metadata.items() if name not in _OF_DAPR}
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or "\r" in value or "\n" in value:
            raise Permanent(f"metadata {name!r} cannot be a header of NATS")
    if publication.content_type:
        headers[_CONTENT_TYPE] = publication.content_type
    event = identity(publication.data)
    if event is not None:
        # The stream drops a second message of this id, whatever its subject is, and an event's id is only unique
        # within its source.
        headers.setdefault(_ID, re.sub(r"[\r\n]", " ", f"{topic} {event[0]} {event[1]}"))
    return Request(topic, publication.data, headers)


def received(message: Msg) -> Received:
    """The handle is the subject on which the message is acknowledged, over any connection."""
    headers = {name.lower(): (name, value) for name, value in (message.headers or {}).items()}
    attributes: dict[str, Attribute] = {}
    metadata: dict[str, str] = {}
    for lower, (name, value) in headers.items():
        if lower.startswith(_PREFIX):
            attributes[lower.removeprefix(_PREFIX)] = unquote(value)
        else:
            metadata[name] = value
    if "content-type" in headers:
        attributes["datacontenttype"] = headers["content-type"][1]
    stream, deliveries, sequence, time = _place(message.reply)
    attributes.setdefault("time", time)
    id = str(attributes.pop("id", "")) or headers.get(_ID.lower(), ("", ""))[1] or f"{stream}:{sequence}"
    metadata |= {"topic": message.subject, "stream": stream, "sequence": sequence, "deliveryCount": deliveries}
    return Received(id, message.data, attributes, metadata, int(deliveries), message.reply)


def _place(reply: str) -> tuple[str, str, str, str]:
    """The stream, the number of deliveries, the number in the stream, and when it was taken in.

    `$JS.ACK.STREAM.CONSUMER.DELIVERIES.SEQUENCE.CONSUMER_SEQUENCE.NANOSECONDS.PENDING`; newer servers put the domain
    and the account before the stream (https://docs.nats.io/reference/reference-protocols/nats_api_reference).
    """
    tokens = reply.split(".")
    stream, _, deliveries, sequence, _, nanoseconds = tokens[2:8] if len(tokens) < 11 else tokens[4:10]
    return stream, deliveries, sequence, rfc3339(int(nanoseconds) / 1e9)
