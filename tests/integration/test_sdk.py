"""Dapr's SDK for Python, as it is, with `jackfield run` in the place of a sidecar: over HTTP and gRPC."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from aiohttp import web
from dapr.aio.clients import DaprClient as AsyncDaprClient
from dapr.clients import DaprClient
from dapr.clients.grpc._request import TransactionalStateOperation
from dapr.clients.grpc._response import UnlockResponseStatus

from tests.integration.project import Project, Run

FOLDER = """
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: statestore}
    spec: {type: state.in-memory, version: v1}
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: pubsub}
    spec: {type: pubsub.in-memory, version: v1}
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: files}
    spec: {type: bindings.localstorage, version: v1, metadata: [{name: rootPath, value: ./files}]}
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: secrets}
    spec: {type: secretstores.local.file, version: v1, metadata: [{name: secretsFile, value: secrets.json}]}
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: locks}
    spec: {type: lock.test, version: v1}
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: settings}
    spec: {type: configuration.test, version: v1}
"""
TYPES = """
[jackfield.components]
lock.test = tests.engine.api.stores:lock
configuration.test = tests.engine.api.stores:configuration
"""


@pytest.fixture
async def run(project: Project, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Run]:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"method": request.method, "path": request.path, "body": await request.text()})

    runner = web.AppRunner(_app(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    installed = project.path / "types/types-1.dist-info"  # a distribution that brings the two types
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: types\nVersion: 1\n")
    (installed / "entry_points.txt").write_text(TYPES)
    (project.path / "secrets.json").write_text('{"redis": "p4ss"}')
    (project.path / "files").mkdir()
    project.write("all.yaml", FOLDER)
    root = Path(__file__).parents[2]
    env = {"PYTHONPATH": f"{root}:{installed.parent}"}
    run = project.spawn("--app-id", "shop", "--app-port", str(port), env=env)
    http = await run.until(lambda line: "listens on http" in line["message"])
    grpc = await run.until(lambda line: "for gRPC" in line["message"])
    monkeypatch.setenv("DAPR_HTTP_ENDPOINT", http["message"].split()[-1])
    monkeypatch.setenv("DAPR_GRPC_ENDPOINT", grpc["message"].split()[2])
    yield run
    await runner.cleanup()


def _app(answer: Any) -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    return app


@pytest.mark.filterwarnings("ignore:The Distributed Lock API is an Alpha version")
@pytest.mark.filterwarnings("ignore:invoke_method with protocol gRPC is deprecated")
async def test_sync_client_uses_every_block(run: Run, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAPR_API_METHOD_INVOCATION_PROTOCOL", "grpc")

    def use() -> None:
        with DaprClient() as client:
            client.save_state("statestore", "a", "1", state_metadata={"ttlInSeconds": "100"})
            found = client.get_state("statestore", "a")
            assert found.data == b"1"
            client.execute_state_transaction(
                "statestore", [TransactionalStateOperation(key=key, data=key) for key in "bc"]
            )
            items = client.get_bulk_state("statestore", ["a", "b", "d"]).items
            assert [(item.key, item.data) for item in items] == [("a", b"1"), ("b", b"b"), ("d", b"")]
            client.delete_state("statestore", "a", etag=found.etag)
            assert client.get_state("statestore", "a").data == b""
            client.publish_event("pubsub", "orders", json.dumps({"n": 1}), data_content_type="application/json")
            assert not client.publish_events("pubsub", "orders", ["1", "2"]).failed_entries
            client.invoke_binding("files", "create", "hello", {"fileName": "a.txt"})
            assert client.get_secret("secrets", "redis").secret == {"redis": "p4ss"}
            assert client.get_bulk_secret("secrets").secrets == {"redis": {"redis": "p4ss"}}
            answer = client.invoke_method("shop", "orders/1", "x", http_verb="PUT")
            assert json.loads(answer.data) == {"method": "PUT", "path": "/orders/1", "body": "x"}
            assert client.get_configuration("settings", ["a"]).items == {}
            assert client.try_lock("locks", "till", "me", 60).success
            assert client.unlock("locks", "till", "you").status == UnlockResponseStatus.lock_belongs_to_others
            assert client.unlock("locks", "till", "me").status == UnlockResponseStatus.success
            client.set_metadata("team", "blue")
            metadata = client.get_metadata()
            assert (metadata.application_id, metadata.extended_metadata["team"]) == ("shop", "blue")
            with pytest.raises(grpc.RpcError, match="state store lost is not found"):
                client.get_state("lost", "a")
            client.shutdown()

    await asyncio.to_thread(use)
    assert (project.path / "files/a.txt").read_text() == "hello"
    assert await run.ended() == 0
    assert run.noise == []


@pytest.mark.filterwarnings("ignore:The Distributed Lock API is an Alpha version")
async def test_async_client_uses_every_block(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def use() -> None:
        async with AsyncDaprClient() as client:
            await client.save_state("statestore", "a", "1")
            assert (await client.get_state("statestore", "a")).data == b"1"
            assert (await client.get_bulk_state("statestore", ["a"])).items[0].data == b"1"
            operations = [TransactionalStateOperation(key="b", data="2")]
            await client.execute_state_transaction("statestore", operations)
            await client.delete_state("statestore", "a")
            await client.publish_event("pubsub", "orders", "hello")
            await client.invoke_binding("files", "create", "hello", {"fileName": "a.txt"})
            assert (await client.get_secret("secrets", "redis")).secret == {"redis": "p4ss"}
            assert (await client.invoke_method("shop", "orders", "x", http_verb="POST")).data
            assert (await client.get_configuration("settings", ["a"])).items == {}
            assert (await client.try_lock("locks", "till", "me", 60)).success
            assert (await client.get_metadata()).application_id == "shop"
            await client.shutdown()

    await use()
    assert await run.ended() == 0
    assert run.noise == []
