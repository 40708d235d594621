"""examples/dapr-app, started as its README says: an order goes through the topics and the binding, and is kept."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from contextlib import closing

import aiohttp

from tests.integration.apps import free_port
from tests.integration.project import ROOT, Project, until

PIPELINES = ("orders.shop", "shop-pubsub-accepted.shop", "parcels.shop")


async def test_order_is_accepted_packed_and_sent(project: Project) -> None:
    shutil.copytree(ROOT / "examples/dapr-app", project.path, dirs_exist_ok=True)
    await project.command("check", "components")
    # Warnings are those of the packages of the SDK.
    app = ("--app-id", "shop", "--app-port", str(free_port()), "--", sys.executable, "-W", "ignore", "app.py")
    run = project.spawn("components", *app)
    line = await run.until(lambda line: "listens on http" in line["message"])
    for pipeline in PIPELINES:
        await until(run, "started", pipeline)
    async with aiohttp.ClientSession(line["message"].rpartition(" ")[2]) as session:
        for id, quantity in (("1", 2), ("2", 0)):
            order = {"id": id, "customer": "zoe", "quantity": quantity}
            assert (await session.post("/v1.0/publish/pubsub/orders", json=order)).status == 204
        await until(run, "delivered", "parcels.shop")
        await until(run, "dead-lettered", "orders.shop")
        answer = await session.get("/v1.0/invoke/shop/method/orders/1")
        sent = {"id": "1", "customer": "zoe", "quantity": 2, "state": "sent", "label": "2fbd3853"}
        assert await answer.json() == sent
        assert (await session.get("/v1.0/invoke/shop/method/orders/2")).status == 404
        assert await (await session.get("/v1.0/state/lately/zoe")).text() == "1"
    assert await run.stop() == 0, run.told()
    with closing(sqlite3.connect(project.path / "orders.db")) as database:
        [(key, value)] = database.execute("SELECT key, value FROM state").fetchall()
    assert (key, json.loads(value)) == ("shop||1", sent)
    assert "orders.shop" in await project.command("dead-letters", "list")
