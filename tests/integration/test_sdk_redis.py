"""Locks and configuration of Dapr's API with a real Redis, through Dapr's SDK and over HTTP."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from dapr.clients import DaprClient
from dapr.clients.grpc._response import ConfigurationResponse, TopicEventResponse, UnlockResponseStatus
from redis.asyncio import Redis

from tests.bindings.fakes import eventually
from tests.bindings.redis.server import RedisServer
from tests.integration.apps import serving
from tests.integration.project import Project, Run

FOLDER = """
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: locks}
    spec: {type: lock.redis, version: v1, metadata: [{name: redisHost, value: "127.0.0.1:PORT"}]}
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: settings}
    spec: {type: configuration.redis, version: v1, metadata: [{name: redisHost, value: "127.0.0.1:PORT"}]}
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: pubsub}
    spec: {type: pubsub.redis, version: v1, metadata: [{name: redisHost, value: "127.0.0.1:PORT"}]}
"""


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"), 'save ""', durable=False)
    server.start()
    yield server
    server.stop()


async def started(project: Project, server: RedisServer, *arguments: str) -> tuple[Run, str]:
    """The run, and where it listens for gRPC."""
    project.write("all.yaml", FOLDER.replace("PORT", str(server.port)))
    run = await project.run("--app-id", "shop", *arguments)
    line = await run.until(lambda line: "for gRPC" in line["message"])
    async with aiohttp.ClientSession(run.url) as session:
        while (await session.get("/v1.0/healthz/outbound")).status != 204:
            pass
    return run, line["message"].split()[2]


@pytest.mark.timeout(120)
@pytest.mark.filterwarnings("ignore:The Distributed Lock API is an Alpha version")
async def test_sdk_locks_and_watches(project: Project, redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    run, grpc = await started(project, redis)
    monkeypatch.setenv("DAPR_HTTP_ENDPOINT", run.url)
    monkeypatch.setenv("DAPR_GRPC_ENDPOINT", grpc)
    client: Any = Redis(port=redis.port)
    await client.set("color", "blue||1")
    told: queue.Queue[ConfigurationResponse] = queue.Queue()

    def use(dapr: DaprClient) -> str:
        assert dapr.get_configuration("settings", ["color"]).items["color"].value == "blue"
        assert dapr.try_lock("locks", "till", "me", 60).success
        assert not dapr.try_lock("locks", "till", "you", 60).success
        assert dapr.unlock("locks", "till", "you").status == UnlockResponseStatus.lock_belongs_to_others
        assert dapr.unlock("locks", "till", "me").status == UnlockResponseStatus.success
        assert dapr.unlock("locks", "till", "me").status == UnlockResponseStatus.lock_does_not_exist
        return dapr.subscribe_configuration("settings", ["color"], lambda _, update: told.put(update))

    with DaprClient() as dapr:
        id = await asyncio.to_thread(use, dapr)
        await client.set("color", "red||2")
        update = await asyncio.to_thread(told.get, timeout=10)
        assert (update.items["color"].value, update.items["color"].version) == ("red", "2")
        assert await asyncio.to_thread(dapr.unsubscribe_configuration, "settings", id)
    await client.aclose()
    assert run.noise == []


@pytest.mark.timeout(120)
async def test_app_is_told_over_http(project: Project, redis: RedisServer) -> None:
    told: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        told.append((request.path, (await request.json())["items"]))
        return web.Response()

    client: Any = Redis(port=redis.port)
    async with serving(take) as url:
        run, _ = await started(project, redis, "--app-port", url.rpartition(":")[2])
        async with aiohttp.ClientSession(run.url) as session:
            async with session.get("/v1.0/configuration/settings/subscribe?key=size") as response:
                assert response.status == 200
            await client.set("size", "L||7")
            await eventually(lambda: bool(told), 10)
            assert told[0] == ("/configuration/settings/size", {"size": {"value": "L", "version": "7"}})
        await client.aclose()
        assert await run.stop() == 0


@pytest.mark.timeout(120)
async def test_what_a_stream_does_not_answer_comes_again_in_the_next_one(
    project: Project, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, grpc = await started(project, redis)
    monkeypatch.setenv("DAPR_HTTP_ENDPOINT", run.url)
    monkeypatch.setenv("DAPR_GRPC_ENDPOINT", grpc)

    client, dapr = Redis(port=redis.port), DaprClient()
    done: list[str] = []

    def handle(message: Any) -> TopicEventResponse:
        done.append(message.data())
        return TopicEventResponse("success")

    def use() -> None:
        topic = dapr.subscribe("pubsub", "orders")
        for number in range(50):
            dapr.publish_event("pubsub", "orders", str(number), data_content_type="text/plain")
        for turn in range(4):
            for _ in range(7):
                message = topic.next_message()
                if turn % 2:
                    topic.respond_success(message)  # which may come too late: then the message comes again
            topic.close()
            topic = dapr.subscribe("pubsub", "orders")
        topic.close()

    await asyncio.to_thread(use)
    close = await asyncio.to_thread(dapr.subscribe_with_handler, "pubsub", "orders", handle)
    async with asyncio.timeout(60):
        while (await client.xpending("orders", "shop"))["pending"] or len(done) < 50 - 2 * 7:
            pass
    await asyncio.to_thread(close)
    assert 50 - 2 * 7 <= len(set(done)) == len(done) <= 50
    assert (await client.xinfo_groups("orders"))[0]["lag"] == 0
    await asyncio.to_thread(dapr.shutdown)
    dapr.close()
    await client.aclose()
    assert await run.ended() == 0
    assert not [line for line in run.lines if line["kind"] == "dead-lettered"]
