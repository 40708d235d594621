"""examples/redis, on a server of the tests' own: orders in, invoices and state out."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from redis.asyncio import Redis

from tests.bindings.redis.server import RedisServer
from tests.integration.apps import free_port
from tests.integration.project import ROOT, Project, Run, until


@asynccontextmanager
async def running(project: Project, server: RedisServer) -> AsyncIterator[tuple[Run, aiohttp.ClientSession]]:
    """The engine and the app, as the README starts them; the first one, and a session with it."""
    shutil.copytree(ROOT / "examples/redis/pipelines", project.path / "pipelines", dirs_exist_ok=True)
    app_port = free_port()
    for path in (project.path / "pipelines").iterdir():
        text = path.read_text().replace("localhost:6379", server.address).replace("8078", str(app_port))
        path.write_text(text.replace("@every 60s", "@every 1s"))
    run = await project.run()
    environment = {**os.environ, "APP_PORT": str(app_port), "DAPR_HTTP_PORT": run.url.rpartition(":")[2]}
    app = await asyncio.create_subprocess_exec(sys.executable, str(ROOT / "examples/redis/shop.py"), env=environment)
    try:
        async with aiohttp.ClientSession(run.url) as session:
            while (await session.get("/v1.0/healthz/outbound")).status != 204:
                pass
            yield run, session
            assert await run.stop() == 0, run.told()
    finally:
        app.kill()
        await app.wait()


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.mark.timeout(400)  # it may have to install the server
async def test_orders_become_invoices_and_state(project: Project, server: RedisServer) -> None:
    client: Any = Redis(port=server.port)
    orders = [
        {"customer": "zoe", "article": "tea", "quantity": 2},
        {"customer": "max", "article": "pot", "quantity": 1},
        {"customer": "zoe", "article": "gold", "quantity": 1},
        {"customer": "zoe", "article": "pot", "quantity": 1},
    ]
    await client.mset({"price/tea": "5", "price/pot": "40||v7"})
    async with running(project, server) as (run, session):
        for order in orders:
            assert (await session.post("/v1.0/publish/shop/orders", json=order)).status == 204
        async with asyncio.timeout(30):
            while await client.get("orders-priced") != b"3":
                pass
        await until(run, "filtered", "report")  # the second time: the first one has the lock
        assert await (await session.get("/v1.0/state/customers/zoe")).json() == 50
    assert json.loads(await client.get("last-order/zoe"))["article"] == "pot"
    invoices = [json.loads(fields[b"data"])["data"] for _, fields in await client.xrange("invoices")]
    assert {(one["customer"], one["total"], one["spent"]) for one in invoices} == {
        ("zoe", 10, 10),
        ("max", 40, 40),
        ("zoe", 40, 50),
    }
    [(_, report)] = await client.xrange("reports")
    assert json.loads(report[b"data"])["data"]["orders"] in range(4)
    assert 0 < await client.ttl("lock||locks||report") <= 55
    assert (await client.hgetall("customers||zoe"))[b"data"] == b"50"
    assert (await client.xpending("orders", "orders"))["pending"] == 0
    assert "app shop answered 422" in await project.command("dead-letters", "list")
    await client.aclose()
