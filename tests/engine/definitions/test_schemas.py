from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from engine.definitions import schemas
from engine.definitions.examples import EXAMPLES
from engine.definitions.json_schema import schema_of_model
from engine.definitions.kinds import KINDS
from engine.definitions.pipeline import Batch, CircuitBreaker, Delivery, Retry
from engine.registry import component_types

FOLDER = Path(str(resources.files("schemas")))
FILES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.json"))


def load(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return schema


def fields(schema: dict[str, Any], at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field of a schema and its dotted path, at any depth."""
    for name, field in schema.get("properties", {}).items():
        yield f"{at}{name}", field
        yield from fields(field, f"{at}{name}.")
    for part in (schema.get("items"), schema.get("additionalProperties"), *schema.get("anyOf", ())):
        if isinstance(part, dict):
            yield from fields(part, at)


def editor(name: str) -> Draft202012Validator:
    """A validator as an editor has it: with the references to the other files."""
    registry = Registry[Any]().with_resources((file, DRAFT202012.create_resource(load(file))) for file in FILES)
    return Draft202012Validator(load(name), registry=registry)


def document(kind: str, **spec: Any) -> dict[str, Any]:
    value: dict[str, Any] = yaml.safe_load(EXAMPLES[kind])
    return {**value, "spec": {**value["spec"], **spec}}


def test_files_are_what_the_models_say() -> None:
    assert schemas.drifted_schemas(FOLDER) == []
    assert schemas.main(["--check"]) == 0


def test_every_kind_and_component_type_has_a_file() -> None:
    kinds = {f"{kind.lower()}.schema.json" for kind in KINDS}
    types = {f"components/{name}.schema.json" for name in component_types()}
    assert set(FILES) == kinds | types | {"jackfield.schema.json"}


def test_drifted_files_are_named(tmp_path: Path) -> None:
    changed, gone, strange, *_ = schemas.write_schemas(tmp_path)
    assert schemas.drifted_schemas(tmp_path) == []
    changed.write_text("{}")
    gone.unlink()
    strange = strange.with_name("strange.schema.json")
    strange.write_text("{}")
    assert schemas.drifted_schemas(tmp_path) == sorted([changed, gone, strange])


def test_check_fails_and_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.resources.files", lambda package: tmp_path)
    assert schemas.main([]) == 0
    (tmp_path / "app.schema.json").unlink()
    assert schemas.main(["--check"]) == 1
    assert capsys.readouterr().err.startswith(f"{tmp_path / 'app.schema.json'}: ")


@pytest.mark.parametrize("name", FILES)
def test_schema_is_valid_and_says_what_it_is(name: str) -> None:
    schema = load(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == Path(name).name
    assert schema["title"]
    assert schema["description"]


@pytest.mark.parametrize("name", FILES)
def test_every_field_has_title_description_and_examples(name: str) -> None:
    lacks = {
        path: missing
        for path, field in fields(load(name))
        if (missing := [part for part in ("title", "description", "examples") if not field.get(part)])
    }
    assert lacks == {}


@pytest.mark.parametrize("name", FILES)
def test_examples_and_defaults_are_valid(name: str) -> None:
    for path, field in fields(load(name)):
        validator = editor(name).evolve(schema=field)
        for value in (*field.get("examples", ()), *([field["default"]] if "default" in field else [])):
            assert validator.is_valid(value), (path, value)


@pytest.mark.parametrize("model", [Retry, Batch, CircuitBreaker, Delivery])
def test_defaults_are_those_of_the_model(model: type[BaseModel]) -> None:
    schema = schema_of_model(model)
    defaults = {name: field["default"] for name, field in schema["properties"].items() if "default" in field}
    assert model.model_validate(defaults) == model()
    assert defaults


def test_defaults_look_as_a_person_would_write_them() -> None:
    delivery = schema_of_model(Delivery)["properties"]
    assert delivery["retry"]["properties"]["initial"]["default"] == "200ms"
    assert delivery["retry"]["properties"]["multiplier"]["default"] == 2
    assert load("app.schema.json")["properties"]["spec"]["properties"]["maxResponseSize"]["default"] == "4Mi"


def test_titles_are_words() -> None:
    titles = {path.rpartition(".")[2]: field["title"] for path, field in fields(load("httpendpoint.schema.json"))}
    titles |= {path: field["title"] for path, field in fields(load("components/bindings.http.schema.json"))}
    assert titles["clientTLS"] == "Client TLS"
    assert titles["baseUrl"] == "Base url"
    assert titles["MTLSRootCA"] == "MTLS root CA"
    assert titles["errorIfNot2XX"] == "Error if not 2XX"


@pytest.mark.parametrize("kind", KINDS)
def test_one_schema_takes_documents_of_every_kind(kind: str) -> None:
    assert editor("jackfield.schema.json").is_valid(document(kind))
    assert not editor("jackfield.schema.json").is_valid({**document(kind), "surplus": 1})


def test_editor_knows_the_metadata_of_a_binding_in_place() -> None:
    right = {"type": "bindings.cron", "metadata": {"schedule": "@every 5s"}}
    wrong = {"type": "bindings.cron", "metadata": {"shedule": "@every 5s"}}
    assert editor("jackfield.schema.json").is_valid(document("Pipeline", input={"binding": right}))
    assert not editor("jackfield.schema.json").is_valid(document("Pipeline", input={"binding": wrong}))


def test_editor_leaves_the_case_of_dapr_metadata_names_alone() -> None:
    metadata = [{"name": "SCHEDULE", "value": "@every 5s"}]
    assert editor("component.schema.json").is_valid(document("Component", type="bindings.cron", metadata=metadata))


def test_editor_completes_the_metadata_names_of_a_type() -> None:
    rules = load("component.schema.json")["properties"]["spec"]["allOf"]
    [then] = [rule["then"] for rule in rules if "bindings.cron" in str(rule.get("if"))]
    names = then["properties"]["metadata"]["items"]["properties"]["name"]["anyOf"][0]["enum"]
    assert {"schedule", "timezone"} <= set(names)
