from __future__ import annotations

from typing import Any

import pytest

from engine.errors import Permanent
from engine.stages.transform import transform_stage
from tests.engine.stages.passages import error_of, event_of, passage, surroundings


@pytest.mark.parametrize(
    ("tree", "data", "content_type"),
    [
        ({"id": "{{ data.id }}", "n": "{{ data.size | int }}"}, b'{"id":"x","n":4}', "application/json"),
        (["{{ data.id }}", True], b'["x",true]', "application/json"),
        ("{{ data }}", b'{"id":"x","size":"4"}', "application/json"),
        ("{{ data.size | int }}", b"4", "application/json"),
        ("{{ data.id }}", b"x", "text/plain"),
        ("order {{ data.id }}", b"order x", "text/plain"),
        (5, b"5", "application/json"),
        (None, None, "application/json"),
    ],
)
async def test_new_data_is_made_from_the_event(tree: Any, data: bytes | None, content_type: str) -> None:
    stage = transform_stage("steps[0].transform", tree, surroundings())
    after = await event_of(stage, passage({"id": "x", "size": "4"}))
    assert (after.data, after.content_type) == (data, content_type)
    assert (after.id, after.type) == ("a", "order")


async def test_schema_and_place_of_the_old_data_go() -> None:
    before = passage({}, dataschema="https://example.com/order.json", dataref="https://example.com/1")
    after = await event_of(transform_stage("steps[0].transform", {"a": 1}, surroundings()), before)
    assert after.attributes.keys() == {"specversion", "id", "source", "type", "datacontenttype"}


@pytest.mark.parametrize(
    ("tree", "raw"),
    [
        ({"id": "{{ data.nope }}"}, b"{}"),
        ({"id": "{{ data.price }}"}, b'{"price":NaN}'),
        ("{{ data.name }}", b'{"name":"\\ud800"}'),
        ({"name": "{{ data.name }}"}, b'{"name":"\\ud800"}'),
        ({"late": "{{ now - now }}"}, b"{}"),
    ],
    ids=["missing", "NaN", "half a pair", "half a pair in JSON", "no JSON"],
)
async def test_data_that_cannot_be_made_is_permanent(tree: Any, raw: bytes) -> None:
    error = await error_of(transform_stage("steps[0].transform", tree, surroundings()), passage(raw=raw))
    assert type(error) is Permanent
