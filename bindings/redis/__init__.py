"""Redis: keys, streams as topics, state, locks and configuration, on one connection layer."""

from __future__ import annotations

from bindings.contract import ConfigurationStore, Context, Lock, OutputBinding, PubSub, StateStore
from bindings.manifest import ComponentType
from bindings.redis.metadata import (
    RedisBindingMetadata,
    RedisConfigurationMetadata,
    RedisLockMetadata,
    RedisPubSubMetadata,
    RedisStateMetadata,
)


def _output(metadata: RedisBindingMetadata, context: Context) -> OutputBinding:
    from bindings.redis.output import RedisOutput

    return RedisOutput(metadata, context.name)


def _pubsub(metadata: RedisPubSubMetadata, context: Context) -> PubSub:
    from bindings.redis.pubsub import RedisPubSub

    return RedisPubSub(metadata, context)


def _state(metadata: RedisStateMetadata, context: Context) -> StateStore:
    from bindings.redis.state import RedisState

    return RedisState(metadata, context)


def _lock(metadata: RedisLockMetadata, context: Context) -> Lock:
    from bindings.redis.lock import RedisLock

    return RedisLock(metadata, context)


def _configuration(metadata: RedisConfigurationMetadata, context: Context) -> ConfigurationStore:
    from bindings.redis.configuration import RedisConfiguration

    return RedisConfiguration(metadata, context)


def _example(name: str, type: str, more: str = "") -> str:
    return f"""\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: {name}
spec:
  type: {type}
  version: v1
  metadata:
    - name: redisHost
      value: localhost:6379
{more}"""


binding_component = ComponentType(
    name="bindings.redis",
    summary="Keys of a Redis server: set, read, deleted, counted up. Many operations are one round trip.",
    metadata=RedisBindingMetadata,
    example=_example("cache", "bindings.redis"),
    output=_output,
    operations={
        "create": "Sets the key to the data.",
        "get": "Gives the value of the key, or nothing when there is none.",
        "delete": "Deletes the key.",
        "increment": "Adds one to the number of the key, and gives the new one.",
    },
    output_metadata={
        "key": "The key. Always needed.",
        "ttlInSeconds": "create, increment: how long the key stays, like `60` or `10s`.",
        "delete": "get: `true` deletes the key as it is read.",
    },
    extra="redis",
)

pubsub_component = ComponentType(
    name="pubsub.redis",
    summary="Topics as Redis streams: read in batches by a consumer group, acknowledged after the outputs; what a "
    "consumer leaves behind goes to another. A stream keeps all messages unless `maxLenApprox` or `streamTTL` is set.",
    metadata=RedisPubSubMetadata,
    example=_example("orders", "pubsub.redis", '    - name: maxLenApprox\n      value: "100000"\n'),
    pubsub=_pubsub,
    input_metadata={
        "topic": "The topic, which is the key of the stream.",
        "entryId": "The id of the entry in the stream.",
        "<key>": "The metadata that it was published with.",
    },
    extra="redis",
)

state_component = ComponentType(
    name="state.redis",
    summary="State in Redis, as Dapr keeps it there: a hash with the data and its version, which is the etag.",
    metadata=RedisStateMetadata,
    example=_example("statestore", "state.redis"),
    state_store=_state,
    extra="redis",
)

lock_component = ComponentType(
    name="lock.redis",
    summary="Locks in one Redis server: a key with its owner, which expires.",
    metadata=RedisLockMetadata,
    example=_example("locks", "lock.redis"),
    lock=_lock,
    extra="redis",
)

configuration_component = ComponentType(
    name="configuration.redis",
    summary="Settings in Redis: texts like `value||version`, watched by keyspace notifications.",
    metadata=RedisConfigurationMetadata,
    example=_example("settings", "configuration.redis"),
    configuration_store=_configuration,
    extra="redis",
)
