from __future__ import annotations

from pathlib import Path

import pytest

from engine.definitions.schema_files import load_schema
from engine.definitions.source import Source, read_source
from tests.engine.definitions.folders import by_file, found_in, marked, pipeline, report_of, write


def validating(schema: str) -> str:
    return pipeline(f"  steps:\n    - validate: {schema}\n")


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ("{type: ›objekt}", "E510 this is no JSON Schema: 'objekt' is not valid under any of the given schemas"),
        ("{properties: {a: {minimum: ›x}}}", "E510 this is no JSON Schema: 'x' is not of type 'number'"),
        ("{pattern: ›'('}", "E510 this is no JSON Schema: '(' is not a 'regex'"),
        ("{properties: {a: {$ref: ›'#/$defs/b'}}}", "E510 the `$ref` '#/$defs/b' leads nowhere | put the schema that"),
        ("{$ref: ›'http://example.com/a.json'}", "E510 the `$ref` 'http://example.com/a.json' leads nowhere"),
    ],
)
async def test_check_wrong_schema_in_place_is_an_error_at_its_place(tmp_path: Path, schema: str, expected: str) -> None:
    text, [place] = marked(validating(schema))

    [found] = await found_in(tmp_path, text)

    assert found.startswith(f"{place} {expected}")


@pytest.mark.parametrize(
    "schema",
    [
        "{$defs: {a: {type: string}}, properties: {x: {$ref: '#/$defs/a'}}}",
        "{$defs: {a: {$id: 'http://x/a', type: string}}, properties: {x: {$ref: 'http://x/a'}}}",
        "{properties: {x: {$ref: 'https://json-schema.org/draft/2020-12/schema'}}}",
        "{enum: [{$ref: '#/nowhere'}], type: object}",
        "{}",
    ],
)
async def test_check_right_schema_is_no_error(tmp_path: Path, schema: str) -> None:
    assert await found_in(tmp_path, validating(schema)) == []


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("s.json", '{"type":\n  "objekt"}', "2:3 E510 this is no JSON Schema: 'objekt' is not valid under any of"),
        ("s.json", '{\n\t"type": "object",\n}', "3:1 E509 this is no JSON: "),
        ("s.yaml", "type: object\n---\ntype: object\n", "3:1 E509 a schema is one document, and this is a second one"),
        ("s.yaml", "type: object\ntype: array\n", "2:1 E106 the key 'type' is here a second time"),
        ("s.yaml", "type: [object\n", "1:7 E104 this `[` is not closed"),
        ("s.json", b"\x00\x01", "1:1 E103 this is no text file"),
        ("s.json", '{"a":' * 5000, "1:1 E108 the file is nested too deeply"),
        ("s.json", b'"' + b" " * 2**21 + b'"', "1:1 E102 the file has 2,097,154 bytes"),
    ],
)
async def test_check_wrong_schema_file_is_an_error_in_that_file_and_at_its_name(
    tmp_path: Path, name: str, content: str | bytes, expected: str
) -> None:
    write(tmp_path, {f"schemas/{name}": content})
    text = validating(f"../schemas/{name}")

    report = await report_of(tmp_path / "folder", {"f.yaml": text})

    found = dict(by_file(report.diagnostics))
    assert found[name].startswith(expected)
    assert found["f.yaml"] == f"8:17 E303 the schema '../schemas/{name}' has an error"
    assert not report.definitions.pipelines


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("schemas/ordr.json", "8:17 E508 there is no file 'schemas/ordr.json' | did you mean 'order.json'?"),
        ("schema/order.json", "8:17 E508 there is no file 'schema/order.json' | there is no folder"),
        ("schemas", "8:17 E508 'schemas' is a folder | "),
    ],
)
async def test_check_a_schema_file_that_is_not_there_is_an_error(tmp_path: Path, name: str, expected: str) -> None:
    write(tmp_path, {"schemas/order.json": "{}"})

    [found] = await found_in(tmp_path, validating(name))

    assert found.startswith(expected)


async def test_check_one_wrong_schema_file_is_told_once_for_many_pipelines(tmp_path: Path) -> None:
    write(tmp_path, {"schemas/s.json": '{"type": 5}'})
    files = {f"{n}.yaml": validating("schemas/s.json").replace("name: p", f"name: p{n}") for n in range(3)}

    report = await report_of(tmp_path, files)

    assert [d.code for d in report.diagnostics] == ["E303", "E303", "E303", "E510"]


@pytest.mark.parametrize(
    ("name", "content"), [("s.json", '{"a": "\\ud83d\\ude00", "on": 1}'), ("s.yaml", "a: 😀\non: 1\n")]
)
def test_load_schema_gives_the_value_of_the_file(tmp_path: Path, name: str, content: str) -> None:
    source = read_source(write(tmp_path, {name: content}) / name)
    assert isinstance(source, Source)
    assert load_schema(source) == {"a": "😀", "on": 1}
