"""moto's server, with a queue that several threads may read, and shards that end.

moto gives one message to two readers who ask at the same time, and brings one back when two are deleted at once. It
counts the whole queue anew for each message, and makes a date of each look at the clock: a thousand messages take
minutes. A shard that is split gives its records to its children, takes new ones instead of them, and never ends.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import Any

from moto.kinesis.models import KinesisBackend, Record, Stream
from moto.kinesis.utils import decompose_shard_iterator
from moto.server import main
from moto.sqs import models
from moto.sqs.models import Message, Queue, SQSBackend

_receive = SQSBackend.receive_message
_delete = Queue.delete_message
_one_at_a_time = threading.Lock()


def _receive_alone(self: SQSBackend, queue: str, count: int, wait: int, *more: Any) -> list[Message]:
    deadline = time.monotonic() + wait
    while True:
        with _one_at_a_time:
            found = _receive(self, queue, count, 0, *more)
        if found or time.monotonic() >= deadline:
            return found
        time.sleep(0.01)


def _delete_alone(self: Queue, handle: str) -> None:
    with _one_at_a_time:
        _delete(self, handle)


def _is_visible(self: Message) -> bool:
    """From the very moment on: moto's is one of the clock's ticks later."""
    return time.time() * 1000 >= self.visible_at


def _is_kept(self: SQSBackend, queue: str, message: Message) -> bool:
    kept: int = self.get_queue(queue).message_retention_period  # type: ignore[attr-defined] # set by its name
    sent: float = message.sent_timestamp or 0
    return sent / 1000 + kept > time.time()


SQSBackend.receive_message = _receive_alone  # type: ignore[method-assign, assignment]
Queue.delete_message = _delete_alone  # type: ignore[method-assign, assignment]
Message.visible = property(_is_visible)  # type: ignore[assignment, method-assign]
SQSBackend.is_message_valid_based_on_retention_period = _is_kept  # type: ignore[method-assign, assignment]

setattr(models, "unix_time", time.time)  # noqa: B010 - what a module imports is not its own for a type checker
setattr(models, "unix_time_millis", lambda: time.time() * 1000)  # noqa: B010

_split = Stream.split_shard
_get_records = KinesisBackend.get_records


def _split_and_keep(self: Stream, id: str, key: str) -> None:
    shard = self.shards[id]
    records, shard.records = shard.records, OrderedDict()
    _split(self, id, key)
    shard.records = records
    shard.ending_hash = shard.starting_hash  # no key is of a shard that is closed


def _get_to_the_end(
    self: KinesisBackend, arn: str | None, iterator: str, limit: int | None
) -> tuple[Any, list[Record], int]:
    following, records, behind = _get_records(self, arn, iterator, limit)
    stream, id, at = decompose_shard_iterator(following)
    shard = self.describe_stream(stream_arn=arn, stream_name=stream).get_shard(id)
    is_over = not shard.is_open and int(at) >= shard.get_max_sequence_number()
    return None if is_over else following, records, behind


Stream.split_shard = _split_and_keep  # type: ignore[method-assign, assignment]
KinesisBackend.get_records = _get_to_the_end  # type: ignore[method-assign, assignment]

if __name__ == "__main__":
    main()
