"""Apps that are written with Dapr's own extensions, started by `jackfield run … -- COMMAND`, and what they get."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import aiohttp
import pytest

from tests.integration.apps import free_port
from tests.integration.project import Project, Run

PUBSUB = """
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: pubsub}
    spec: {type: pubsub.in-memory, version: v1}
"""
FASTAPI = """
import json, os
import uvicorn
from dapr.ext.fastapi import DaprApp
from fastapi import Body, FastAPI

app = FastAPI()
dapr_app = DaprApp(app)

@dapr_app.subscribe(pubsub="pubsub", topic="orders", dead_letter_topic="poison")
def on_order(event=Body()):
    print("order", json.dumps(event), flush=True)
    if event["data"] == "bad":
        return {"status": "DROP"}

@dapr_app.subscribe(pubsub="pubsub", topic="poison", route="/poison")
def on_poison(event=Body()):
    print("poison", json.dumps(event), flush=True)

uvicorn.run(app, port=int(os.environ["APP_PORT"]), log_level="warning")
"""
FLASK = """
import json, os
from flask import Flask, request
from dapr.ext.flask import DaprApp

app = Flask("shop")
dapr_app = DaprApp(app)

@dapr_app.subscribe(pubsub="pubsub", topic="orders", route="/orders")
def on_order():
    print("order", json.dumps(json.loads(request.data)), flush=True)
    return "", 200

app.run(port=int(os.environ["APP_PORT"]))
"""
PUBLISHER = """
import os, sys
from dapr.clients import DaprClient

with DaprClient() as client:
    client.publish_event("pubsub", "orders", "hello", data_content_type="text/plain")
    client.shutdown()
"""


async def printed(run: Run, mark: str, after: int = 0) -> dict[str, Any]:
    """What the app has printed behind a word."""
    async with asyncio.timeout(20):
        while True:
            found = [line for line in run.noise if line.startswith(f"== APP == {mark} ")]
            if len(found) > after:
                event: dict[str, Any] = json.loads(found[after].removeprefix(f"== APP == {mark} "))
                return event
            assert run.process.poll() is None, run.told()
            await asyncio.sleep(0.01)


def pipelines(run: Run) -> list[str]:
    return [line["pipeline"] for line in run.lines if line["kind"] == "started" and line["pipeline"] != "jackfield"]


async def run_app(project: Project, text: str, *, subscriptions: int) -> Run:
    """Returns when the engine listens and the app has its subscriptions."""
    (project.path / "app.py").write_text(text)
    project.write("pubsub.yaml", PUBSUB)
    app = ["--app-id", "shop", "--app-port", str(free_port()), "--", sys.executable, "app.py"]
    run = await project.run(*app)
    await run.until(lambda _: len(pipelines(run)) == subscriptions)
    return run


async def publish(run: Run, data: str) -> None:
    async with aiohttp.ClientSession() as session:
        answer = await session.post(f"{run.url}/v1.0/publish/pubsub/orders", data=data)
        assert answer.status == 204, await answer.text()


@pytest.mark.filterwarnings("ignore")
async def test_fastapi_app_gets_its_topics_and_drops_to_its_dead_letter_topic(project: Project) -> None:
    run = await run_app(project, FASTAPI, subscriptions=2)
    await publish(run, "good")
    await publish(run, "bad")
    good, bad = await printed(run, "order"), await printed(run, "order", after=1)
    assert (good["data"], bad["data"]) == ("good", "bad")
    assert (good["source"], good["type"], good["topic"]) == ("shop", "com.dapr.event.sent", "orders")
    poison = await printed(run, "poison")
    assert (poison["id"], poison["data"], poison["topic"]) == (bad["id"], "bad", "poison")
    assert await run.stop() == 0


async def test_flask_app_gets_its_topic(project: Project) -> None:
    run = await run_app(project, FLASK, subscriptions=1)
    await publish(run, "good")
    assert (await printed(run, "order"))["data"] == "good"
    assert await run.stop() == 0


async def test_declared_subscription_routes_by_rules(project: Project) -> None:
    decorator = '@dapr_app.subscribe(pubsub="pubsub", topic="orders", route="/orders")'
    (project.path / "app.py").write_text(FLASK.replace(decorator, '@app.post("/orders")'))
    project.write("pubsub.yaml", PUBSUB)
    project.write(
        "orders.yaml",
        """
        apiVersion: dapr.io/v2alpha1
        kind: Subscription
        metadata: {name: orders}
        spec:
          pubsubname: pubsub
          topic: orders
          routes:
            rules: [{match: event.data == "good", path: /orders}]
        scopes: [shop]
        """,
    )
    app = ["--app-id", "shop", "--app-port", str(free_port()), "--", sys.executable, "app.py"]
    run = await project.run(*app)
    await run.until(lambda line: line["kind"] == "started" and line["pipeline"] == "orders.shop")
    await publish(run, "other")
    await publish(run, "good")
    assert (await printed(run, "order"))["data"] == "good"
    assert await run.stop() == 0


async def test_engine_ends_with_its_app_and_with_its_status(project: Project) -> None:
    (project.path / "app.py").write_text(
        "import os; print(os.environ['DAPR_HTTP_PORT'], flush=True); raise SystemExit(3)"
    )
    run = await project.run("--app-id", "shop", "--", sys.executable, "app.py")
    assert await run.ended() == 3
    assert f"== APP == {run.url.rpartition(':')[2]}\n" in run.noise


async def test_app_uses_the_sdk_with_the_environment_that_it_gets(project: Project) -> None:
    (project.path / "app.py").write_text(PUBLISHER)
    project.write("pubsub.yaml", PUBSUB)
    run = await project.run("--app-id", "shop", "--grpc-port", "0", "--", sys.executable, "-W", "ignore", "app.py")
    assert await run.ended() == 0
    assert [line for line in run.noise if line.startswith("== APP == ")] == []


async def test_program_that_is_not_there_is_told(project: Project) -> None:
    status, text = await project.try_command("run", "--http-port", "0", "--grpc-port", "0", "--", "no-such-program")
    assert status == 2
    assert "'no-such-program' cannot be started" in text
    assert "Traceback" not in text
