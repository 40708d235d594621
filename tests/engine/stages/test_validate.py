from __future__ import annotations

from typing import Any

import pytest
from aiohttp.test_utils import unused_port

from engine.errors import Permanent
from engine.stages.validate import validate_stage
from tests.engine.stages.passages import error_of, passage, verdict_of

ORDER = {
    "type": "object",
    "required": ["id"],
    "properties": {"id": {"type": "integer"}, "a/b~c": {"type": "string"}, "lines": {"items": {"type": "string"}}},
}


async def test_data_that_matches_goes_on_unchanged() -> None:
    good = passage({"id": 5})
    assert await verdict_of(validate_stage("steps[0].validate", ORDER), good) is good.event


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"id": "x"}, "at '/id': 'x' is not of type 'integer'"),
        ({"id": 1, "lines": ["a", 2]}, "at '/lines/1': 2 is not of type 'string'"),
        ({"id": 1, "a/b~c": 1}, "at '/a~1b~0c': 1 is not of type 'string'"),
        ({}, "as a whole: 'id' is a required property"),
        ([], "as a whole: [] is not of type 'object'"),
    ],
)
async def test_data_that_does_not_match_is_permanent_with_its_json_pointer(value: Any, message: str) -> None:
    error = await error_of(validate_stage("steps[0].validate", ORDER), passage(value))
    assert type(error) is Permanent
    assert str(error) == f"the data does not match its schema {message}"


async def test_message_is_short_however_large_the_data() -> None:
    error = await error_of(validate_stage("steps[0].validate", {"type": "object"}), passage("x" * 100_000))
    assert len(str(error)) < 600


async def test_data_that_is_no_json_is_permanent() -> None:
    error = await error_of(validate_stage("steps[0].validate", ORDER), passage(raw=b"{"))
    assert "the data is not JSON" in str(error)


async def test_text_is_checked_as_a_string() -> None:
    stage = validate_stage("steps[0].validate", {"type": "string", "maxLength": 3})
    text = passage(raw=b"abc", datacontenttype="text/plain")
    assert await verdict_of(stage, text) is text.event


@pytest.mark.parametrize("schema", [True, {}])
async def test_schema_of_anything_lets_all_go_on(schema: Any) -> None:
    good = passage([1])
    assert await verdict_of(validate_stage("steps[0].validate", schema), good) is good.event


async def test_reference_inside_of_the_schema_is_followed() -> None:
    schema = {"$defs": {"id": {"type": "integer"}}, "properties": {"id": {"$ref": "#/$defs/id"}}}
    assert "at '/id'" in str(await error_of(validate_stage("steps[0].validate", schema), passage({"id": "x"})))


async def test_reference_to_elsewhere_is_permanent_and_fetches_nothing() -> None:
    url = f"http://127.0.0.1:{unused_port()}/schema.json"
    error = await error_of(validate_stage("steps[0].validate", {"$ref": url}), passage({}))
    assert str(error) == f"the schema refers to what is not in it: {url}"


@pytest.mark.parametrize(
    ("schema", "raw"),
    [
        ({"$ref": "#"}, b"{}"),
        ({"items": {"$ref": "#"}}, b"[" * 500 + b"]" * 500),
        ({"pattern": "["}, b'"x"'),
        ({"multipleOf": 0.1}, b"1e999"),
    ],
    ids=["circle", "deep data", "bad pattern", "infinity"],
)
async def test_check_that_cannot_be_made_is_permanent(schema: dict[str, Any], raw: bytes) -> None:
    error = await error_of(validate_stage("steps[0].validate", schema), passage(raw=raw))
    assert "the data cannot be checked by its schema" in str(error)
