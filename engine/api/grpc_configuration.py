"""Configuration over gRPC (dapr/dapr, pkg/api/grpc/grpc.go)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from dapr.proto.common.v1 import common_pb2
from dapr.proto.runtime.v1 import configuration_pb2

from bindings.contract import Setting
from engine.api.configuration import Configuration, unsubscribe_error
from engine.api.grpc_call import Call


class GrpcConfiguration:
    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration

    async def get(self, request: Any, call: Call) -> Any:
        settings = await self._configuration.get(request.store_name, list(request.keys), dict(request.metadata))
        return configuration_pb2.GetConfigurationResponse(items=_items(settings))

    async def subscribe(self, request: Any, call: Call) -> AsyncGenerator[Any, None]:
        """First the id alone, then what changes, until the app goes or unsubscribes."""
        keys, metadata = list(request.keys), dict(request.metadata)
        async with self._configuration.watching(request.store_name, keys, metadata) as (id, changes):
            yield configuration_pb2.SubscribeConfigurationResponse(id=id)
            async for settings in changes:
                yield configuration_pb2.SubscribeConfigurationResponse(id=id, items=_items(settings))

    async def unsubscribe(self, request: Any, call: Call) -> Any:
        if self._configuration.unsubscribe(request.id):
            return configuration_pb2.UnsubscribeConfigurationResponse(ok=True)
        return configuration_pb2.UnsubscribeConfigurationResponse(ok=False, message=unsubscribe_error(request.id))


def _items(settings: Mapping[str, Setting]) -> dict[str, Any]:
    return {
        key: common_pb2.ConfigurationItem(value=one.value, version=one.version, metadata=dict(one.metadata))
        for key, one in settings.items()
    }
