from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from bindings.manifest import ComponentType
from bindings.redis import (
    binding_component,
    configuration_component,
    lock_component,
    pubsub_component,
    state_component,
)

TYPES = [binding_component, configuration_component, lock_component, pubsub_component, state_component]

# What components-contrib's metadata.yaml of all five types have in common, written as in an existing project.
COMMON = {
    "redisHost": "localhost:6379",
    "redisPort": "6379",
    "redisUsername": "me",
    "redisPassword": "s3cret",
    "sentinelUsername": "me",
    "sentinelPassword": "s3cret",
    "redisType": "node",
    "redisDB": "0",
    "redisMaxRetries": "5",
    "redisMinRetryInterval": "8ms",
    "redisMaxRetryInterval": "512ms",
    "dialTimeout": "5s",
    "readTimeout": "3s",
    "writeTimeout": "3s",
    "poolSize": "20",
    "poolTimeout": "5s",
    "maxConnAge": "30m",
    "minIdleConns": "2",
    "idleCheckFrequency": "-1",
    "idleTimeout": "10m",
    "enableTLS": "false",
    "insecureSkipTLSVerify": "false",
    "clientCert": "c",
    "clientKey": "k",
    "failover": "false",
    "sentinelMasterName": "mymaster",
    "useEntraID": "false",
    "useOIDC": "false",
    "oidcTokenEndpoint": "https://identity.example.com/v1/token",
    "oidcClientID": "me",
    "oidcClientAssertionCert": "c",
    "oidcClientAssertionKey": "k",
    "oidcResource": "r",
    "oidcAudience": "a",
    "oidcScopes": "openid",
    "oidcKid": "1",
    "oidcCACert": "c",
}
OWN: dict[str, dict[str, str]] = {
    "bindings.redis": {"direction": "output"},
    "configuration.redis": {},
    "lock.redis": {"maxRetries": "3", "maxRetryBackoff": "2s", "redeliverInterval": "15s", "processingTimeout": "60s"},
    "pubsub.redis": {
        "consumerID": "myGroup",
        "redeliverInterval": "30s",
        "processingTimeout": "30s",
        "queueDepth": "1000",
        "concurrency": "15",
        "maxLenApprox": "10000",
        "streamTTL": "30d",
    },
    "state.redis": {
        "redeliverInterval": "15s",
        "processingTimeout": "60s",
        "ttlInSeconds": "600",
        "queryIndexes": "[]",
        "keyPrefix": "none",
        "actorStateStore": "true",
    },
}


def read(type: ComponentType, **fields: Any) -> Any:
    return type.metadata.model_validate({"redisHost": "localhost", **fields})


@pytest.mark.parametrize("type", TYPES, ids=lambda type: type.name)
def test_every_field_of_dapr_is_read(type: ComponentType) -> None:
    metadata = type.metadata.model_validate({**COMMON, **OWN[type.name]})
    assert metadata.model_fields_set >= {"redis_host", "oidc_ca_cert", "idle_check_frequency"}


@pytest.mark.parametrize("type", TYPES, ids=lambda type: type.name)
def test_field_that_nobody_knows_is_an_error(type: ComponentType) -> None:
    with pytest.raises(ValidationError, match="redisHosts"):
        read(type, redisHosts="x")


def test_number_is_in_milliseconds_also_for_redelivery() -> None:
    metadata = read(pubsub_component, processingTimeout="15000", redeliverInterval=500)
    assert (metadata.processing_timeout, metadata.redeliver_interval) == (15, 0.5)


def test_redelivery_as_dapr_has_it_by_default() -> None:
    metadata = read(pubsub_component)
    assert (metadata.processing_timeout, metadata.redeliver_interval, metadata.queue_depth) == (60, 15, 100)


@pytest.mark.parametrize("type", [state_component, lock_component], ids=lambda type: type.name)
def test_older_names_count_where_the_newer_are_not_there(type: ComponentType) -> None:
    old = read(type, maxRetries="7", maxRetryBackoff="1s")
    assert (old.redis_max_retries, old.redis_min_retry_interval) == (7, 1)
    assert read(type, maxRetryBackoff="500000000").redis_min_retry_interval == 0.5  # nanoseconds
    both = read(type, maxRetries="7", redisMaxRetries="2", maxRetryBackoff="1s", redisMinRetryInterval="3s")
    assert (both.redis_max_retries, both.redis_min_retry_interval) == (2, 3)
