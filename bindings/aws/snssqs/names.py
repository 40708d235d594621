"""Names of topics and queues, and the policy of a queue, as Dapr's pubsub.aws.snssqs makes them: what Dapr has made is
found again.
"""

from __future__ import annotations

import json
import re
from typing import Any

_SUFFIX = ".fifo"
_LONGEST = 80
_PARTITIONS = {
    "cn-": "aws-cn",
    "eusc-": "aws-eusc",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
    "us-gov-": "aws-us-gov",
}


def aws_name(name: str, fifo: bool) -> str:
    """Without the characters that AWS does not allow, at most 80 of them."""
    plain = re.sub("[^a-zA-Z0-9_-]", "", name.removesuffix(_SUFFIX) if fifo else name)
    return plain[: _LONGEST - len(_SUFFIX)] + _SUFFIX if fifo else plain[:_LONGEST]


def partition_of(region: str) -> str:
    return next((partition for prefix, partition in _PARTITIONS.items() if region.startswith(prefix)), "aws")


def allowing(policy: str, queue: str, topic: str) -> str | None:
    """The policy of a queue with one statement more, which lets the topic send to it; None if it has that already."""
    document: dict[str, Any] = json.loads(policy) if policy else {"Version": "2012-10-17"}
    statements = document.get("Statement") or []
    for statement in statements:
        source = statement.get("Condition", {}).get("ArnEquals", {}).get("aws:SourceArn")
        if statement.get("Resource") == queue and source == topic:
            return None
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    return json.dumps({**document, "Statement": [*statements, allowed]})
