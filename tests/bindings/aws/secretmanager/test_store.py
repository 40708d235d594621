from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bindings.aws.secretmanager import component
from bindings.contract import SecretStore
from engine.errors import NotReady
from tests.bindings.aws.server import Moto
from tests.bindings.fakes import context


@asynccontextmanager
async def opened(moto: Moto, **more: Any) -> AsyncIterator[SecretStore]:
    assert component.secret_store is not None
    store = component.secret_store(component.metadata.model_validate(moto.metadata(**more)), context())
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def secret(moto: Moto, unique: str) -> str:
    """The name of a secret, which is the only one."""
    moto.reset()
    return unique


@pytest.mark.parametrize("text", ["s3cret", '{"user": "ann"}', "grün ✓ 'quoted'", " "])
async def test_secret_has_its_name_as_its_only_key(moto: Moto, secret: str, text: str) -> None:
    moto.client("secretsmanager").create_secret(Name=secret, SecretString=text)
    async with opened(moto) as store:
        assert await store.get(secret) == {secret: text}


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (
            '{"user": "ann", "age": 5, "nested": {"a": [true, null]}}',
            {"user": "ann", "age": "5", "nested": '{"a": [true, null]}'},
        ),
        ("{}", {}),
        ("[1]", None),
        ("no JSON", None),
    ],
)
async def test_object_can_be_a_secret_with_several_keys(
    moto: Moto, secret: str, text: str, keys: dict[str, str] | None
) -> None:
    moto.client("secretsmanager").create_secret(Name=secret, SecretString=text)
    async with opened(moto, multipleKeyValuesPerSecret="true") as store:
        assert await store.get(secret) == ({secret: text} if keys is None else keys)


@pytest.mark.parametrize(("data", "text"), [(b"text", "text"), (b"\xff\x00", "/wA=")])
async def test_binary_secret_is_text_or_base64(moto: Moto, secret: str, data: bytes, text: str) -> None:
    moto.client("secretsmanager").create_secret(Name=secret, SecretBinary=data)
    async with opened(moto) as store:
        assert await store.get(secret) == {secret: text}


async def test_secret_is_read_as_it_is_now(moto: Moto, secret: str) -> None:
    moto.client("secretsmanager").create_secret(Name=secret, SecretString="old")
    async with opened(moto) as store:
        assert await store.get(secret) == {secret: "old"}
        moto.client("secretsmanager").put_secret_value(SecretId=secret, SecretString="new")
        assert await store.get(secret) == {secret: "new"}


async def test_secret_that_is_not_there_is_a_key_error(moto: Moto) -> None:
    async with opened(moto) as store:
        with pytest.raises(KeyError, match="has no secret nothing"):
            await store.get("nothing")


async def test_all_secrets_page_by_page(moto: Moto, secret: str) -> None:
    client = moto.client("secretsmanager")
    names = [f"{secret}-{number}" for number in range(103)]
    for name in names:
        client.create_secret(Name=name, SecretString=json.dumps({"name": name}))
    client.delete_secret(SecretId=names[0])  # it can be restored for some days
    async with opened(moto, multipleKeyValuesPerSecret=True) as store:
        assert await store.all() == {name: {"name": name} for name in names[1:]}
        with pytest.raises(KeyError):
            await store.get(names[0])


async def test_server_that_is_not_there_is_not_ready(moto: Moto) -> None:
    async with opened(moto, endpoint="http://127.0.0.1:1") as store:
        with pytest.raises(NotReady, match="secret x"):
            await store.get("x")
        with pytest.raises(NotReady, match="the list of secrets"):
            await store.all()
