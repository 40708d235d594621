from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from bindings.metadata import (
    BindingMetadata,
    LockMetadata,
    Metadata,
    PubSubMetadata,
    Secret,
    StateMetadata,
    Text,
    Whole,
)
from bindings.redis.settings import Milliseconds, RedisSettings

_OIDC = "With `useOIDC` only, which is refused when true."
_ALIEN = "Understood, and without effect: Dapr reads it for every component of Redis, and it is one of pub/subs."


class _Settings(RedisSettings):
    oidc_token_endpoint: Text | None = Field(None, description=_OIDC, examples=["https://login.example.com/token"])
    oidc_client_id: Text | None = Field(None, alias="oidcClientID", description=_OIDC, examples=["jackfield"])
    oidc_client_assertion_cert: Text | None = Field(
        None, description=_OIDC, examples=["-----BEGIN CERTIFICATE-----\n..."]
    )
    oidc_client_assertion_key: Secret | None = Field(
        None, description=_OIDC, examples=["-----BEGIN PRIVATE KEY-----\n..."]
    )
    oidc_resource: Text | None = Field(None, description=_OIDC, examples=["https://redis.example.com"])
    oidc_audience: Text | None = Field(None, description=_OIDC, examples=["redis"])
    oidc_scopes: Text | None = Field(None, description=_OIDC, examples=["openid"])
    oidc_kid: Text | None = Field(None, description=_OIDC, examples=["key-1"])
    oidc_ca_cert: Text | None = Field(
        None, alias="oidcCACert", description=_OIDC, examples=["-----BEGIN CERTIFICATE-----\n..."]
    )


class _OldSettings(_Settings):
    """State stores and locks know older names, and wait longer between two tries."""

    redis_min_retry_interval: Milliseconds = Field(
        2.0,
        description="The shortest wait before a command is tried again; -1: none. A number is in milliseconds.",
        examples=["8ms"],
    )
    max_retries: Whole | None = Field(
        None, ge=-1, description="An older name of `redisMaxRetries`, which counts when both are there.", examples=["3"]
    )
    max_retry_backoff: Milliseconds | None = Field(
        None, description="An older name of `redisMinRetryInterval`, which counts when both are there.", examples=["2s"]
    )
    processing_timeout: Milliseconds | None = Field(None, description=_ALIEN, examples=["30s"])
    redeliver_interval: Milliseconds | None = Field(None, description=_ALIEN, examples=["30s"])

    @model_validator(mode="before")
    @classmethod
    def _take_older_names(cls, values: Any) -> Any:
        if isinstance(values, dict):
            for old, new in (("maxRetries", "redisMaxRetries"), ("maxRetryBackoff", "redisMinRetryInterval")):
                if values.get(old) and not values.get(new):
                    # A bare number of the older one is in nanoseconds.
                    unit = "ns" if old == "maxRetryBackoff" and str(values[old]).isdigit() else ""
                    values = {**values, new: f"{values[old]}{unit}"}
        return values


class RedisBindingMetadata(_Settings, BindingMetadata):
    """https://docs.dapr.io/reference/components-reference/supported-bindings/redis/"""


class RedisStateMetadata(_OldSettings, StateMetadata):
    """https://docs.dapr.io/reference/components-reference/supported-state-stores/setup-redis/"""

    ttl_in_seconds: Whole | None = Field(
        None,
        alias="ttlInSeconds",
        description="How many seconds a value stays that is written without a time of its own; 0 or less: for ever.",
        examples=["600"],
    )
    query_indexes: Text | None = Field(
        None,
        description="Read, and not applied: the query API needs the modules RedisJSON and RediSearch.",
        examples=['[{"name": "orders", "indexes": [{"key": "city", "type": "TEXT"}]}]'],
    )


class RedisPubSubMetadata(_Settings, PubSubMetadata):
    """https://docs.dapr.io/reference/components-reference/supported-pubsub/setup-redis-pubsub/"""

    processing_timeout: Milliseconds = Field(
        60.0,
        ge=0,
        description="How long a consumer may be silent until its messages are given to others; while it works on them "
        "it says so. 0: they are never given to others. A number is in milliseconds.",
        examples=["60s", "15000"],
    )
    redeliver_interval: Milliseconds = Field(
        15.0,
        ge=0,
        description="How often it looks for the messages of silent consumers; 0: never. A number is in milliseconds.",
        examples=["15s"],
    )
    queue_depth: Whole = Field(
        100, ge=1, description="How many messages are read at once, at most.", examples=["100", "1000"]
    )
    concurrency: Whole = Field(
        10,
        ge=0,
        description="Read, and not applied: `delivery.concurrency` of the pipeline says how many are on their way.",
        examples=["10"],
    )
    max_len_approx: Whole = Field(
        0,
        ge=0,
        description="How many messages a stream keeps, about; older ones are dropped, also when nobody has read them. "
        "0: all.",
        examples=["100000"],
    )
    stream_ttl: Milliseconds | None = Field(
        None,
        alias="streamTTL",
        ge=0,
        description="How long a stream keeps messages, about; older ones are dropped, also when nobody has read them. "
        "`maxLenApprox` goes before it.",
        examples=["30d"],
    )


class RedisLockMetadata(_OldSettings, LockMetadata):
    """https://docs.dapr.io/reference/components-reference/supported-locks/redis-lock/"""


class RedisConfigurationMetadata(_Settings, Metadata):
    """https://docs.dapr.io/reference/components-reference/supported-configuration-stores/redis-configuration-store/"""

    redis_max_retry_interval: Milliseconds = Field(
        2.0,
        description="The longest wait before a command is tried again; -1: none. A number is in milliseconds.",
        examples=["2s"],
    )
