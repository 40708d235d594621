"""What a message of a FIFO queue or topic says beside its body."""

from __future__ import annotations

import hashlib
import re

_DEDUPLICATION_ID = re.compile(r"[\w!\"#$%&'()*+,\-./:;<=>?@\[\\\]^`{|}~]{1,128}", re.ASCII)


def fifo_fields(id: str | None, wanted: dict[str, str], group: str | None) -> dict[str, str]:
    """The fields of an entry, taken out of `wanted`, which is the metadata of an operation.

    `id`: the event's, so that what is sent again within five minutes is dropped; None where AWS compares the bodies.
    `group`: of messages that name none; None for a queue or topic that is not FIFO.
    """
    named = wanted.pop("messageGroupId", None) or group
    deduplication = wanted.pop("messageDeduplicationId", None) or (deduplication_id(id) if group and id else None)
    fields = {"MessageGroupId": named, "MessageDeduplicationId": deduplication}
    return {name: value for name, value in fields.items() if value}


def deduplication_id(id: str) -> str:
    """The id as it is, or its hash when it has characters or a length that AWS forbids."""
    return id if _DEDUPLICATION_ID.fullmatch(id) else hashlib.sha256(id.encode()).hexdigest()
