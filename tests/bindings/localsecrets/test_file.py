from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bindings.localsecrets.file import FileMetadata, FileSecrets, component
from engine.errors import DefinitionError
from tests.bindings.fakes import context


def store_of(path: Path, content: str | bytes, **metadata: str) -> FileSecrets:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return FileSecrets(FileMetadata.model_validate({"secretsFile": str(path), **metadata}), context())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secrets.json"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("password", "s3cret"),
        ("redis:password", "hidden"),
        ("redis:users:0", "ann"),
        ("redis:users:1:name", "bob"),
        ("pin", "1.10"),
        ("big", "12345678901234567890"),
        ("on", "true"),
        ("none", "null"),
    ],
)
async def test_each_value_is_a_secret_with_one_key(path: Path, name: str, value: str) -> None:
    content = """{
        "password": "s3cret",
        "redis": {"password": "hidden", "users": ["ann", {"name": "bob"}]},
        "pin": 1.10, "big": 12345678901234567890, "on": true, "none": null
    }"""
    store = store_of(path, content)
    await store.open()
    assert await store.get(name) == {name: value}


@pytest.mark.parametrize(("separator", "name"), [(".", "a.b"), ("", "a:b"), ("__", "a__b")])
async def test_separator_joins_the_names(path: Path, separator: str, name: str) -> None:
    store = store_of(path, '{"a": {"b": "c"}}', nestedSeparator=separator)
    await store.open()
    assert await store.get(name) == {name: "c"}


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("password", {"password": "s3cret"}),
        ("pin", {"pin": "007"}),
        ("redis", {"password": "hidden", "tls:cert": "pem"}),
        ("users", {"0": "ann", "1": "bob"}),
        ("empty", {}),
    ],
)
async def test_multi_valued_makes_a_top_level_object_one_secret(path: Path, name: str, keys: dict[str, str]) -> None:
    content = """{
        "password": "s3cret", "pin": "007", "users": ["ann", "bob"], "empty": {},
        "redis": {"password": "hidden", "tls": {"cert": "pem"}}
    }"""
    store = store_of(path, content, multiValued="true")
    await store.open()
    assert await store.get(name) == keys


async def test_file_with_a_byte_order_mark_is_read(path: Path) -> None:
    store = store_of(path, b'\xef\xbb\xbf{"a": "\xc3\xa4"}')
    await store.open()
    assert await store.get("a") == {"a": "ä"}


@pytest.mark.parametrize("name", ["redis", "redis:port", "", "redis:password:0"])
async def test_name_that_is_not_in_the_file_is_no_secret(path: Path, name: str) -> None:
    store = store_of(path, '{"redis": {"password": "hidden"}}')
    await store.open()
    with pytest.raises(KeyError, match="has no secret"):
        await store.get(name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": "s3cret",\n "b" "s3cret"}', r"secrets.json, line 2, column 6: Expecting ':' delimiter"),
        ("", r"secrets.json, line 1, column 1: Expecting value"),
        ('["s3cret"]', r"secrets.json: the top level is not an object"),
        (b'{"a": "\xff"}', r"secrets.json: byte 8 is not UTF-8"),
        ('{"a:b": "s3cret", "a": {"b": "s3cret"}}', r"secrets.json: two values have the name a:b"),
        ('{"a":' + "[" * 100_000, r"secrets.json: nested too deeply"),
    ],
)
async def test_wrong_file_is_explained_without_its_secrets(path: Path, content: str | bytes, message: str) -> None:
    store = store_of(path, content)
    with pytest.raises(DefinitionError, match=message) as raised:
        await store.open()
    assert "s3cret" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    ("file", "reason"), [("absent.json", "No such file"), (".", "Is a directory"), ("a\0b", "embedded null")]
)
async def test_file_that_cannot_be_read_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    store = FileSecrets(FileMetadata(secrets_file=file), context())
    with pytest.raises(DefinitionError, match=f"cannot be read: {reason}") as raised:
        await store.open()
    assert str(tmp_path) in raised.value.hint


def test_example_is_valid() -> None:
    spec = yaml.safe_load(component.example)["spec"]
    assert spec["type"] == component.name
    component.metadata.model_validate({item["name"]: item["value"] for item in spec["metadata"]})
