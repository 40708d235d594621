"""Which input bindings the app takes itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from engine import app_inputs
from engine.app import AppClient
from engine.app_inputs import AppInputs
from engine.clock import VirtualClock
from engine.definitions.check import Definitions, check
from engine.definitions.folder import Folder
from tests.engine.definitions.folders import app, component, documents, pipeline, report_of


class App:
    """Answers OPTIONS by the path: 404 where nothing is said; 0 breaks the connection."""

    def __init__(self) -> None:
        self.statuses: dict[str, int] = {}
        self.asked: list[str] = []
        self.silent = 0  # requests that get no answer

    async def handle(self, request: web.Request) -> web.StreamResponse:
        assert request.method == "OPTIONS"
        self.asked.append(request.path)
        if self.silent:
            self.silent -= 1
            await asyncio.sleep(60)
        status = self.statuses.get(request.path, 404)
        if status == 0 and request.transport is not None:
            request.transport.abort()
        return web.Response(status=status or 500)


class Bench:
    def __init__(self, root: Path, shop: App, client: AppClient) -> None:
        self.root = root
        self.shop = shop
        self.clock = VirtualClock()
        self.found = asyncio.Event()

        async def one(name: str) -> AppClient:
            assert name == "shop"
            return client

        self.inputs = AppInputs(root, "shop", one, self.clock, self.found.set)

    async def follow(self, *texts: str) -> None:
        report = await report_of(self.root, {"f.yaml": documents(*texts)})
        self.inputs.follow(report.definitions)

    async def definitions(self) -> Definitions:
        """With what was found."""
        async with asyncio.timeout(5):
            await self.found.wait()
        self.found.clear()
        folder = Folder.load(self.root)
        for file in self.inputs.files.values():
            folder = folder.replace(file.path, file)
        report = await check(folder)
        assert not report.diagnostics
        return report.definitions

    async def until_asked(self, times: int) -> None:
        async with asyncio.timeout(5):
            while len(self.shop.asked) < times:
                await asyncio.sleep(0.005)
                if self.clock.sleepers:
                    await self.clock.advance(10)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    shop, server_app = App(), web.Application()
    server_app.router.add_route("*", "/{path:.*}", shop.handle)
    async with TestServer(server_app) as server, aiohttp.ClientSession() as session:
        bench = Bench(tmp_path, shop, AppClient(session, "shop", str(server.make_url("/"))))
        yield bench
        await bench.inputs.close()


SHOP = app(name="shop")
ROUTE = "    - {name: ROUTE, value: /orders/new}\n"
INPUT = "    - {name: direction, value: 'input, output'}\n"
OUTPUT = "    - {name: direction, value: output}\n"


@pytest.mark.parametrize("status", [200, 204, 405])
async def test_component_that_the_app_has_a_route_for_is_a_pipeline(status: int, bench: Bench) -> None:
    bench.shop.statuses["/orders"] = status
    await bench.follow(SHOP, component(name="orders"))
    pipelines = (await bench.definitions()).pipelines
    spec = pipelines["orders.shop"].model.spec
    assert (spec.input.component, spec.steps[0].call and spec.steps[0].call.path) == ("orders", "/orders")


async def test_component_that_the_app_has_no_route_for_is_left_alone(bench: Bench) -> None:
    await bench.follow(SHOP, component(name="orders"))
    await bench.until_asked(1)
    await bench.clock.advance(100)
    assert (bench.shop.asked, bench.inputs.files) == (["/orders"], {})


async def test_route_of_the_metadata_is_asked(bench: Bench) -> None:
    bench.shop.statuses["/orders/new"] = 200
    await bench.follow(SHOP, component(ROUTE, name="orders"))
    call = (await bench.definitions()).pipelines["orders.shop"].model.spec.steps[0].call
    assert call is not None
    assert (call.path, call.headers) == ("/orders/new", {"Content-Type": "application/json"})


async def test_component_whose_direction_says_input_is_taken_without_a_question(bench: Bench) -> None:
    await bench.follow(SHOP, component(INPUT, name="orders"))
    assert set((await bench.definitions()).pipelines) == {"orders.shop"}
    assert bench.shop.asked == []


async def test_app_that_does_not_listen_yet_is_asked_again(bench: Bench) -> None:
    bench.shop.statuses["/orders"] = 0
    await bench.follow(SHOP, component(name="orders"))
    await bench.until_asked(3)
    bench.shop.statuses["/orders"] = 200
    await bench.until_asked(len(bench.shop.asked) + 1)
    assert set((await bench.definitions()).pipelines) == {"orders.shop"}


@pytest.mark.parametrize(
    "texts",
    [
        (SHOP, component(OUTPUT, name="orders")),
        (SHOP, component(name="orders", type="bindings.http")),
        (SHOP, component(name="orders"), pipeline(source="orders")),
        (SHOP, component(name="orders"), pipeline("  outputs: [{binding: orders}]\n")),
        (SHOP, component(name="orders", more="scopes: [other]\n")),
        (app(name="other"), component(name="orders")),
    ],
)
async def test_what_is_not_for_the_app_is_not_asked(texts: tuple[str, ...], bench: Bench) -> None:
    bench.shop.statuses["/orders"] = 200
    await bench.follow(*texts)
    await bench.clock.advance(10)
    assert (bench.shop.asked, bench.inputs.files) == ([], {})


async def test_component_that_a_pipeline_takes_or_that_is_gone_is_the_apps_no_more(bench: Bench) -> None:
    bench.shop.statuses["/orders"] = 200
    await bench.follow(SHOP, component(name="orders"))
    await bench.definitions()
    await bench.follow(SHOP, component(name="orders"), pipeline(source="orders"))
    assert set((await bench.definitions()).pipelines) == {"p"}


async def test_app_at_another_address_is_asked_again(bench: Bench) -> None:
    await bench.follow(SHOP, component(name="orders"))
    await bench.until_asked(1)
    bench.shop.statuses["/orders"] = 200
    await bench.follow(app(name="shop").replace("localhost", "127.0.0.1"), component(name="orders"))
    assert set((await bench.definitions()).pipelines) == {"orders.shop"}


async def test_app_that_does_not_answer_is_asked_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_inputs, "_TIMEOUT", 0.05)
    bench.shop.silent = 1
    bench.shop.statuses["/orders"] = 200
    await bench.follow(SHOP, component(name="orders"))
    await bench.until_asked(2)
    assert set((await bench.definitions()).pipelines) == {"orders.shop"}
