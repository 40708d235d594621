from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from engine.server import LOOPBACK
from tests.engine.api.served import served

APP = """
apiVersion: jackfield/v1
kind: App
metadata: {name: orders}
spec: {url: "URL"}
"""


@asynccontextmanager
async def app(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """The definition of an app that answers like this."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, 0).start()
    try:
        yield APP.replace("URL", f"http://{LOOPBACK}:{runner.addresses[0][1]}")
    finally:
        await runner.cleanup()


async def echo(request: web.Request) -> web.Response:
    body = {
        "method": request.method,
        "path": request.rel_url.raw_path_qs,
        "headers": {name.lower(): value for name, value in request.headers.items()},
        "body": (await request.read()).decode(),
    }
    return web.json_response(body, status=418, headers={"X-Kind": "teapot"})


async def test_request_and_answer_go_through_as_they_are(tmp_path: Path) -> None:
    async with app(echo) as definition, served(tmp_path, definition) as api:
        path = "/v1.0/invoke/orders/method/a%2Fb/c?x=1&y=%20"
        headers = {"X-Mine": "1", "Connection": "close", "Content-Type": "text/x-mine"}
        status, body, answered = await api.call("PATCH", path, data=b"hello", headers=headers)
    found = json.loads(body)
    assert (status, answered["X-Kind"]) == (418, "teapot")
    assert (found["method"], found["path"], found["body"]) == ("PATCH", "/a%2Fb/c?x=1&y=%20", "hello")
    assert (found["headers"]["x-mine"], found["headers"]["content-type"]) == ("1", "text/x-mine")
    assert found["headers"].get("connection") != "close"


async def test_app_can_be_named_in_a_header(tmp_path: Path) -> None:
    async with app(echo) as definition, served(tmp_path, definition) as api:
        status, body, _ = await api.call("GET", "/orders/1?x=1", headers={"dapr-app-id": "orders"})
    assert (status, json.loads(body)["path"]) == (418, "/orders/1?x=1")
    assert "dapr-app-id" not in json.loads(body)["headers"]


async def test_bodies_stream_both_ways(tmp_path: Path) -> None:
    """The app answers to each piece, and the next piece is sent only then."""

    async def shout(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        async for chunk in request.content.iter_any():
            await response.write(chunk.upper())
        return response

    async def pieces() -> AsyncIterator[bytes]:
        yield b"a"
        await answered.wait()
        yield b"b"

    answered = asyncio.Event()
    async with app(shout) as definition, served(tmp_path, definition) as api, aiohttp.ClientSession() as session:
        url = f"{api.url}/v1.0/invoke/orders/method/shout"
        async with asyncio.timeout(10), session.post(url, data=pieces()) as response:
            assert await response.content.readexactly(1) == b"A"
            answered.set()
            assert await response.read() == b"B"


async def test_answer_that_breaks_off_is_no_whole_answer(tmp_path: Path) -> None:
    async def breaks_off(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.close()
        return response

    async with app(breaks_off) as definition, served(tmp_path, definition) as api:
        with pytest.raises(aiohttp.ClientError):
            await api.call("GET", "/v1.0/invoke/orders/method/half")


@pytest.mark.parametrize("name", ["orders", "lost"])
async def test_app_that_cannot_be_reached_is_a_failed_invocation(tmp_path: Path, name: str) -> None:
    async with served(tmp_path, APP.replace("URL", "http://127.0.0.1:9")) as api:
        status, body, _ = await api.call("GET", f"/v1.0/invoke/{name}/method/x")
    assert (status, json.loads(body)["errorCode"]) == (500, "ERR_DIRECT_INVOKE")
