"""What an app says that it subscribes to."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from engine import discovery
from engine.app import AppClient
from engine.clock import VirtualClock
from engine.definitions.check import Definitions, check
from engine.definitions.folder import Folder
from engine.discovery import ASK_AGAIN, Discovery
from tests.engine.definitions.folders import app, component, documents, report_of

PUBSUB = component(name="pubsub", type="pubsub.in-memory")


class App:
    """Answers `GET /dapr/subscribe`; `status` 0: breaks the connection."""

    def __init__(self) -> None:
        self.status = 200
        self.body: Any = []
        self.asked = 0
        self.in_pieces = False
        self.breaks_off = 0  # answers that end too early
        self.silent = 0  # requests that get no answer

    async def handle(self, request: web.Request) -> web.StreamResponse:
        assert request.path == "/dapr/subscribe"
        self.asked += 1
        if self.status == 0 and request.transport is not None:
            request.transport.abort()
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        if self.silent:
            self.silent -= 1
            await asyncio.sleep(60)
        if self.in_pieces or self.breaks_off:
            return await self._slowly(request, body)
        return web.Response(status=self.status or 500, body=body)

    async def _slowly(self, request: web.Request, body: bytes) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": str(len(body))})
        await answer.prepare(request)
        await answer.write(body[:9])
        await asyncio.sleep(0.02)
        if self.breaks_off and request.transport is not None:
            self.breaks_off -= 1
            request.transport.abort()
        else:
            await answer.write(body[9:])
        return answer


class Bench:
    def __init__(self, root: Path, shop: App, clock: VirtualClock, client: AppClient) -> None:
        self.root = root
        self.shop = shop
        self.clock = clock
        self.found = asyncio.Event()

        async def one(name: str) -> AppClient:
            assert name == "shop"
            return client

        self.discovery = Discovery(root, one, clock, self.found.set)

    async def follow(self, *texts: str) -> None:
        self.discovery.follow((await report_of(self.root, {"f.yaml": documents(*texts)})).definitions)

    async def until_found(self) -> Definitions:
        async with asyncio.timeout(5):
            while not self.found.is_set():
                await self._go_on()
        self.found.clear()
        folder = Folder.load(self.root)
        for file in self.discovery.files.values():
            folder = folder.replace(file.path, file)
        return (await check(folder)).definitions

    async def until_asked(self, times: int) -> None:
        async with asyncio.timeout(5):
            while self.shop.asked < times:
                await self._go_on()

    async def _go_on(self) -> None:
        """The answer of the app takes real time, the waits between two questions do not."""
        await asyncio.sleep(0.005)
        if self.clock.sleepers:
            await self.clock.advance(ASK_AGAIN)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    shop, server_app = App(), web.Application()
    server_app.router.add_get("/{path:.*}", shop.handle)
    async with TestServer(server_app) as server, aiohttp.ClientSession() as session:
        bench = Bench(tmp_path, shop, VirtualClock(), AppClient(session, "shop", str(server.make_url("/"))))
        yield bench
        await bench.discovery.close()


def one(topic: str, **more: Any) -> dict[str, Any]:
    return {"pubsubname": "pubsub", "topic": topic, "route": "/orders", **more}


async def test_what_an_app_subscribes_to_is_a_pipeline(bench: Bench) -> None:
    routes = {"rules": [{"match": "event.type == 'x'", "path": "/x"}], "default": "/o"}
    bulk = {"enabled": True, "maxMessagesCount": 5}
    bench.shop.body = [
        one("new", deadLetterTopic="failed", metadata={"rawPayload": "true"}),
        {"pubsubname": "pubsub", "topic": "a/b", "routes": routes, "bulkSubscribe": bulk},
        one("new", route="second", metadata=None),
    ]
    await bench.follow(app(name="shop"), PUBSUB)
    pipelines = (await bench.until_found()).pipelines
    assert set(pipelines) == {"shop-pubsub-new.shop", "shop-pubsub-a-b.shop", "shop-pubsub-new-2.shop"}
    assert pipelines["shop-pubsub-a-b.shop"].model.spec.input.topic == "a/b"


async def test_app_that_does_not_listen_yet_is_asked_again(bench: Bench) -> None:
    bench.shop.status = 0
    bench.shop.body = [one("new")]
    await bench.follow(app(name="shop"), PUBSUB)
    await bench.until_asked(3)
    assert not bench.found.is_set()
    bench.shop.status = 200
    assert await bench.until_found()


async def test_app_that_knows_nothing_of_dapr_is_asked_once(bench: Bench) -> None:
    bench.shop.status = 404
    await bench.follow(app(name="shop"), PUBSUB)
    await bench.until_asked(1)
    await bench.clock.advance(10 * ASK_AGAIN)
    assert bench.shop.asked == 1
    assert not bench.found.is_set()


async def test_app_is_not_asked_where_there_is_no_pubsub(bench: Bench) -> None:
    await bench.follow(app(name="shop"), component())
    await bench.clock.advance(ASK_AGAIN)
    assert bench.shop.asked == 0


async def test_app_that_was_deployed_anew_may_subscribe_to_something_else(bench: Bench) -> None:
    bench.shop.body = [one("new")]
    await bench.follow(app(name="shop"), PUBSUB)
    await bench.until_found()
    bench.shop.body = [one("other")]
    assert set((await bench.until_found()).pipelines) == {"shop-pubsub-other.shop"}
    bench.shop.body = []
    assert not (await bench.until_found()).pipelines


@pytest.mark.parametrize("status", [0, 404, 500])
async def test_subscriptions_go_on_while_the_app_is_away(status: int, bench: Bench) -> None:
    bench.shop.body = [one("new")]
    await bench.follow(app(name="shop"), PUBSUB)
    await bench.until_found()
    bench.shop.status = status
    await bench.until_asked(bench.shop.asked + 3)
    assert not bench.found.is_set()
    assert list(bench.discovery.files) == ["shop"]


async def test_subscriptions_of_an_app_that_is_gone_are_gone(bench: Bench) -> None:
    bench.shop.body = [one("new")]
    await bench.follow(app(name="shop"), PUBSUB)
    await bench.until_found()
    await bench.follow(PUBSUB)
    await bench.until_found()
    assert bench.discovery.files == {}


@pytest.mark.parametrize("body", [b"no JSON", {"a": 1}])
async def test_answer_that_makes_no_sense_is_told_and_asked_for_again(
    body: Any, bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.shop.body = body
    with caplog.at_level(logging.WARNING):
        await bench.follow(app(name="shop"), PUBSUB)
        await bench.until_asked(2)
    assert "shop answered to GET /dapr/subscribe what is no" in caplog.text


async def test_what_is_no_subscription_is_left_out(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.shop.body = [5, {"pubsubname": "pubsub", "topic": "without"}, one("new")]
    await bench.follow(app(name="shop"), PUBSUB)
    assert set((await bench.until_found()).pipelines) == {"shop-pubsub-new.shop"}
    assert "no object: 5" in caplog.text
    assert "without a route" in caplog.text


async def test_answer_may_come_in_pieces(bench: Bench) -> None:
    bench.shop.body = [one("new"), one("other")]
    bench.shop.in_pieces = True
    await bench.follow(app(name="shop"), PUBSUB)
    assert len((await bench.until_found()).pipelines) == 2


async def test_answer_that_breaks_off_is_asked_for_again(bench: Bench) -> None:
    bench.shop.body = [one("new")]
    bench.shop.breaks_off = 1
    await bench.follow(app(name="shop"), PUBSUB)
    assert set((await bench.until_found()).pipelines) == {"shop-pubsub-new.shop"}


async def test_app_that_does_not_answer_is_asked_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "_TIMEOUT", 0.05)
    bench.shop.silent = 1
    bench.shop.body = [one("new")]
    await bench.follow(app(name="shop"), PUBSUB)
    assert set((await bench.until_found()).pipelines) == {"shop-pubsub-new.shop"}


async def test_answer_that_is_nested_too_deep_is_asked_for_again(bench: Bench) -> None:
    bench.shop.body = b'[{"pubsubname": "pubsub", "topic": "t", "route": "/", "metadata": {"k": %s}}]' % (
        b"[" * 400 + b"]" * 400
    )
    await bench.follow(app(name="shop"), PUBSUB)
    await bench.until_asked(1)
    bench.shop.body = [one("new")]
    assert set((await bench.until_found()).pipelines) == {"shop-pubsub-new.shop"}


async def test_same_answer_again_is_nothing_new(bench: Bench) -> None:
    bench.shop.body = [one("new")]
    await bench.follow(app(name="shop"), PUBSUB)
    await bench.until_found()
    await bench.until_asked(bench.shop.asked + 2)
    assert not bench.found.is_set()


@pytest.mark.parametrize("topic", ["1e3", "0o17", "true", "null", "x\x85y", "é"])
async def test_texts_stay_texts(topic: str, bench: Bench) -> None:
    bench.shop.body = [one(topic, metadata={"key": topic})]
    await bench.follow(app(name="shop"), PUBSUB)
    [pipeline] = (await bench.until_found()).pipelines.values()
    assert pipeline.model.spec.input.topic == topic
    assert pipeline.model.spec.input.metadata == {"key": topic}
