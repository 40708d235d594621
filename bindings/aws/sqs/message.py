"""Events as messages of SQS, and back."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bindings.aws import attributes
from bindings.aws.fifo import fifo_fields
from bindings.contract import Operation, Received
from engine.errors import Permanent
from engine.event import rfc3339

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_LONGEST_DELAY = 900  # seconds


def received(message: MessageTypeDef, queue: str) -> Received:
    texts = attribute_texts(message)
    known = attributes.event_attributes(texts)
    data = attributes.read(message["Body"], texts.get(attributes.ENCODING, ""))
    return Received(
        str(known.pop("id", "") or message["MessageId"]),
        data,
        {"time": sent(message), **known},
        {**attributes.others(texts), **facts(message, queue)},
        attempt(message),
        message["ReceiptHandle"],
    )


def attribute_texts(message: MessageTypeDef) -> dict[str, str]:
    """The message attributes by their names; a binary one in base64."""
    return {
        name: value["StringValue"] if "StringValue" in value else base64.b64encode(value["BinaryValue"]).decode()
        for name, value in message.get("MessageAttributes", {}).items()
    }


def facts(message: MessageTypeDef, queue: str) -> dict[str, str]:
    """What SQS says of a message: `SentTimestamp` as `sentTimestamp`."""
    said: Mapping[Any, str] = message.get("Attributes", {})
    named = {name[0].lower() + name[1:]: value for name, value in said.items()}
    return {**named, "messageId": message["MessageId"], "queueName": queue}


def attempt(message: MessageTypeDef) -> int:
    return int(message.get("Attributes", {}).get("ApproximateReceiveCount", "1"))


def sent(message: MessageTypeDef) -> str:
    """When, as CloudEvents writes it."""
    return rfc3339(int(message.get("Attributes", {}).get("SentTimestamp", "0")) / 1000)


def entry_of(operation: Operation, queue: str, group: str | None) -> dict[str, Any]:
    """An entry of SendMessageBatch without its `Id`. `group`: of messages that name none, if the queue is FIFO.

    Raises `Permanent` when the event or the operation's metadata cannot be written.
    """
    if operation.name != "create":
        raise Permanent(f"bindings.aws.sqs has no operation {operation.name!r}; it has create")
    event, wanted = operation.event, dict(operation.metadata)
    entry: dict[str, Any] = {}
    delay = wanted.pop("delaySeconds", None)
    if delay is not None:
        entry["DelaySeconds"] = _delay(delay)
    entry |= fifo_fields(event.id, wanted, group)
    body, encoding = attributes.written(event.data)
    own = {attributes.EVENT: attributes.of_event(event), attributes.ENCODING: encoding}
    return {**entry, "MessageBody": body, "MessageAttributes": attributes.message_attributes(own, wanted)}


def _delay(text: str) -> int:
    seconds = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= seconds <= _LONGEST_DELAY:
        raise Permanent(f"delaySeconds {text!r} is not a number from 0 to {_LONGEST_DELAY}")
    return seconds
