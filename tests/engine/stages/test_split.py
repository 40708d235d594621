from __future__ import annotations

from typing import Any

import pytest

from engine.event import Event
from engine.stages.split import MOST_ITEMS, split_stage
from tests.engine.stages.passages import error_of, passage, surroundings, verdict_of


async def split(value: Any, source: str = "data.items") -> list[Event]:
    verdict = await verdict_of(split_stage("steps[0].split", source, surroundings()), passage(value))
    assert isinstance(verdict, list)
    return verdict


async def test_each_item_is_an_event_with_an_id_of_its_own() -> None:
    events = await split({"items": [{"n": 1}, {"n": 2}]})
    assert [(event.id, event.data, event.type) for event in events] == [
        ("a/0", b'{"n":1}', "order"),
        ("a/1", b'{"n":2}', "order"),
    ]


async def test_ids_are_the_same_when_the_event_comes_again() -> None:
    value = {"items": [1, 2, 3]}
    assert [event.id for event in await split(value)] == [event.id for event in await split(value)]


async def test_item_of_any_kind_is_data() -> None:
    events = await split({"items": [None, "x", 5, [1]]})
    assert [event.value for event in events] == [None, "x", 5, [1]]


async def test_lazy_list_is_a_list() -> None:
    events = await split({"items": [{"n": 1}, {"n": 2}]}, "data.items | map(attribute='n')")
    assert [event.value for event in events] == [1, 2]


async def test_empty_list_gives_no_event() -> None:
    assert await split({"items": []}) == []


@pytest.mark.parametrize("value", [5, "text", {"a": 1}, None])
async def test_what_is_no_list_is_permanent(value: Any) -> None:
    stage = split_stage("steps[0].split", "data.items", surroundings())
    error = await error_of(stage, passage({"items": value}))
    assert str(error) == f"expression 'data.items' must give a list to split, and gives {type(value).__name__}"


async def test_list_that_is_too_long_is_permanent() -> None:
    stage = split_stage("steps[0].split", "data", surroundings())
    assert len(await split([0] * MOST_ITEMS, "data")) == MOST_ITEMS
    error = await error_of(stage, passage([0] * (MOST_ITEMS + 1)))
    assert str(error) == "a list of 10,001 items is too long to split; the most is 10,000"
