"""The entries of batch requests, as SQS and SNS number and answer them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bindings.aws.session import answered
from engine.errors import EventError


def numbered(entries: Sequence[Mapping[str, Any]]) -> list[Any]:
    return [{"Id": str(index), **entry} for index, entry in enumerate(entries)]


def ids(answer: Mapping[str, Any], count: int, what: str) -> Sequence[str | EventError]:
    """The id of each message that was taken, or why it was not. `what` names the queue or the topic."""
    taken = {one["Id"]: one["MessageId"] for one in answer.get("Successful", [])}
    failed = errors(answer, count, what)
    return [failed[index] or taken[str(index)] for index in range(count)]


def errors(
    answer: Mapping[str, Any], count: int, what: str, without: Collection[str] = ()
) -> Sequence[EventError | None]:
    """`without`: the codes of errors that are none."""
    found = {one["Id"]: _error(one, what) for one in answer.get("Failed", []) if one["Code"] not in without}
    return [found.get(str(index)) for index in range(count)]


def size(entry: Mapping[str, Any]) -> int:
    """What SQS and SNS count, in bytes: the body, and of each attribute the name, the type and the value."""
    texts = [entry.get("MessageBody") or entry.get("Message", ""), entry.get("Subject", "")]
    for name, value in entry.get("MessageAttributes", {}).items():
        texts += [name, value["DataType"], value["StringValue"]]
    return sum(len(text.encode()) for text in texts)


def _error(failed: Mapping[str, Any], what: str) -> EventError:
    message = f"{what}: {failed['Code']}: {failed.get('Message', '')}".rstrip(": ")
    return answered(failed["Code"], message, 400 if failed["SenderFault"] else 500)
