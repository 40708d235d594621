from __future__ import annotations

import io
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from engine.errors import DefinitionError
from engine.server import LOOPBACK, Server


@asynccontextmanager
async def running(waiting: Mapping[str, object] | None = None) -> AsyncIterator[Server]:
    server = Server(LOOPBACK, 0, lambda: waiting or {})
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def get(server: Server, path: str, method: str = "GET", data: Any = None) -> tuple[int, Any]:
    url = f"http://{server.host}:{server.port}{path}"
    async with aiohttp.ClientSession() as session, session.request(method, url, data=data) as response:
        return response.status, await response.json()


class Echo:
    async def handle(self, request: web.Request) -> web.StreamResponse:
        size = len(await request.read())
        return web.json_response({"method": request.method, "size": size}, status=202)


async def test_health_says_that_the_engine_is_up() -> None:
    async with running({"pipelines": {"orders": "connection refused"}}) as server:
        assert await get(server, "/healthz") == (200, {"status": "up"})


async def test_readiness_says_which_pipelines_wait_and_why() -> None:
    waiting = {"pipelines": {"orders": "connection refused"}}
    async with running(waiting) as server:
        assert await get(server, "/readyz") == (503, {"status": "waiting", **waiting})
        waiting.clear()
        assert await get(server, "/readyz") == (200, {"status": "ready"})


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "OPTIONS"])
async def test_webhook_gets_its_requests(method: str) -> None:
    async with running() as server:
        server.webhooks["orders"] = Echo()
        assert await get(server, "/webhooks/orders", method) == (202, {"method": method, "size": 0})


async def test_server_itself_has_no_limit_on_the_size_of_a_body() -> None:
    async with running() as server:
        server.webhooks["orders"] = Echo()
        body = io.BytesIO(bytes(3 * 2**20))
        assert await get(server, "/webhooks/orders", "POST", body) == (202, {"method": "POST", "size": 3 * 2**20})


async def test_webhook_that_may_come_yet_is_to_be_called_again() -> None:
    async with running({"store": "the disk is full"}) as server:
        status, body = await get(server, "/webhooks/orders", "POST")
    assert (status, body["error"]) == (503, "there is no webhook 'orders'")


@pytest.mark.parametrize(
    ("name", "hint"),
    [("order", "did you mean 'orders'?"), ("zzz", "a pipeline must have this component as its input")],
)
async def test_unknown_webhook_is_not_found_and_has_a_hint(name: str, hint: str) -> None:
    async with running() as server:
        server.webhooks["orders"] = Echo()
        answer = {"error": f"there is no webhook {name!r}", "hint": hint}
        assert await get(server, f"/webhooks/{name}", "POST") == (404, answer)


async def test_webhook_that_is_gone_is_not_found() -> None:
    async with running() as server:
        server.webhooks["orders"] = Echo()
        del server.webhooks["orders"]
        status, _ = await get(server, "/webhooks/orders")
        assert status == 404


async def test_port_zero_becomes_the_one_that_was_free() -> None:
    async with running() as server:
        assert server.port > 0


async def test_port_that_is_taken_is_a_definition_error() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DefinitionError) as caught:
            await Server(LOOPBACK, port, dict).start()
    assert str(caught.value) == (
        f"cannot listen on 127.0.0.1:{port}: Address already in use (choose another one with --http-port or --host)"
    )


@pytest.mark.parametrize(("host", "port"), [(LOOPBACK, 99_999), (LOOPBACK, -1), ("192.0.2.1", 0), ("no.invalid", 0)])
async def test_address_that_cannot_be_is_a_definition_error(host: str, port: int) -> None:
    with pytest.raises(DefinitionError, match=f"cannot listen on {host}:{port}: "):
        await Server(host, port, dict).start()
