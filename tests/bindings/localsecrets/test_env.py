from __future__ import annotations

import pytest
import yaml

from bindings.localsecrets.env import EnvMetadata, EnvSecrets, component
from tests.bindings.fakes import context


def store(prefix: str = "") -> EnvSecrets:
    return EnvSecrets(EnvMetadata(prefix=prefix), context())


async def test_variable_is_the_only_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_PASSWORD", "s3cret")
    assert await store().get("REDIS_PASSWORD") == {"REDIS_PASSWORD": "s3cret"}


async def test_prefix_is_put_before_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "s3cret")
    assert await store("SHOP_").get("PASSWORD") == {"PASSWORD": "s3cret"}


async def test_empty_variable_is_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_PASSWORD", "")
    assert await store().get("REDIS_PASSWORD") == {"REDIS_PASSWORD": ""}


async def test_variable_that_is_not_set_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_PASSWORD", raising=False)
    with pytest.raises(KeyError, match="the environment variable SHOP_PASSWORD is not set"):
        await store("SHOP_").get("PASSWORD")


@pytest.mark.parametrize(
    ("prefix", "name"),
    [
        ("", "APP_API_TOKEN"),
        ("", "DAPR_API_TOKEN"),
        ("", "dapr_api_token"),
        ("DAPR", "_API_TOKEN"),
        ("APP_", "API_TOKEN"),
    ],
)
async def test_variables_of_the_engine_are_not_given_out(
    monkeypatch: pytest.MonkeyPatch, prefix: str, name: str
) -> None:
    monkeypatch.setenv(prefix + name, "s3cret")
    with pytest.raises(KeyError, match="belongs to the engine"):
        await store(prefix).get(name)


async def test_variable_that_only_looks_like_one_of_the_engine_is_given_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_DAPR_TOKEN", "s3cret")
    assert await store().get("MY_DAPR_TOKEN") == {"MY_DAPR_TOKEN": "s3cret"}


def test_example_is_valid() -> None:
    spec = yaml.safe_load(component.example)["spec"]
    assert spec["type"] == component.name
    component.metadata.model_validate({item["name"]: item["value"] for item in spec["metadata"]})


async def test_all_secrets_are_those_with_the_prefix_but_the_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MINE_A", "MINE_", "DAPR_TOKEN", "APP_API_TOKEN"):
        monkeypatch.setenv(name, name.lower())
    assert await EnvSecrets(EnvMetadata(prefix="MINE_"), context()).all() == {"A": {"A": "mine_a"}}
    everything = await EnvSecrets(EnvMetadata(), context()).all()
    assert everything["MINE_A"] == {"MINE_A": "mine_a"}
    assert not {"DAPR_TOKEN", "APP_API_TOKEN"} & everything.keys()
