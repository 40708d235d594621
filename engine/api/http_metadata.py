"""The metadata as JSON (dapr/dapr, pkg/api/http/metadata.go). What is empty is left out, as Dapr does."""

from __future__ import annotations

from typing import Any

from engine.api.described import AppConnection, DescribedComponent, DescribedSubscription
from engine.api.metadata import Metadata


def metadata_json(metadata: Metadata) -> dict[str, Any]:
    known = {
        "id": metadata.app_id,
        "runtimeVersion": metadata.version,
        "components": [_component(one) for one in metadata.components],
        "extended": dict(metadata.extended),
        "subscriptions": [_subscription(one) for one in metadata.subscriptions],
    }
    return {
        **_filled(known),
        "appConnectionProperties": _connection(metadata.connection),
        "actorRuntime": {"runtimeStatus": "DISABLED", "hostReady": False},
    }


def _component(one: DescribedComponent) -> dict[str, Any]:
    whole = {"name": one.name, "type": one.type, "version": one.version, "capabilities": list(one.capabilities)}
    return _filled(whole)


def _subscription(one: DescribedSubscription) -> dict[str, Any]:
    rules = [_filled({"match": rule.match, "path": rule.path}) for rule in one.rules]
    return {
        "pubsubname": one.pubsub,
        "topic": one.topic,
        **_filled({"metadata": dict(one.metadata), "rules": rules}),
        "deadLetterTopic": one.dead_letter_topic,
        "type": one.type.value,
    }


def _connection(connection: AppConnection | None) -> dict[str, Any]:
    if connection is None:
        return {}
    whole = {
        "port": connection.port,
        "protocol": connection.protocol,
        "channelAddress": connection.address,
        "maxConcurrency": connection.max_concurrency,
    }
    return _filled(whole)


def _filled(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
