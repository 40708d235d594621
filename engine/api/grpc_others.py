"""Bindings, secrets, locks and metadata over gRPC (dapr/dapr, pkg/api/grpc/grpc.go and pkg/api/universal)."""

from __future__ import annotations

import json
from typing import Any

from dapr.proto.runtime.v1 import binding_pb2, lock_pb2, secret_pb2
from google.protobuf import empty_pb2

from engine.api.blocks import Blocks
from engine.api.grpc_call import Call
from engine.api.grpc_metadata import metadata_message
from engine.event import JSON_TYPE


class GrpcOthers:
    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks

    async def invoke_binding(self, request: Any, call: Call) -> Any:
        data, metadata = request.data or None, {**call.trace, **request.metadata}
        content_type = _type_of(request.data)
        result = await self._blocks.bindings.invoke(request.name, request.operation, data, metadata, content_type)
        await call.send_headers({f"metadata.{name}": value for name, value in result.metadata.items()})
        return binding_pb2.InvokeBindingResponse(data=result.data or b"", metadata=dict(result.metadata))

    async def secret(self, request: Any, call: Call) -> Any:
        keys = await self._blocks.secrets.get(request.store_name, request.key)
        return secret_pb2.GetSecretResponse(data=dict(keys))

    async def all_secrets(self, request: Any, call: Call) -> Any:
        secrets = await self._blocks.secrets.all(request.store_name)
        data = {name: secret_pb2.SecretResponse(secrets=dict(keys)) for name, keys in secrets.items()}
        return secret_pb2.GetBulkSecretResponse(data=data)

    async def try_lock(self, request: Any, call: Call) -> Any:
        owner, seconds = request.lock_owner, request.expiry_in_seconds
        has = await self._blocks.locks.acquire(request.store_name, request.resource_id, owner, seconds)
        return lock_pb2.TryLockResponse(success=has)

    async def unlock(self, request: Any, call: Call) -> Any:
        status = await self._blocks.locks.release(request.store_name, request.resource_id, request.lock_owner)
        return lock_pb2.UnlockResponse(status=lock_pb2.UnlockResponse.Status.Name(status.value))

    async def metadata(self, request: Any, call: Call) -> Any:
        return metadata_message(self._blocks.metadata)

    async def set_metadata(self, request: Any, call: Call) -> Any:
        self._blocks.metadata.set(request.key, request.value)
        return empty_pb2.Empty()

    async def shut_down(self, request: Any, call: Call) -> Any:
        self._blocks.shut_down()
        return empty_pb2.Empty()


def _type_of(data: bytes) -> str:
    """There is no content type in the request, and outputs want one."""
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return "application/octet-stream"
    return JSON_TYPE
