"""Dapr's gRPC API (dapr/dapr, dapr/proto/runtime/v1/dapr.proto), with the generated messages of the package `dapr`.

Imported only where it is served. A method that is not in the table below answers UNIMPLEMENTED.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias
from urllib.parse import quote

import grpc
from dapr.proto.common.v1 import common_pb2
from dapr.proto.runtime.v1 import binding_pb2, dapr_pb2, invoke_pb2, metadata_pb2, pubsub_pb2, secret_pb2, state_pb2
from google.protobuf import any_pb2, empty_pb2

from bindings.contract import Change
from engine.api.blocks import Blocks
from engine.api.error import ApiError
from engine.api.state import change_of, metadata_of
from engine.errors import DefinitionError
from engine.event import JSON_TYPE

_SERVICE = "dapr.proto.runtime.v1.Dapr"
_MOST_CALLS = 32  # at once; more wait
Method: TypeAlias = Callable[[Any], Coroutine[Any, Any, Any]]

# What an app's HTTP status is in gRPC (googleapis, google/rpc/code.proto).
_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class GrpcServer:
    """`port` 0 becomes the port that was free.

    The threads of grpc's own server carry the calls to the event loop: grpc.aio can serve one loop of a process only,
    and the fake engine shares its process with the loops of tests.
    """

    def __init__(self, blocks: Blocks, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._blocks = blocks

    async def start(self) -> None:
        """Listens; raises `DefinitionError` when the port is taken."""
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(_MOST_CALLS, "jackfield-grpc")
        # Two processes on one port would each get half of the calls.
        self._server = grpc.server(self._threads, options=[("grpc.so_reuseport", 0)])
        methods = _methods(self._blocks)
        handlers = {name: self._handler(request, method) for name, (request, method) in methods.items()}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
        try:
            self.port = self._server.add_insecure_port(f"{self.host}:{self.port}")
        except RuntimeError as error:
            message = f"cannot listen on {self.host}:{self.port} for gRPC"
            raise DefinitionError(message, hint="another process may have the port") from error
        self._server.start()

    async def stop(self) -> None:
        await asyncio.to_thread(self._server.stop(grace=2.0).wait)
        self._threads.shutdown(wait=False)

    def _handler(self, request: Any, method: Method) -> Any:
        def answered(message: Any, context: Any) -> Any:
            self._check_token(context)
            try:
                return asyncio.run_coroutine_threadsafe(method(message), self._loop).result()
            except ApiError as error:
                return context.abort(getattr(grpc.StatusCode, error.grpc), error.message)

        return grpc.unary_unary_rpc_method_handler(
            answered,
            request_deserializer=request.FromString,
            response_serializer=lambda answer: answer.SerializeToString(),
        )

    def _check_token(self, context: Any) -> None:
        token = self._blocks.token
        given = str(dict(context.invocation_metadata()).get("dapr-api-token", ""))
        if token is not None and not hmac.compare_digest(given.encode(), token.encode()):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "invalid api token")


def _methods(blocks: Blocks) -> Mapping[str, tuple[Any, Method]]:
    state, others = _State(blocks), _Others(blocks)
    return {
        "GetState": (state_pb2.GetStateRequest, state.get),
        "GetBulkState": (state_pb2.GetBulkStateRequest, state.get_bulk),
        "SaveState": (state_pb2.SaveStateRequest, state.save),
        "DeleteState": (state_pb2.DeleteStateRequest, state.delete),
        "DeleteBulkState": (state_pb2.DeleteBulkStateRequest, state.delete_bulk),
        "ExecuteStateTransaction": (state_pb2.ExecuteStateTransactionRequest, state.transact),
        "PublishEvent": (pubsub_pb2.PublishEventRequest, others.publish),
        "InvokeBinding": (binding_pb2.InvokeBindingRequest, others.invoke_binding),
        "InvokeService": (invoke_pb2.InvokeServiceRequest, others.invoke),
        "GetSecret": (secret_pb2.GetSecretRequest, others.secret),
        "GetBulkSecret": (secret_pb2.GetBulkSecretRequest, others.all_secrets),
        "GetMetadata": (metadata_pb2.GetMetadataRequest, others.metadata),
        "SetMetadata": (metadata_pb2.SetMetadataRequest, others.set_metadata),
        "Shutdown": (dapr_pb2.ShutdownRequest, others.shut_down),
    }


class _State:
    def __init__(self, blocks: Blocks) -> None:
        self._state = blocks.state

    async def get(self, request: Any) -> Any:
        item = (await self._state.get(request.store_name, [request.key])).get(request.key)
        if item is None:
            return state_pb2.GetStateResponse()
        return state_pb2.GetStateResponse(data=item.value, etag=item.etag, metadata=metadata_of(item))

    async def get_bulk(self, request: Any) -> Any:
        found = await self._state.get(request.store_name, list(request.keys))
        items = [state_pb2.BulkStateItem(key=key) for key in request.keys]
        for item in items:
            if (one := found.get(item.key)) is not None:
                item.data, item.etag = one.value, one.etag
                item.metadata.update(metadata_of(one))
        return state_pb2.GetBulkStateResponse(items=items)

    async def save(self, request: Any) -> Any:
        await self._state.save(request.store_name, [_change(item, item.value) for item in request.states])
        return empty_pb2.Empty()

    async def delete(self, request: Any) -> Any:
        await self._state.delete(request.store_name, [_change(request, None)])
        return empty_pb2.Empty()

    async def delete_bulk(self, request: Any) -> Any:
        await self._state.delete(request.store_name, [_change(item, None) for item in request.states])
        return empty_pb2.Empty()

    async def transact(self, request: Any) -> Any:
        await self._state.transact(request.storeName, [_operation(one) for one in request.operations])
        return empty_pb2.Empty()


class _Others:
    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks

    async def publish(self, request: Any) -> Any:
        content_type, metadata = request.data_content_type, dict(request.metadata)
        await self._blocks.publish.one(request.pubsub_name, request.topic, request.data, content_type, metadata)
        return empty_pb2.Empty()

    async def invoke_binding(self, request: Any) -> Any:
        data, metadata = request.data or None, dict(request.metadata)
        content_type = _type_of(request.data)
        result = await self._blocks.bindings.invoke(request.name, request.operation, data, metadata, content_type)
        return binding_pb2.InvokeBindingResponse(data=result.data or b"", metadata=dict(result.metadata))

    async def invoke(self, request: Any) -> Any:
        """Of an app that speaks HTTP; its status other than 2xx becomes one of gRPC."""
        message = request.message
        verb = common_pb2.HTTPExtension.Verb.Name(message.http_extension.verb).replace("NONE", "POST")
        query = message.http_extension.querystring
        path = quote(message.method, safe="/%?=&") + (f"?{query}" if query else "")
        headers = [("Content-Type", message.content_type or JSON_TYPE)]
        body = message.data.value or None
        async with self._blocks.invoke.exchange(request.id, verb, path, headers, body) as answer:
            data, content_type = await answer.read(), answer.headers.get("Content-Type", "")
        if not 200 <= answer.status < 300:
            why = f"app {request.id} answered {answer.status}: {data[:1000].decode(errors='replace')}"
            raise ApiError("ERR_DIRECT_INVOKE", why, answer.status, _CODES.get(answer.status, "UNKNOWN"))
        return common_pb2.InvokeResponse(data=any_pb2.Any(value=data), content_type=content_type)

    async def secret(self, request: Any) -> Any:
        keys = await self._blocks.secrets.get(request.store_name, request.key)
        return secret_pb2.GetSecretResponse(data=dict(keys))

    async def all_secrets(self, request: Any) -> Any:
        secrets = await self._blocks.secrets.all(request.store_name)
        data = {name: secret_pb2.SecretResponse(secrets=dict(keys)) for name, keys in secrets.items()}
        return secret_pb2.GetBulkSecretResponse(data=data)

    async def metadata(self, request: Any) -> Any:
        metadata = self._blocks.metadata
        components = [
            metadata_pb2.RegisteredComponents(name=one.name, type=one.type, version=one.version)
            for one in metadata.components
        ]
        return metadata_pb2.GetMetadataResponse(
            id=metadata.app_id,
            runtime_version=metadata.version,
            registered_components=components,
            extended_metadata=dict(metadata.extended),
        )

    async def set_metadata(self, request: Any) -> Any:
        self._blocks.metadata.set(request.key, request.value)
        return empty_pb2.Empty()

    async def shut_down(self, request: Any) -> Any:
        self._blocks.shut_down()
        return empty_pb2.Empty()


def _operation(one: Any) -> Change:
    if one.operationType not in ("upsert", "delete"):
        message = f"operation type {one.operationType} not supported"
        raise ApiError("ERR_NOT_SUPPORTED_STATE_OPERATION", message, 400, "INVALID_ARGUMENT")
    return _change(one.request, None if one.operationType == "delete" else one.request.value)


def _change(item: Any, value: bytes | None) -> Change:
    first_write = item.options.concurrency == common_pb2.StateOptions.CONCURRENCY_FIRST_WRITE
    concurrency, metadata = "first-write" if first_write else "", dict(item.metadata)
    return change_of(item.key, value, etag=item.etag.value, concurrency=concurrency, metadata=metadata)


def _type_of(data: bytes) -> str:
    """There is no content type in the request, and outputs want one."""
    try:
        json.loads(data)
    except ValueError:
        return "application/octet-stream"
    return JSON_TYPE
