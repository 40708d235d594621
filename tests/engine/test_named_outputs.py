from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bindings.contract import Operation, Result
from engine.app import Answer
from engine.clock import VirtualClock
from engine.components import Components, Use
from engine.errors import DefinitionError, EventError, NotReady, Permanent, Retryable, Unavailable
from engine.event import Event
from engine.named_outputs import NamedOutputs, Wish, wish_of
from engine.registry import component_type
from engine.testing.memory_store import MemoryStore

EVENT = Event({"specversion": "1.0", "id": "7", "source": "/s", "type": "t"}, b'{"n": 1}')


def answer(body: bytes, content_type: str = "application/json") -> Answer:
    return Answer(200, {"Content-Type": content_type}, body)


@pytest.mark.parametrize(
    ("body", "wish"),
    [
        (b'{"to": ["a", "b"], "data": {"x": 1}}', Wish(("a", "b"), {"x": 1}, True, False)),
        (b'{"to": "a", "concurrency": "parallel"}', Wish(("a",), None, False, True)),
        (b'{"to": [], "state": [], "storeName": "s", "data": null}', Wish((), None, True, False)),
        (b'{"to": ["a"], "order": 5}', None),  # a field that is not Dapr's: data
        (b'{"data": {"to": 1}}', None),
        (b'["to"]', None),
        (b'{"to": ', None),
    ],
)
def test_wish_of(body: bytes, wish: Wish | None) -> None:
    assert wish_of(answer(body)) == wish


def test_wish_of_text_is_data() -> None:
    assert wish_of(answer(b'{"to": ["a"]}', "text/plain")) is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"to": 5}', "a `to` that is no list of names: 5"),
        (
            b'{"state": [{"key": "k"}], "storeName": "redis"}',
            "wants state in 'redis': state in an answer is not saved yet",
        ),
    ],
)
def test_wish_that_cannot_be_done_is_permanent(body: bytes, message: str) -> None:
    with pytest.raises(Permanent, match=message.replace("[", r"\[")):
        wish_of(answer(body))


class Kept:
    """An output that keeps what it gets; an operation for `bad` fails, and one for `slow` takes a few turns."""

    def __init__(self, name: str, log: list[tuple[str, Operation]]) -> None:
        self.name = name
        self.log = log

    async def open(self) -> None:
        if self.name == "away":
            raise NotReady("no answer")

    async def invoke(self, operations: list[Operation]) -> list[Result | EventError]:
        for _ in range(10 if self.name == "slow" else 0):
            await asyncio.sleep(0)
        self.log += [(self.name, operation) for operation in operations]
        return [Retryable("full") if self.name == "bad" else Result() for _ in operations]

    async def close(self) -> None:
        self.log.append((self.name, Operation("closed", EVENT, {})))


class Rig:
    def __init__(self) -> None:
        self.log: list[tuple[str, Operation]] = []
        self.components = Components(MemoryStore(), VirtualClock())
        self.outputs = NamedOutputs(self.components, self._resolve)

    async def _resolve(self, name: str) -> Use:
        if name == "none":
            raise DefinitionError("there is no component 'none'")
        memory: Any = component_type("bindings.memory")
        values = {field: getattr(memory, field) for field in ("summary", "metadata", "example", "operations")}
        manifest = type(memory)(name="bindings.kept", output=lambda _, context: Kept(name, self.log), **values)
        return Use(name, manifest, memory.metadata(), name)


async def test_fulfil_sends_the_data_to_each_output_with_an_id_of_its_own() -> None:
    rig = Rig()
    changed = await rig.outputs.fulfil(Wish(("a", "b"), {"x": 1}, True, False), EVENT)
    assert changed.value == {"x": 1}
    assert [(name, o.name, o.event.id, o.event.value) for name, o in rig.log] == [
        ("a", "create", "7/a", {"x": 1}),
        ("b", "create", "7/b", {"x": 1}),
    ]
    await rig.outputs.close()
    assert [name for name, operation in rig.log if operation.name == "closed"] in (["a", "b"], ["b", "a"])


async def test_fulfil_without_data_sends_the_event_as_it_is() -> None:
    rig = Rig()
    assert await rig.outputs.fulfil(Wish(("a",), None, False, True), EVENT) is EVENT
    assert rig.log[0][1].event.data == EVENT.data


async def test_fulfil_side_by_side_ends_when_all_have_ended_although_one_fails() -> None:
    rig = Rig()
    with pytest.raises(Retryable, match="full"):
        await rig.outputs.fulfil(Wish(("bad", "slow"), None, False, True), EVENT)
    assert [name for name, _ in rig.log] == ["bad", "slow"]


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("none", Permanent, "there is no component 'none'"),
        ("away", Unavailable, "no answer"),
        ("bad", Retryable, "full"),
    ],
)
async def test_fulfil_of_an_output_that_fails(name: str, kind: type[EventError], message: str) -> None:
    rig = Rig()
    with pytest.raises(kind, match=message):
        await rig.outputs.fulfil(Wish(("a", name), None, False, False), EVENT)
