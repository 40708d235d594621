"""State over gRPC (dapr/dapr, pkg/api/grpc/grpc.go)."""

from __future__ import annotations

from typing import Any

from dapr.proto.common.v1 import common_pb2
from dapr.proto.runtime.v1 import state_pb2
from google.protobuf import empty_pb2

from bindings.contract import Change
from engine.api.error import ApiError
from engine.api.grpc_call import Call
from engine.api.state import State, change_of, metadata_of, unsupported_operation


class GrpcState:
    def __init__(self, state: State) -> None:
        self._state = state

    async def get(self, request: Any, call: Call) -> Any:
        async with self._state.opened(request.store_name) as store:
            item = await store.get(request.key)
        if item is None:
            return state_pb2.GetStateResponse()
        return state_pb2.GetStateResponse(data=item.value, etag=item.etag, metadata=metadata_of(item))

    async def get_bulk(self, request: Any, call: Call) -> Any:
        async with self._state.opened(request.store_name) as store:
            found = await store.get_many(list(request.keys))
        items = [state_pb2.BulkStateItem(key=key) for key in request.keys]
        for item in items:
            if (one := found.get(item.key)) is not None:
                item.data, item.etag = one.value, one.etag
                item.metadata.update(metadata_of(one))
        return state_pb2.GetBulkStateResponse(items=items)

    async def query(self, request: Any, call: Call) -> Any:
        async with self._state.opened(request.store_name) as store:
            page = await store.query(request.query.encode())
        results = [state_pb2.QueryStateItem(key=key, data=item.value, etag=item.etag) for key, item in page.items]
        return state_pb2.QueryStateResponse(results=results, token=page.token)

    async def save(self, request: Any, call: Call) -> Any:
        async with self._state.opened(request.store_name) as store:
            if any(not item.key for item in request.states):
                raise ApiError("ERR_STATE_SAVE", "state key cannot be empty", 400, "INVALID_ARGUMENT", coded=True)
            await store.save([_change(item, item.value) for item in request.states])
        return empty_pb2.Empty()

    async def delete(self, request: Any, call: Call) -> Any:
        async with self._state.opened(request.store_name) as store:
            await store.delete(_change(request, None))
        return empty_pb2.Empty()

    async def delete_bulk(self, request: Any, call: Call) -> Any:
        async with self._state.opened(request.store_name) as store:
            await store.delete_many([_change(item, None) for item in request.states])
        return empty_pb2.Empty()

    async def transact(self, request: Any, call: Call) -> Any:
        async with self._state.opened(request.storeName) as store:
            await store.transact([_operation(one) for one in request.operations])
        return empty_pb2.Empty()


def _operation(one: Any) -> Change:
    if one.operationType not in ("upsert", "delete"):
        raise unsupported_operation(one.operationType, "UNIMPLEMENTED")
    return _change(one.request, None if one.operationType == "delete" else one.request.value)


def _change(item: Any, value: bytes | None) -> Change:
    first_write = item.options.concurrency == common_pb2.StateOptions.CONCURRENCY_FIRST_WRITE
    concurrency, metadata = "first-write" if first_write else "", dict(item.metadata)
    return change_of(item.key, value, etag=item.etag.value, concurrency=concurrency, metadata=metadata)
