"""Data and message attributes of SQS and SNS: text, because both carry nothing else.

AWS has no binding of CloudEvents, and a message may have ten attributes: those of the event are one of them, as JSON.
Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any

from engine.errors import Permanent
from engine.event import Attribute, Event, flat_json

EVENT, ENCODING, CONTENT_TYPE = "cloudEvents", "dataEncoding", "contentType"
_OWN = {EVENT, ENCODING, CONTENT_TYPE}
_MOST = 10
_EMPTY = "-"  # the body of a message without data: it must have a character
_NO_TEXT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAME = re.compile(r"(?!(?i:aws\.|amazon\.))[\w-]+(\.[\w-]+)*", re.ASCII)


def written(data: bytes | None) -> tuple[str, str]:
    """The body, and how the data is encoded in it: an empty text when it is the body."""
    if not data:
        return _EMPTY, "empty"
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    return (text, "") if not _NO_TEXT.search(text) else (base64.b64encode(data).decode(), "base64")


def read(body: str, encoding: str) -> bytes:
    """The opposite; a body that is not what its encoding says stays as it is."""
    if encoding == "empty":
        return b""
    if encoding == "base64":
        try:
            return base64.b64decode(body, validate=True)
        except binascii.Error:
            pass
    return body.encode()


def message_attributes(own: Mapping[str, str], more: Mapping[str, str]) -> dict[str, Any]:
    """As SendMessage and Publish take them; `own` have our names. Those without a value are left out.

    Raises `Permanent` when they are too many, or one cannot be the name of an attribute.
    """
    for name in more:
        if not _NAME.fullmatch(name) or len(name) > 256:
            raise Permanent(f"{name!r} cannot be the name of a message attribute")
    texts = {name: value for name, value in {**more, **own}.items() if value}
    if len(texts) > _MOST:
        raise Permanent(f"a message has at most {_MOST} attributes, not {len(texts)}: {', '.join(texts)}")
    return {name: {"DataType": "String", "StringValue": value} for name, value in texts.items()}


def of_event(event: Event) -> str:
    """The attributes of an event as one message attribute."""
    return flat_json(event.attributes)


def event_attributes(texts: Mapping[str, str]) -> dict[str, Attribute]:
    """Those that a message has, `id` among them."""
    try:
        found = json.loads(texts.get(EVENT, "{}"))
    except (ValueError, RecursionError):
        found = {}
    attributes: dict[str, Attribute] = {}
    if isinstance(found, dict):
        attributes = {
            name: value
            for name, value in found.items()
            if isinstance(value, str | int | bool) and re.fullmatch("[a-z0-9]+", name)
        }
    if CONTENT_TYPE in texts:
        attributes.setdefault("datacontenttype", texts[CONTENT_TYPE])
    return attributes


def others(texts: Mapping[str, str]) -> dict[str, str]:
    """The attributes of a message that are not ours."""
    return {name: value for name, value in texts.items() if name not in _OWN}
