from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import grpc
import pytest
from aiohttp import web
from dapr.proto.common.v1 import common_pb2
from dapr.proto.runtime.v1 import invoke_pb2
from google.protobuf import any_pb2

from tests.engine.api.served import details_of, served
from tests.engine.api.test_http_invoke import app, echo

TRACE = ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")


def request(method: str, data: bytes = b"hello", **more: Any) -> Any:
    message = common_pb2.InvokeRequest(method=method, data=any_pb2.Any(value=data), content_type="text/x-mine", **more)
    return invoke_pb2.InvokeServiceRequest(id="orders", message=message)


async def test_call_becomes_a_request_of_http(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        response = await echo(request)
        response.set_status(200)
        return response

    extension = common_pb2.HTTPExtension(verb=common_pb2.HTTPExtension.PATCH, querystring="x=1")
    async with app(answer) as definition, served(tmp_path, definition) as api, api.stub() as stub:
        call = stub.InvokeService(request("new/one", http_extension=extension), metadata=[TRACE, ("x-mine", "1")])
        found = json.loads((await call).data.value)
        headers = dict(await call.initial_metadata())
    assert (found["method"], found["path"], found["body"]) == ("PATCH", "/new/one?x=1", "hello")
    assert (found["headers"]["content-type"], found["headers"]["x-mine"]) == ("text/x-mine", "1")
    assert found["headers"][TRACE[0]] == TRACE[1]
    assert (headers["x-kind"], headers["dapr-http-status"]) == ("teapot", "200")


async def test_large_bodies_go_both_ways(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=(await request.content.read())[::-1])

    data = bytes(3 * 2**20) + b"end"
    async with app(answer) as definition, served(tmp_path, definition) as api, api.stub() as stub:
        assert (await stub.InvokeService(request("turn", data))).data.value == data[::-1]


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "INTERNAL"), (401, "UNAUTHENTICATED"), (404, "NOT_FOUND"), (409, "ALREADY_EXISTS"), (500, "UNKNOWN")],
)
async def test_status_of_the_app_becomes_one_of_grpc(tmp_path: Path, status: int, code: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, text="x" * 100)

    async with app(answer) as definition, served(tmp_path, definition) as api, api.stub() as stub:
        with pytest.raises(grpc.RpcError) as caught:
            await stub.InvokeService(request("new"))
    (info,) = details_of(caught.value)
    assert caught.value.code().name == code
    assert info["metadata"] == {"http.code": str(status), "http.error_message": "x" * 63}


async def test_app_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    async with served(tmp_path) as api, api.stub() as stub:
        with pytest.raises(grpc.RpcError) as caught:
            await stub.InvokeService(request("new"))
    assert caught.value.code() == grpc.StatusCode.INTERNAL
    assert caught.value.details().startswith("failed to invoke, id: orders, err: ")
