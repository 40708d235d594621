from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from aiohttp import web
from dapr.proto.runtime.v1 import configuration_pb2

from bindings.contract import Setting
from engine.errors import Permanent
from engine.server import LOOPBACK
from engine.testing.fake_stores import FakeConfigurationStore
from tests.bindings.fakes import eventually
from tests.engine.api.served import details_of, served
from tests.engine.api.stores import SETTINGS, VALUES, register

PATH = "/v1.0/configuration/settings"


@pytest.fixture(autouse=True)
def types(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


@asynccontextmanager
async def listening(told: list[tuple[str, Any]], statuses: Callable[[], int] = lambda: 200) -> AsyncIterator[int]:
    """An app that writes down what it is told; gives its port."""

    async def take(request: web.Request) -> web.Response:
        told.append((request.path, await request.json()))
        return web.Response(status=statuses())

    application = web.Application()
    application.router.add_post("/{path:.*}", take)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def with_app(port: int) -> str:
    app = f"apiVersion: jackfield/v1\nkind: App\nmetadata: {{name: shop}}\nspec: {{url: 'http://127.0.0.1:{port}'}}"
    return f"{SETTINGS}---\n{app}"


@pytest.mark.parametrize("version", ["v1.0", "v1.0-alpha1"])
async def test_settings_are_read(tmp_path: Path, version: str) -> None:
    VALUES.update({"color": "blue", "size": "L"})
    path = PATH.replace("v1.0", version)
    async with served(tmp_path, SETTINGS) as api:
        _, one, _ = await api.call("GET", f"{path}?key=color&key=lost")
        _, every, _ = await api.call("GET", path)
        assert await api.status("GET", f"{path}?key=lost") == 204
    assert json.loads(one).keys() == {"color"}
    assert json.loads(one)["color"]["value"] == "blue"
    assert json.loads(every).keys() == {"color", "size"}


async def test_settings_are_read_over_grpc(tmp_path: Path) -> None:
    VALUES.update({"color": "blue", "size": "L"})
    request = configuration_pb2.GetConfigurationRequest(store_name="settings", keys=["color"])
    async with served(tmp_path, SETTINGS) as api, api.stub() as stub:
        for method in (stub.GetConfiguration, stub.GetConfigurationAlpha1):
            items = (await method(request)).items
            assert {key: item.value for key, item in items.items()} == {"color": "blue"}


async def test_app_is_told_of_what_changes_until_it_unsubscribes(tmp_path: Path) -> None:
    told: list[tuple[str, Any]] = []
    async with listening(told) as port, served(tmp_path, with_app(port)) as api:
        _, answer, _ = await api.call("GET", f"{PATH}/subscribe?key=color")
        id = json.loads(answer)["id"]
        VALUES["size"], VALUES["color"] = "L", "blue"
        await eventually(lambda: bool(told))
        ((path, update),) = told
        assert (path, update["id"]) == ("/configuration/settings/color", id)
        assert update["items"]["color"]["value"] == "blue"
        del VALUES["color"]
        await eventually(lambda: len(told) == 2)
        assert told[1][1]["items"] == {"color": {}}
        _, answer, _ = await api.call("GET", f"{PATH}/{id}/unsubscribe")
        assert json.loads(answer) == {"ok": True}
        await eventually(lambda: not VALUES.watchers)
        status, answer, _ = await api.call("GET", f"{PATH}/{id}/unsubscribe")
    why = f"failed to unsubscribe to configuration request {id}: subscription does not exist"
    assert (status, json.loads(answer)) == (500, {"message": why})


async def test_app_that_fails_is_told_again(tmp_path: Path) -> None:
    told: list[tuple[str, Any]] = []
    app = listening(told, lambda: 500 if len(told) == 1 else 200)
    async with app as port, served(tmp_path, with_app(port)) as api:
        await api.call("GET", f"{PATH}/subscribe")
        VALUES["color"] = "blue"
        await eventually(lambda: len(told) == 2)
    assert told[0] == told[1]


async def test_app_of_the_folder_is_told_too(tmp_path: Path) -> None:
    told: list[tuple[str, Any]] = []
    async with listening(told) as port:
        app = f"apiVersion: jackfield/v1\nkind: App\nmetadata: {{name: shop}}\nspec: {{url: 'http://127.0.0.1:{port}'}}"
        async with served(tmp_path, f"{SETTINGS}---\n{app}") as api:
            await api.call("GET", f"{PATH}/subscribe")
            VALUES["a/b"] = "blue"
            await eventually(lambda: bool(told))
    assert told[0][0] == "/configuration/settings/a/b"


async def test_without_an_app_nobody_can_be_told(tmp_path: Path) -> None:
    async with served(tmp_path, SETTINGS) as api:
        status, answer, _ = await api.call("GET", f"{PATH}/subscribe?key=a")
    assert (status, json.loads(answer)["errorCode"]) == (500, "ERR_APP_CHANNEL_NIL")


async def test_store_that_fails_ends_the_stream_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    go = asyncio.Event()

    async def changes() -> AsyncGenerator[Mapping[str, Setting], None]:
        await go.wait()
        raise Permanent("its server has lost its mind")
        yield {}

    async def watch(store: object, keys: Sequence[str], metadata: Mapping[str, str]) -> Any:
        return changes()

    monkeypatch.setattr(FakeConfigurationStore, "watch", watch)
    request = configuration_pb2.SubscribeConfigurationRequest(store_name="settings", keys=["color"])
    async with listening([]) as port, served(tmp_path, with_app(port)) as api, api.stub() as stub, asyncio.timeout(10):
        stream = stub.SubscribeConfiguration(request)
        await stream.read()
        _, answer, _ = await api.call("GET", f"{PATH}/subscribe?key=color")
        go.set()
        with pytest.raises(grpc.RpcError, match="its server has lost its mind"):
            await stream.read()
        id = json.loads(answer)["id"]
        assert await api.status("GET", f"{PATH}/{id}/unsubscribe") == 500
    assert "the app is told of no more changes: failed to subscribe [color]" in caplog.text
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("method", ["SubscribeConfiguration", "SubscribeConfigurationAlpha1"])
async def test_stream_has_what_changes_until_it_is_unsubscribed(tmp_path: Path, method: str) -> None:
    request = configuration_pb2.SubscribeConfigurationRequest(store_name="settings", keys=["color"])
    async with served(tmp_path, SETTINGS) as api, api.stub() as stub, asyncio.timeout(10):
        stream = getattr(stub, method)(request)
        first = await stream.read()
        assert (bool(first.id), dict(first.items)) == (True, {})
        VALUES["size"], VALUES["color"] = "L", "blue"
        update = await stream.read()
        assert (update.id, {key: item.value for key, item in update.items.items()}) == (first.id, {"color": "blue"})
        stop = configuration_pb2.UnsubscribeConfigurationRequest(store_name="settings", id=first.id)
        assert (await stub.UnsubscribeConfiguration(stop)).ok
        assert await stream.read() is grpc.aio.EOF
        answer = await stub.UnsubscribeConfigurationAlpha1(stop)
        assert (answer.ok, "subscription does not exist" in answer.message) == (False, True)
    assert not VALUES.watchers


async def test_stream_ends_with_its_client_and_with_the_engine(tmp_path: Path) -> None:
    request = configuration_pb2.SubscribeConfigurationRequest(store_name="settings")
    async with served(tmp_path, SETTINGS) as api, api.stub() as stub, asyncio.timeout(10):
        gone = stub.SubscribeConfiguration(request)
        await gone.read()
        gone.cancel()
        await eventually(lambda: not VALUES.watchers)
        stays = stub.SubscribeConfiguration(request)
        await stays.read()
        await api.engine.stop()
        assert await stays.read() is grpc.aio.EOF
        await api.engine.start()


@pytest.mark.parametrize(
    ("text", "path", "status", "code"),
    [
        (SETTINGS, "/v1.0/configuration/lost", 400, "ERR_CONFIGURATION_STORE_NOT_FOUND"),
        (SETTINGS, "/v1.0/configuration/lost/subscribe", 400, "ERR_CONFIGURATION_STORE_NOT_FOUND"),
        (SETTINGS, "/v1.0/configuration/lost/1/unsubscribe", 400, "ERR_CONFIGURATION_STORE_NOT_FOUND"),
        ("", PATH, 500, "ERR_CONFIGURATION_STORE_NOT_CONFIGURED"),
    ],
)
async def test_store_that_is_not_there(tmp_path: Path, text: str, path: str, status: int, code: str) -> None:
    request = configuration_pb2.GetConfigurationRequest(store_name="lost")
    async with served(tmp_path, text) as api, api.stub() as stub:
        found, answer, _ = await api.call("GET", path)
        assert (found, json.loads(answer)["errorCode"]) == (status, code)
        with pytest.raises(grpc.RpcError) as caught:
            await stub.GetConfiguration(request)
    assert details_of(caught.value)[0]["reason"] == code
