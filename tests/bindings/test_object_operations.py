from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from pydantic import Field

from bindings.contract import Operation, Result
from bindings.object_operations import (
    Payload,
    answer,
    content,
    each,
    flag,
    from_base64,
    in_lanes,
    name_of,
    payload,
    required,
    seconds,
)
from engine.errors import Permanent, Retryable
from tests.bindings.fakes import event, operation


class Keys(Payload):
    keys: Sequence[str] = ()
    max_results: int = Field(7, ge=0)


def test_payload_has_defaults_and_passes_over_what_it_does_not_know() -> None:
    assert payload(operation("list", b""), Keys).max_results == 7
    assert payload(operation("list", b'{"maxResults": 3, "keys": ["a"], "other": 1}'), Keys).max_results == 3


@pytest.mark.parametrize("data", [b"[]", b"{", b'{"keys": "a"}', b'{"maxResults": "3"}', b'{"maxResults": -1}'])
def test_payload_of_other_data_is_refused(data: bytes) -> None:
    with pytest.raises(Permanent, match="the data of list are not as it takes them"):
        payload(operation("list", data), Keys)


def test_metadata_of_an_operation() -> None:
    one = operation("get", metadata={"name": "a", "yes": "on", "wait": "2m", "empty": ""})
    assert (required(one, "key", "name"), flag(one, "yes", False), flag(one, "empty", True)) == ("a", True, True)
    assert (seconds(one, "wait", None), seconds(one, "empty", 3.0), seconds(one, "none", None)) == (120, 3.0, None)
    with pytest.raises(Permanent, match="get needs `empty`"):
        required(one, "empty")


def test_name_is_the_same_for_the_same_event() -> None:
    one, other = event(), event()
    assert name_of(one) == name_of(one) != name_of(other)


def test_content_type_of_what_was_decoded_is_not_known() -> None:
    assert content(event(b'"YQ=="', datacontenttype="application/json"), decode_base64=True) == (b"a", None)
    assert content(event(b"YQ==", datacontenttype="text/plain"), decode_base64=True) == (b"a", None)
    assert content(event(b"a", datacontenttype="text/plain"), decode_base64=False) == (b"a", "text/plain")


def test_base64_may_have_lines() -> None:
    assert from_base64(b"YWJj\nZGVm\n") == b"abcdef"
    with pytest.raises(Permanent, match="not base64"):
        from_base64(b"YWJ")


def test_answer_has_instants_as_go_writes_them() -> None:
    assert json.loads(answer({"at": datetime(2026, 11, 24, 8, tzinfo=UTC), "ü": None})) == {
        "at": "2026-11-24T08:00:00Z",
        "ü": None,
    }
    with pytest.raises(TypeError):
        answer({"x": object()})


async def test_lanes_run_side_by_side_and_each_in_its_order() -> None:
    running: list[str] = []
    most = 0

    async def perform(one: Operation) -> Result:
        nonlocal most
        running.append(one.metadata["key"])
        assert len(running) == len(set(running))
        most = max(most, len(running))
        for _ in range(3):
            await asyncio.sleep(0)
        running.remove(one.metadata["key"])
        if one.name == "bad":
            raise Permanent("no")
        return Result(one.event.data)

    operations = [
        operation("bad" if number == 2 else "good", b"%d" % number, {"key": str(number % 3)}) for number in range(9)
    ]
    outcomes = await in_lanes(operations, lambda one: one.metadata["key"], perform)
    assert most == 3
    assert [one.data if isinstance(one, Result) else str(one) for one in outcomes] == [
        *(b"0", b"1", "no", b"3", b"4", b"5", b"6", b"7", b"8"),
    ]


async def test_items_run_as_many_at_once_as_they_may() -> None:
    running = most = 0

    async def perform(item: int) -> dict[str, object]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return {"item": item}

    assert await each(range(5), 2, perform) == [{"item": item} for item in range(5)]
    assert most == 2
    await each(range(50), None, perform)
    assert most == 10


async def test_item_that_may_work_later_ends_the_operation_and_the_others() -> None:
    ended = []

    async def perform(item: int) -> dict[str, object]:
        if item == 0:
            raise Retryable("later")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append(item)
            raise
        return {}

    with pytest.raises(Retryable, match="later"):
        await each([1, 2, 0], None, perform)
    await asyncio.sleep(0)
    assert ended == [1, 2]
