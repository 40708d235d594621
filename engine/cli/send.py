"""`jackfield send`: puts events into a queue, or into any other output."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli import DEFAULT_STORE
from engine.counted import counted
from engine.errors import DefinitionError, EventError

if TYPE_CHECKING:
    from engine.event import Event

EXAMPLE = """jackfield send orders --data '{"id": 1}'
  jackfield send orders --file orders.jsonl --lines"""

_AT_ONCE = 500


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("component", metavar="COMPONENT", help="the name of a component that can be an output")
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument("--data", metavar="TEXT", help="the data of one event")
    data.add_argument("--file", metavar="FILE", help="a file with the data; - is the standard input")
    parser.add_argument("--lines", action="store_true", help="one event for each line of the file")
    parser.add_argument("--type", default="jackfield.sent", help="CloudEvents type (default: jackfield.sent)")
    parser.add_argument("--subject", help="CloudEvents subject")
    parser.add_argument("--dir", default="pipelines", metavar="DIR", help="the definitions (default: pipelines)")
    parser.add_argument("--store", default=DEFAULT_STORE, metavar="URL", help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    sent, landed = asyncio.run(_send(arguments))
    print(f"sent {counted(sent, 'event')} to {landed}")
    return 0


async def _send(arguments: argparse.Namespace) -> tuple[int, str]:
    from bindings.contract import Operation
    from engine.tool import opened_output

    sent, landed = 0, arguments.component
    async with opened_output(arguments.dir, arguments.store, arguments.component) as (binding, operation):
        for batch in _batches(_events(arguments)):
            for result in await binding.invoke([Operation(operation, event, {}) for event in batch]):
                if isinstance(result, EventError):
                    raise DefinitionError(f"event {sent + 1} was not sent: {result}")
                sent += 1
                landed = result.landed or landed
    return sent, landed


def _batches(events: Iterator[Event]) -> Iterator[list[Event]]:
    batch: list[Event] = []
    for event in events:
        batch.append(event)
        if len(batch) == _AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _events(arguments: argparse.Namespace) -> Iterator[Event]:
    import time
    import uuid

    from engine.envelope import sniff
    from engine.event import Event, rfc3339

    for data in _data(arguments):
        attributes = {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "source": "/jackfield/send",
            "type": arguments.type,
            "time": rfc3339(time.time()),
            "datacontenttype": sniff(data),
        }
        yield Event({**attributes, **({"subject": arguments.subject} if arguments.subject else {})}, data)


def _data(arguments: argparse.Namespace) -> Iterator[bytes]:
    if arguments.data is not None:
        yield arguments.data.encode()
        return
    try:
        with sys.stdin.buffer if arguments.file == "-" else Path(arguments.file).open("rb") as file:
            if arguments.lines:
                yield from (line.rstrip(b"\r\n") for line in file if line.strip())
            else:
                yield file.read()
    except OSError as error:
        raise DefinitionError(f"cannot read {arguments.file}: {error.strerror}") from error
