from __future__ import annotations

import json
import re
from typing import Any

from bindings.aws import attributes
from bindings.aws.fifo import fifo_fields
from bindings.contract import Operation
from engine.errors import Permanent
from engine.event import is_json

_SUBJECT = re.compile(r"[\x20-\x7e]{1,100}")


def entry_of(operation: Operation, group: str | None) -> dict[str, Any]:
    """An entry of PublishBatch without its `Id`. `group`: of messages that name none, if the topic is FIFO.

    Raises `Permanent` when the event or the operation's metadata cannot be written.
    """
    if operation.name != "create":
        raise Permanent(f"bindings.aws.sns has no operation {operation.name!r}; it has create")
    event, wanted = operation.event, dict(operation.metadata)
    data, subject = _of_dapr(event.data) if is_json(event.content_type) else (event.data, "")
    subject = wanted.pop("subject", "") or subject
    fields = fifo_fields(event.id, wanted, group)
    if subject:
        if not _SUBJECT.fullmatch(subject):
            raise Permanent(f"subject {subject[:100]!r} is not 1 to 100 characters of ASCII on one line")
        fields["Subject"] = subject
    body, encoding = attributes.written(data)
    own = {attributes.EVENT: attributes.of_event(event), attributes.ENCODING: encoding}
    return {**fields, "Message": body, "MessageAttributes": attributes.message_attributes(own, wanted)}


def _of_dapr(data: bytes | None) -> tuple[bytes | None, str]:
    """The message and its subject in the object that Dapr's binding takes, `{"message": …, "subject": …}`.

    All other data is the message itself; of Dapr's it would be lost.
    """
    try:
        found = json.loads(data or b"")
    except (ValueError, RecursionError):
        return data, ""
    if not isinstance(found, dict) or "message" not in found or not found.keys() <= {"message", "subject"}:
        return data, ""
    return _text(found["message"]).encode(), _text(found.get("subject", ""))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)
