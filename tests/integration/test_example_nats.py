"""examples/nats, on a server of the tests' own: orders in, invoices out."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys

import aiohttp
import pytest

from tests.bindings.nats.project import jetstream
from tests.bindings.nats.server import Nats
from tests.integration.apps import free_port
from tests.integration.project import ROOT, Project, until

EXAMPLE = ROOT / "examples/nats"


@pytest.mark.timeout(400)  # it may have to install the server
async def test_orders_become_invoices(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    server = Nats(tmp_path_factory.mktemp("nats"))
    server.start()
    shutil.copytree(EXAMPLE / "pipelines", project.path / "pipelines", dirs_exist_ok=True)
    port = free_port()
    for path in (project.path / "pipelines").iterdir():
        address = server.url.removeprefix("nats://")
        path.write_text(path.read_text().replace("localhost:4222", address).replace("8079", str(port)))
    environment = {**os.environ, "APP_PORT": str(port), "NATS_URL": server.url}
    made = await asyncio.create_subprocess_exec(sys.executable, str(EXAMPLE / "streams.py"), env=environment)
    assert await made.wait() == 0
    app = await asyncio.create_subprocess_exec(sys.executable, str(EXAMPLE / "cashier.py"), env=environment)
    try:
        run = await project.run()
        await until(run, "started", "orders")
        async with aiohttp.ClientSession(run.url) as session:
            for article, quantity in (("tea", 2), ("pot", 3), ("gold", 1)):
                order = {"article": article, "quantity": quantity}
                assert (await session.post("/v1.0/publish/shop/orders.new", json=order)).status == 204
        async with jetstream(server.url) as stream, asyncio.timeout(30):
            while (await stream.stream_info("ORDERS")).state.messages < 6:  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0.02)
            messages = [await stream.get_msg("ORDERS", sequence) for sequence in range(1, 7)]
        assert await run.stop() == 0, run.told()
    finally:
        app.kill()
        await app.wait()
        server.stop()
    found = [(one.subject, json.loads(one.data or b"")["data"].get("total")) for one in messages]
    assert sorted(one for one in found if one[0] != "orders.new") == [
        ("orders.large", 120),
        ("orders.priced", 10),
        ("orders.priced", 120),
    ]
    assert "app shop answered 422" in await project.command("dead-letters", "list")
