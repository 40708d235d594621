from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from bindings.redis.settings import RedisSettings, parse_milliseconds


def settings(**fields: Any) -> RedisSettings:
    return RedisSettings.model_validate({"redisHost": "localhost", **fields})


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("5s", 5), ("200ms", 0.2), ("1m30s", 90), (3000, 3), ("3000", 3), ("0", 0), ("-1", -1), (-1, -1)],
)
def test_number_is_in_milliseconds(value: Any, seconds: float) -> None:
    assert parse_milliseconds(value) == seconds


@pytest.mark.parametrize("value", ["soon", "", "-5s", True])
def test_no_duration(value: Any) -> None:
    with pytest.raises(ValueError):
        parse_milliseconds(value)


@pytest.mark.parametrize(
    ("fields", "addresses"),
    [
        ({"redisHost": "redis"}, [("redis", 6379)]),
        ({"redisHost": "redis:7000"}, [("redis", 7000)]),
        ({"redisHost": "redis", "redisPort": "7000"}, [("redis", 7000)]),
        ({"redisHost": "redis:7000", "redisPort": 7000}, [("redis", 7000)]),
        ({"redisHost": "a:1, b:2,c"}, [("a", 1), ("b", 2), ("c", 6379)]),
        ({"redisHost": "a,b", "redisPort": 7000}, [("a", 7000), ("b", 7000)]),
        ({"redisHost": "[::1]:7000"}, [("::1", 7000)]),
        ({"redisHost": "[::1]"}, [("::1", 6379)]),
    ],
)
def test_addresses(fields: dict[str, Any], addresses: list[tuple[str, int]]) -> None:
    assert settings(**fields).addresses == addresses


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"redisHost": "redis:7000", "redisPort": 7001}, "has a port already"),
        ({"redisHost": "redis:port"}, "is no host:port"),
        ({"redisHost": ","}, "names no server"),
        ({"redisType": "sentinel"}, "node"),
        ({"clientCert": "x"}, "clientCert and clientKey belong together"),
        ({"clientKey": "x"}, "clientCert and clientKey belong together"),
        ({"failover": "true"}, "failover needs sentinelMasterName"),
        (
            {"failover": "true", "sentinelMasterName": "m", "redisType": "cluster"},
            "exclude one another",
        ),
        ({"useEntraID": "true"}, "Entra ID or OIDC"),
        ({"useAzureAD": "true"}, "Entra ID or OIDC"),
        ({"useOIDC": "true"}, "Entra ID or OIDC"),
        ({"redisMaxRetries": "-2"}, "greater than or equal to -1"),
        ({"redisDB": "-1"}, "greater than or equal to 0"),
    ],
)
def test_what_cannot_work_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(**fields)
    assert message in str(caught.value)


def test_password_is_never_shown() -> None:
    found = settings(redisUsername="me", redisPassword="s3cret", sentinelPassword="s3cret")
    assert "s3cret" not in f"{found!r} {found.shown}"
