"""examples/rabbitmq, on a server of the tests' own: orders in, invoices and tours out."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from typing import Any

import aio_pika
import pytest
from aio_pika.abc import AbstractIncomingMessage

from tests.bindings.rabbitmq.server import RabbitMq
from tests.integration.apps import free_port
from tests.integration.project import ROOT, Project, until

EXAMPLE = ROOT / "examples/rabbitmq"


async def taken(url: str, queue: str, count: int) -> list[AbstractIncomingMessage]:
    """So many messages of a queue that is there."""
    found: list[AbstractIncomingMessage] = []
    async with await aio_pika.connect(url) as connection, asyncio.timeout(30):
        channel = await connection.channel()
        async with (await channel.get_queue(queue, ensure=False)).iterator(no_ack=True) as messages:
            while len(found) < count:
                found.append(await anext(messages))
    return found


def data(message: AbstractIncomingMessage) -> Any:
    return json.loads(message.body)


@pytest.mark.timeout(400)  # it may have to install the server
async def test_orders_become_invoices_and_tours(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    server = RabbitMq(tmp_path_factory.mktemp("rabbitmq"))
    server.start()
    shutil.copytree(EXAMPLE / "pipelines", project.path / "pipelines", dirs_exist_ok=True)
    port = free_port()
    for path in (project.path / "pipelines").iterdir():
        path.write_text(
            path.read_text().replace("localhost:5672", f"127.0.0.1:{server.port}").replace("8076", str(port))
        )
    environment = {**os.environ, "APP_PORT": str(port)}
    app = await asyncio.create_subprocess_exec(sys.executable, str(EXAMPLE / "bakery.py"), env=environment)
    try:
        run = await project.run()
        for pipeline in ("orders", "tours"):
            await until(run, "started", pipeline)
        sent = await asyncio.create_subprocess_exec(sys.executable, str(EXAMPLE / "send.py"), server.url)
        assert await sent.wait() == 0
        invoices = [data(one) for one in await taken(server.url, "invoices", 2)]
        [tour] = await taken(server.url, "tours", 1)
        assert await run.stop() == 0, run.told()
        assert run.noise == []
    finally:
        app.kill()
        await app.wait()
        server.stop()
    assert {(one["customer"], one["total"]) for one in invoices} == {("zoe", 8.4), ("inn", 252.0)}
    assert (data(tour), tour.priority) == ({"address": "Mill Lane 3", "loaves": 60}, 9)
    assert "app bakery answered 422" in await project.command("dead-letters", "list")
