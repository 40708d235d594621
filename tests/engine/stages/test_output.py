from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from bindings.contract import Operation, Result
from engine.definitions.pipeline import Output
from engine.errors import EventError, Permanent, Retryable
from engine.event import Event
from engine.stages.output import OutputStage
from tests.engine.stages.passages import error_of, event_of, passage, surroundings


class Sink:
    """An output that keeps the operations, and answers each with `reply`."""

    def __init__(self, reply: Callable[[Operation], Result | EventError] = lambda _: Result()) -> None:
        self.calls: list[list[Operation]] = []
        self._reply = reply

    async def open(self) -> None:
        pass

    async def invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
        self.calls.append(list(operations))
        return [self._reply(operation) for operation in operations]

    async def close(self) -> None:
        pass

    @property
    def operations(self) -> list[Operation]:
        return [operation for call in self.calls for operation in call]


def stage(sink: Sink, **output: Any) -> OutputStage:
    definition = Output.model_validate({"binding": "files", **output})
    return OutputStage("outputs[0]", "orders.0", definition, "create", sink, surroundings())


async def test_event_is_given_to_the_output_and_goes_on_unchanged() -> None:
    sink = Sink()
    before = passage({"n": 1})
    assert await event_of(stage(sink), before) is before.event
    [operation] = sink.operations
    assert (operation.name, dict(operation.metadata)) == ("create", {})
    assert (operation.event.id, operation.event.data) == ("a/orders.0", before.event.data)
    assert operation.event.attributes == {**before.event.attributes, "id": "a/orders.0"}


async def test_batch_is_one_invocation() -> None:
    sink = Sink()
    await stage(sink)([passage(id="a"), passage(id="b")])
    assert [[operation.event.id for operation in call] for call in sink.calls] == [["a/orders.0", "b/orders.0"]]


@pytest.mark.parametrize(
    ("data", "written", "content_type"),
    [
        ("{{ data.image }}", b"png", "text/plain"),
        ({"id": "{{ data.id }}"}, b'{"id":5}', "application/json"),
        (None, None, "application/json"),
    ],
)
async def test_data_of_the_operation_is_that_of_the_definition(
    data: Any, written: bytes | None, content_type: str
) -> None:
    sink = Sink()
    before = passage({"image": "png", "id": 5})
    assert (await event_of(stage(sink, data=data), before)).data == before.event.data
    [operation] = sink.operations
    assert (operation.event.data, operation.event.content_type) == (written, content_type)


async def test_metadata_of_the_operation_is_text() -> None:
    sink = Sink()
    output = stage(sink, metadata={"fileName": "{{ event.subject }}.json", "n": "{{ data.n }}", "dry": True})
    await event_of(output, passage({"n": 5}, subject="kit"))
    assert dict(sink.operations[0].metadata) == {"fileName": "kit.json", "n": "5", "dry": "true"}


async def test_when_decides_which_events_are_written() -> None:
    sink = Sink()
    batch = [passage({"n": 0}, id="a"), passage({"n": 1}, id="b"), passage({"n": "x"}, id="c")]
    first, second, third = await stage(sink, when="data.n > 0")(batch)
    assert (first, second) == (None, batch[1].event)
    assert isinstance(third, Permanent)
    assert [operation.event.id for operation in sink.operations] == ["b/orders.0"]


async def test_nothing_to_write_is_no_invocation() -> None:
    sink = Sink()
    await stage(sink, when="data.n > 0")([passage({"n": 0})])
    assert sink.calls == []


async def test_error_of_one_operation_is_that_of_its_event() -> None:
    sink = Sink(lambda operation: Retryable("the disk is full") if operation.event.id.startswith("b") else Result())
    first, second, third = await stage(sink)([passage(id="a"), passage(id="b"), passage(id="c")])
    assert isinstance(first, Event)
    assert isinstance(second, Retryable)
    assert isinstance(third, Event)


async def test_event_whose_metadata_fails_is_not_written() -> None:
    sink = Sink()
    output = stage(sink, metadata={"fileName": "{{ data.name }}"})
    good, bad = passage({"name": "kit"}, id="good"), passage({"name": ["kit"]}, id="bad")
    first, second = await output([bad, good])
    assert isinstance(first, Permanent)
    assert second is good.event
    assert [operation.event.id for operation in sink.operations] == ["good/orders.0"]


async def test_data_that_cannot_be_made_is_permanent() -> None:
    error = await error_of(stage(Sink(), data="{{ data.nope }}"), passage({}))
    assert "there is no 'nope'" in str(error)


async def test_place_where_it_landed_is_noted() -> None:
    before = passage()
    await event_of(stage(Sink(lambda operation: Result(landed=f"out/{operation.event.id}"))), before)
    assert before.notes == ["out/a/orders.0"]
