"""The durable pull consumer of a topic: found or made in the stream that takes the subject."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime

import nats.errors
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo, DeliverPolicy
from nats.js.client import JetStreamContext
from nats.js.errors import APIError, BadRequestError, NotFoundError, ServiceUnavailableError

from bindings.contract import Subscription
from bindings.nats.metadata import JetStreamMetadata
from engine.errors import DefinitionError, JackfieldError, NotReady

_ACK_WAIT = 30.0  # seconds: the server's default
_NO_STREAM, _NOT_AS_WANTED = 10059, 10012  # https://github.com/nats-io/nats-server/blob/main/server/errors.json
_SETTINGS = (
    "deliver_policy",
    "opt_start_seq",
    "opt_start_time",
    "ack_wait",
    "max_deliver",
    "backoff",
    "max_ack_pending",
    "num_replicas",
    "mem_storage",
)
_POLICIES = {
    "all": DeliverPolicy.ALL,
    "last": DeliverPolicy.LAST,
    "new": DeliverPolicy.NEW,
    "sequence": DeliverPolicy.BY_START_SEQUENCE,
    "time": DeliverPolicy.BY_START_TIME,
}
_SUBJECT = re.compile(r"[^\s.]+(\.[^\s.]+)*")
_ILLEGAL = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Consumer:
    """`patience`: the seconds after which the server gives a message out again when it hears nothing."""

    stream: str
    name: str
    patience: float


async def bind(jetstream: JetStreamContext, metadata: JetStreamMetadata, subscription: Subscription) -> Consumer:
    """Raises `NotReady` while there is no stream, `DefinitionError` when the consumer cannot be what is wanted."""
    topic = subscription.topic
    if not _SUBJECT.fullmatch(topic):
        raise DefinitionError(f"topic {topic!r} is not a subject of NATS", hint="names with dots between: orders.new")
    wanted = _wanted(metadata, subscription)
    try:
        stream = metadata.stream_name or await jetstream.find_stream_name_by_subject(topic)
        info = await _find(jetstream, stream, wanted.name or "")
        if info is not None:
            _check(info, wanted)
        if info is None or info.config is None:
            info = await jetstream.add_consumer(stream, wanted)
        elif changes := _changes(info.config, wanted):
            info = await jetstream.add_consumer(stream, info.config.evolve(**changes))
    except (nats.errors.Error, OSError) as error:
        raise _refused(error, metadata, topic) from error
    config = info.config or wanted
    return Consumer(stream, info.name, min([config.ack_wait or _ACK_WAIT, *(config.backoff or [])]))


def consumer_name(metadata: JetStreamMetadata, subscription: Subscription) -> str:
    """One name for one group and topic, of the characters that a name may have."""
    if metadata.durable_name is not None:
        return metadata.durable_name
    group = metadata.queue_group_name or subscription.consumer
    digest = hashlib.sha256(f"{group}\0{subscription.topic}".encode()).hexdigest()[:8]
    return f"{_ILLEGAL.sub('_', f'{group}-{subscription.topic}')[:100]}-{digest}"


def _wanted(metadata: JetStreamMetadata, subscription: Subscription) -> ConsumerConfig:
    name = consumer_name(metadata, subscription)
    policy = metadata.deliver_policy
    start = metadata.start_time if policy == "time" else None
    return ConsumerConfig(
        name=name,
        durable_name=name,
        filter_subject=subscription.topic,
        deliver_policy=_POLICIES[policy],
        opt_start_seq=metadata.start_sequence if policy == "sequence" else None,
        opt_start_time=None if start is None else datetime.fromtimestamp(start, UTC),
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=metadata.ack_wait,
        max_deliver=metadata.max_deliver,
        backoff=metadata.back_off or None,
        max_ack_pending=metadata.max_ack_pending,
        num_replicas=metadata.replicas,
        mem_storage=True if metadata.memory_storage else None,
    )


async def _find(jetstream: JetStreamContext, stream: str, name: str) -> ConsumerInfo | None:
    try:
        info: ConsumerInfo = await jetstream.consumer_info(stream, name)
    except NotFoundError as error:
        if error.err_code == _NO_STREAM:
            raise
        return None
    return info


def _check(info: ConsumerInfo, wanted: ConsumerConfig) -> None:
    config = info.config or ConsumerConfig()
    if config.deliver_subject:
        hint = f"another program made it; name another durableName, or: nats consumer rm {info.stream_name} {info.name}"
        raise DefinitionError(f"consumer {info.name} is one that the server pushes to", hint=hint)
    if config.filter_subject != wanted.filter_subject:
        hint = "durableName is for one topic: leave it out, or make a component for each topic"
        raise DefinitionError(f"consumer {info.name} is there, and reads {config.filter_subject}", hint=hint)


def _changes(there: ConsumerConfig, wanted: ConsumerConfig) -> dict[str, object]:
    """What the metadata sets and is not so. What they do not set stays as it is: a person may have changed it."""
    pairs = ((name, getattr(wanted, name), getattr(there, name)) for name in _SETTINGS)
    changes = {name: value for name, value, now in pairs if value is not None and value != now}
    return {**changes, "name": there.durable_name} if changes else {}


def _refused(error: Exception, metadata: JetStreamMetadata, topic: str) -> JackfieldError:
    where = f"NATS at {metadata.shown}"
    if isinstance(error, NotFoundError):
        name = metadata.stream_name or _ILLEGAL.sub("_", topic).strip("_").upper()
        command = f"nats stream add {name} --subjects '{topic}' --defaults"
        what = f"has no stream {name}" if metadata.stream_name else f"has no stream that takes the subject {topic}"
        return NotReady(f"{where} {what}; make one: {command}")
    if isinstance(error, BadRequestError) or (isinstance(error, APIError) and error.err_code == _NOT_AS_WANTED):
        hint = "make the metadata those of the consumer that is there, or delete it"
        return DefinitionError(f"{where} refuses the consumer of topic {topic}: {error.description}", hint=hint)
    if isinstance(error, ServiceUnavailableError) and error.code is None:
        return NotReady(f"{where} has no JetStream; start it with nats-server -js")
    reason = error.description if isinstance(error, APIError) else str(error)
    return NotReady(f"{where} does not answer for topic {topic}: {reason or type(error).__name__}")
