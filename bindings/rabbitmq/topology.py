"""What is declared at the server: the queue of a binding, and the exchange and the queues of a topic.

Source for topics: dapr/components-contrib, pubsub/rabbitmq/rabbitmq.go, so that what a Dapr app has declared fits.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import ChannelPreconditionFailed

from bindings.contract import Subscription
from bindings.rabbitmq.metadata import RabbitMqMetadata
from bindings.rabbitmq.topic_metadata import TopicMetadata, TopicOptions
from engine.errors import DefinitionError

Arguments: TypeAlias = dict[str, Any]


async def declare_queue(channel: AbstractChannel, wanted: RabbitMqMetadata) -> None:
    """Raises `DefinitionError` when there is another one of its name."""
    arguments: Arguments = {}
    if wanted.queue_type is not None:
        arguments["x-queue-type"] = wanted.queue_type
    if wanted.ttl_in_seconds is not None:
        arguments["x-message-ttl"] = int(wanted.ttl_in_seconds * 1000)
    if wanted.max_priority is not None:
        arguments["x-max-priority"] = wanted.max_priority
    try:
        await channel.declare_queue(
            wanted.queue_name,
            durable=wanted.durable,
            exclusive=wanted.exclusive,
            auto_delete=wanted.delete_when_unused,
            arguments=arguments,
        )
    except ChannelPreconditionFailed as error:
        hint = "make durable, deleteWhenUnused, exclusive, ttlInSeconds, maxPriority and queueType those of the queue"
        raise DefinitionError(f"queue {wanted.queue_name} is there and is another one: {error}", hint=hint) from error


async def declare_exchange(channel: AbstractChannel, topic: str, wanted: TopicMetadata) -> None:
    """That of a topic; raises `DefinitionError` when there is another one of its name."""
    await _exchange(channel, topic, wanted.exchange_kind, wanted.durable, wanted.deleted_when_unused)


async def declare_subscription(
    channel: AbstractChannel, subscription: Subscription, wanted: TopicMetadata, options: TopicOptions
) -> str:
    """The exchange, the queue of the consumer, where its dead letters go, and the bindings; gives the queue's name."""
    queue = options.queue_name or f"{subscription.consumer}-{subscription.topic}"
    await declare_exchange(channel, subscription.topic, wanted)
    arguments = _limits(wanted)
    if wanted.enable_dead_letter:
        exchange, letters = f"dlx-{queue}", f"dlq-{queue}"
        await _exchange(channel, exchange, "fanout", True, wanted.deleted_when_unused)
        await _queue(channel, letters, True, wanted.deleted_when_unused, {**_limits(wanted), "x-queue-mode": "lazy"})
        await (await channel.get_queue(letters, ensure=False)).bind(exchange, "")
        arguments["x-dead-letter-exchange"] = exchange
    await _queue(channel, queue, wanted.durable, wanted.deleted_when_unused, {**arguments, **_of_options(options)})
    declared = await channel.get_queue(queue, ensure=False)
    for key in options.routing_key.split(","):
        await declared.bind(subscription.topic, key)
    return queue


def _limits(wanted: TopicMetadata) -> Arguments:
    arguments = {"x-max-length": wanted.max_len, "x-max-length-bytes": wanted.max_len_bytes}
    return {name: value for name, value in arguments.items() if value is not None}


def _of_options(options: TopicOptions) -> Arguments:
    arguments: Arguments = {
        "x-queue-type": options.queue_type,
        "x-max-priority": options.max_priority,
        "x-single-active-consumer": options.single_active_consumer or None,
        "x-max-length": options.max_len,
        "x-max-length-bytes": options.max_len_bytes,
    }
    return {name: value for name, value in arguments.items() if value is not None}


async def _exchange(channel: AbstractChannel, name: str, kind: str, durable: bool, auto_delete: bool) -> None:
    try:
        await channel.declare_exchange(name, kind, durable=durable, auto_delete=auto_delete)
    except ChannelPreconditionFailed as error:
        hint = "make exchangeKind, durable and deletedWhenUnused those of the exchange"
        raise DefinitionError(f"exchange {name} is there and is another one: {error}", hint=hint) from error


async def _queue(channel: AbstractChannel, name: str, durable: bool, auto_delete: bool, arguments: Arguments) -> None:
    try:
        await channel.declare_queue(name, durable=durable, auto_delete=auto_delete, arguments=arguments)
    except ChannelPreconditionFailed as error:
        hint = "make the component's and the subscription's metadata those of the queue, or delete the queue"
        raise DefinitionError(f"queue {name} is there and is another one: {error}", hint=hint) from error
