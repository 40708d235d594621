"""The metadata as a message of gRPC (dapr/dapr, dapr/proto/runtime/v1/metadata.proto)."""

from __future__ import annotations

from typing import Any

from dapr.proto.runtime.v1 import metadata_pb2

from engine.api.described import AppConnection, DescribedSubscription
from engine.api.metadata import Metadata


def metadata_message(metadata: Metadata) -> Any:
    components = [
        metadata_pb2.RegisteredComponents(
            name=one.name, type=one.type, version=one.version, capabilities=one.capabilities
        )
        for one in metadata.components
    ]
    return metadata_pb2.GetMetadataResponse(
        id=metadata.app_id,
        runtime_version=metadata.version,
        registered_components=components,
        extended_metadata=dict(metadata.extended),
        subscriptions=[_subscription(one) for one in metadata.subscriptions],
        app_connection_properties=_connection(metadata.connection),
        actor_runtime=metadata_pb2.ActorRuntime(runtime_status=metadata_pb2.ActorRuntime.DISABLED),
    )


def _subscription(one: DescribedSubscription) -> Any:
    rules = [metadata_pb2.PubsubSubscriptionRule(match=rule.match, path=rule.path) for rule in one.rules]
    return metadata_pb2.PubsubSubscription(
        pubsub_name=one.pubsub,
        topic=one.topic,
        metadata=dict(one.metadata),
        rules=metadata_pb2.PubsubSubscriptionRules(rules=rules),
        dead_letter_topic=one.dead_letter_topic,
        type=metadata_pb2.PubsubSubscriptionType.Value(one.type.value),
    )


def _connection(connection: AppConnection | None) -> Any:
    if connection is None:
        return metadata_pb2.AppConnectionProperties()
    return metadata_pb2.AppConnectionProperties(
        port=connection.port,
        protocol=connection.protocol,
        channel_address=connection.address,
        max_concurrency=connection.max_concurrency,
    )
