"""Publishing over gRPC (dapr/dapr, pkg/api/grpc/grpc.go)."""

from __future__ import annotations

from typing import Any

from dapr.proto.runtime.v1 import pubsub_pb2
from google.protobuf import empty_pb2

from engine.api.grpc_call import Call
from engine.api.publish import Entry, Publish


class GrpcPublish:
    def __init__(self, publish: Publish) -> None:
        self._publish = publish

    async def publish(self, request: Any, call: Call) -> Any:
        metadata = dict(request.metadata)
        async with self._publish.opened(request.pubsub_name, request.topic, metadata) as topic:
            await topic.publish(request.data, request.data_content_type, call.trace)
        return empty_pb2.Empty()

    async def publish_bulk(self, request: Any, call: Call) -> Any:
        """When any of them has failed, all is an error, as Dapr does: over HTTP the app is told which."""
        shared = dict(request.metadata)
        async with self._publish.opened(request.pubsub_name, request.topic, shared) as topic:
            if any(not entry.entry_id for entry in request.entries):
                raise topic.events_error("MARSHAL_EVENTS", "entryId is duplicated or not present for entry")
            entries = [
                Entry(entry.entry_id, entry.event, entry.content_type, {**shared, **entry.metadata})
                for entry in request.entries
            ]
            failed = await topic.publish_many(entries, call.trace)
            if failed:
                raise topic.publish_error(next(iter(failed.values())))
        return pubsub_pb2.BulkPublishResponse()
