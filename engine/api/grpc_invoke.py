"""Service invocation over gRPC, of an app that speaks HTTP (dapr/dapr, pkg/api/grpc/grpc.go)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from dapr.proto.common.v1 import common_pb2
from google.protobuf import any_pb2

from engine.api.grpc_call import Call
from engine.api.grpc_errors import of_http_status
from engine.api.invoke import Invoke
from engine.event import JSON_TYPE

_VERBS = {number: name for name, number in common_pb2.HTTPExtension.Verb.items() if name != "NONE"}
_OURS = ("dapr-api-token", "dapr-app-id", "content-type", "te", "user-agent", "host", "content-length", "connection")


class GrpcInvoke:
    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def invoke(self, request: Any, call: Call) -> Any:
        """The metadata are the app's headers, and its headers the metadata of the answer. A status other than 2xx
        becomes one of gRPC.
        """
        message = request.message
        verb = _VERBS.get(message.http_extension.verb, "POST")
        query = message.http_extension.querystring
        path = quote(message.method, safe="/%?=&") + (f"?{query}" if query else "")
        passed = [(name, value) for name, value in call.metadata.items() if _is_passed(name)]
        headers = [("Content-Type", message.content_type or JSON_TYPE), *passed]
        body = message.data.value or None
        async with self._invoke.exchange(request.id, verb, path, headers, body) as answer:
            data, content_type = await answer.read(), answer.headers.get("Content-Type", "")
        told = {name: value for name, value in answer.headers.items() if _is_passed(name.lower())}
        await call.send_headers({**told, "dapr-http-status": str(answer.status)})
        if not 200 <= answer.status < 300:
            raise of_http_status(answer.status, data[:1000].decode(errors="replace"))
        return common_pb2.InvokeResponse(data=any_pb2.Any(value=data), content_type=content_type)


def _is_passed(name: str) -> bool:
    return name not in _OURS and not name.startswith((":", "grpc-")) and not name.endswith("-bin")
