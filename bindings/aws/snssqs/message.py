"""Publications as messages of SNS, and what SNS has put into a queue back to them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bindings.aws import attributes
from bindings.aws.fifo import fifo_fields
from bindings.aws.sqs.message import attempt, attribute_texts, facts, sent
from bindings.contract import Publication, Received
from engine.event import EVENT_TYPE

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef


def entry_of(publication: Publication, group: str | None) -> dict[str, Any]:
    """An entry of PublishBatch without its `Id`. `group`: None for a topic that is not FIFO.

    The content type of a CloudEvent is not written, because Dapr writes none. Raises `Permanent`.
    """
    wanted = dict(publication.metadata)
    fields = fifo_fields(None, wanted, group)
    body, encoding = attributes.written(publication.data)
    content_type = "" if publication.content_type == EVENT_TYPE else publication.content_type
    own = {attributes.CONTENT_TYPE: content_type, attributes.ENCODING: encoding}
    return {**fields, "Message": body, "MessageAttributes": attributes.message_attributes(own, wanted)}


def unpacked(message: MessageTypeDef) -> tuple[str, dict[str, Any]]:
    """The name of its topic, and the notification of SNS that the message is.

    With raw delivery it is none, and nothing tells the topic: an empty text.
    """
    try:
        found = json.loads(message["Body"])
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(found.get(name), str) for name in ("Message", "TopicArn")):
        texts = {name: {"Value": value} for name, value in attribute_texts(message).items()}
        return "", {"Message": message["Body"], "MessageAttributes": texts}
    return found["TopicArn"].rpartition(":")[2], found


def received(message: MessageTypeDef, notification: Mapping[str, Any], queue: str) -> Received:
    texts = {
        name: str(attribute.get("Value", ""))
        for name, attribute in (notification.get("MessageAttributes") or {}).items()
    }
    text = notification["Message"]
    known = {"datacontenttype": texts[attributes.CONTENT_TYPE]} if attributes.CONTENT_TYPE in texts else {}
    return Received(
        str(notification.get("MessageId") or message["MessageId"]),
        attributes.read(text, texts.get(attributes.ENCODING, "")),
        {"time": sent(message), **known},
        {**attributes.others(texts), **facts(message, queue)},
        attempt(message),
        message["ReceiptHandle"],
    )
