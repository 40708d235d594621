"""Dapr's SDK for Python, as it is, with `jackfield run` in the place of a sidecar: over HTTP and gRPC."""

from __future__ import annotations

import asyncio
import json
import queue
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from aiohttp import web
from dapr.aio.clients import DaprClient as AsyncDaprClient
from dapr.clients import DaprClient
from dapr.clients.grpc._request import TransactionalStateOperation
from dapr.clients.grpc._response import TopicEventResponse, UnlockResponseStatus

from tests.integration.blocks import grpc_of, serve
from tests.integration.project import Project, Run


@pytest.fixture
async def run(project: Project, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Run]:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"method": request.method, "path": request.path, "body": await request.text()})

    runner = web.AppRunner(_app(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    run = await serve(project, "--app-port", str(port))
    monkeypatch.setenv("DAPR_HTTP_ENDPOINT", run.url)
    monkeypatch.setenv("DAPR_GRPC_ENDPOINT", await grpc_of(run))
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


async def test_sync_client_subscribes_with_a_stream(run: Run) -> None:
    def use() -> None:
        with DaprClient() as client:
            got: queue.Queue[str] = queue.Queue()

            def handle(message: Any) -> TopicEventResponse:
                got.put(message.data())
                return TopicEventResponse("drop" if message.data() == "bad" else "success")

            letters = client.subscribe("pubsub", "failed")
            close = client.subscribe_with_handler("pubsub", "orders", handle, dead_letter_topic="failed")
            for data in ("good", "bad"):
                client.publish_event("pubsub", "orders", data, data_content_type="text/plain")
            assert sorted(got.get(timeout=10) for _ in range(2)) == ["bad", "good"]
            letter = letters.next_message()
            assert (letter.data(), letter.topic(), letter.data_content_type()) == ("bad", "failed", "text/plain")
            letters.respond_success(letter)
            close()
            letters.close()
            client.shutdown()

    await asyncio.to_thread(use)
    assert await run.ended() == 0
    assert run.noise == []


async def test_async_client_subscribes_with_a_stream(run: Run) -> None:
    async with AsyncDaprClient() as client:
        subscription = await client.subscribe("pubsub", "orders")
        await client.publish_event("pubsub", "orders", json.dumps({"n": 1}), data_content_type="application/json")
        first = await subscription.next_message()
        await subscription.respond_retry(first)
        again = await subscription.next_message()
        assert (again.id(), again.data()) == (first.id(), {"n": 1})
        await subscription.respond_success(again)
        await subscription.close()
        await client.shutdown()
    assert await run.ended() == 0
    assert run.noise == []


async def test_engine_that_stops_waits_for_the_answers_of_a_stream(run: Run) -> None:
    async with AsyncDaprClient() as client:
        subscription = await client.subscribe("pubsub", "orders")
        await client.publish_event("pubsub", "orders", "1")
        message = await subscription.next_message()
        stopping = asyncio.create_task(run.stop())
        await run.until(lambda line: line["kind"] == "draining")
        await subscription.respond_success(message)
        assert await stopping == 0
        await subscription.close()
    assert [line["pipeline"] for line in run.lines if line["kind"] == "delivered"] == ["stream.pubsub.orders.shop"]
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
