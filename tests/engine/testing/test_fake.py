"""The fake engine, as the official SDK of Dapr for Python finds it."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import urllib.request

import grpc
import pytest
from dapr.aio.clients import DaprClient as AsyncDaprClient
from dapr.clients import DaprClient
from dapr.clients.exceptions import DaprGrpcError
from dapr.clients.grpc._request import TransactionalStateOperation, TransactionOperationType
from dapr.clients.grpc._response import ConfigurationResponse, UnlockResponseStatus
from dapr.clients.grpc._state import Concurrency, StateOptions

from engine.testing.fake import AppCall, Fake, fake


def test_sdk_saves_gets_and_deletes_state() -> None:
    with fake() as engine, DaprClient() as client:
        client.save_state("statestore", "a", json.dumps({"n": 1}))
        found = client.get_state("statestore", "a")
        assert (found.json(), engine.state["statestore"]["a"]) == ({"n": 1}, {"n": 1})
        engine.state["statestore"]["b"] = [2]
        items = client.get_bulk_state("statestore", ["a", "b", "c"]).items
        assert [(item.key, item.data) for item in items] == [("a", b'{"n": 1}'), ("b", b"[2]"), ("c", b"")]
        client.delete_state("statestore", "a", etag=found.etag)
        assert "a" not in engine.state["statestore"]


def test_sdk_is_told_that_an_etag_is_stale() -> None:
    options = StateOptions(concurrency=Concurrency.first_write)
    with fake() as engine, DaprClient() as client:
        client.save_state("statestore", "a", "1", options=options)
        with pytest.raises(DaprGrpcError) as caught:
            client.save_state("statestore", "a", "2", etag="stale", options=options)
        assert caught.value._status_code == grpc.StatusCode.ABORTED
        with pytest.raises(DaprGrpcError):
            client.save_state("statestore", "a", "2", options=options)
        assert engine.state["statestore"]["a"] == 1


def test_sdk_executes_a_transaction() -> None:
    operations = [
        TransactionalStateOperation(key="a", data="1"),
        TransactionalStateOperation(key="b", data="2"),
        TransactionalStateOperation(key="a", operation_type=TransactionOperationType.delete),
    ]
    with fake() as engine, DaprClient() as client:
        client.execute_state_transaction("statestore", operations)
        assert ("a" in engine.state["statestore"], engine.state["statestore"]["b"]) == (False, 2)


def test_sdk_publishes() -> None:
    with fake(app_id="shop") as engine, DaprClient() as client:
        client.publish_event("pubsub", "orders", json.dumps({"n": 1}), data_content_type="application/json")
    (message,) = engine.published
    assert (message.pubsub, message.topic, message.event["data"]) == ("pubsub", "orders", {"n": 1})
    assert (message.event["source"], message.event["type"]) == ("shop", "com.dapr.event.sent")


def test_sdk_invokes_a_binding() -> None:
    with fake() as engine, DaprClient() as client:
        engine.answer("mail", "create", {"sent": True})
        answer = client.invoke_binding("mail", "create", json.dumps("hello"), {"to": "a@example.com"})
        assert json.loads(answer.data) == {"sent": True}
        assert client.invoke_binding("mail", "delete").data == b""
    first, second = engine.operations
    assert (first.binding, first.operation, first.value, first.metadata) == (
        "mail",
        "create",
        "hello",
        {"to": "a@example.com"},
    )
    assert (second.operation, second.value) == ("delete", None)


def test_sdk_gets_secrets() -> None:
    with fake(secrets={"vault": {"key": "k3y", "db": {"user": "u", "password": "p"}}}), DaprClient() as client:
        assert client.get_secret("vault", "key").secret == {"key": "k3y"}
        assert client.get_bulk_secret("vault").secrets == {"key": {"key": "k3y"}, "db": {"user": "u", "password": "p"}}
        with pytest.raises(grpc.RpcError, match="failed getting secret with key lost"):
            client.get_secret("vault", "lost")


@pytest.mark.filterwarnings("ignore:invoke_method with protocol gRPC is deprecated")
@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_sdk_invokes_a_method_of_an_app(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def orders(call: AppCall) -> object:
        return {"method": call.method, "path": call.path, "body": json.loads(call.body)}

    monkeypatch.setenv("DAPR_API_METHOD_INVOCATION_PROTOCOL", protocol)
    with fake(apps={"orders": orders}), DaprClient() as client:
        answer = client.invoke_method("orders", "new/one", json.dumps({"n": 1}), http_verb="PUT")
    assert json.loads(answer.data) == {"method": "PUT", "path": "/new/one", "body": {"n": 1}}
    if protocol == "http":  # the SDK makes itself a loop, and leaves it open
        asyncio.get_event_loop_policy().get_event_loop().close()
        asyncio.set_event_loop(None)


@pytest.mark.filterwarnings("ignore:invoke_method with protocol gRPC is deprecated")
def test_status_of_an_app_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAPR_API_METHOD_INVOCATION_PROTOCOL", "grpc")
    lost = {"orders": lambda call: (404, {"error": "no such order"})}
    with fake(apps=lost), DaprClient() as client, pytest.raises(grpc.RpcError, match=r"StatusCode.NOT_FOUND"):
        client.invoke_method("orders", "lost", "")


def test_sdk_gets_and_sets_metadata() -> None:
    with fake(app_id="shop"), DaprClient() as client:
        client.set_metadata("team", "blue")
        found = client.get_metadata()
    assert (found.application_id, found.extended_metadata["team"]) == ("shop", "blue")


@pytest.mark.parametrize("block", ["statestore", "pubsub", "mail", "vault"])
def test_component_fails_until_it_recovers(block: str) -> None:
    def call() -> None:
        if block == "statestore":
            client.save_state(block, "a", "1")
        elif block == "pubsub":
            client.publish_event(block, "orders", "1")
        elif block == "mail":
            client.invoke_binding(block, "create")
        else:
            client.get_secret(block, "key")

    with fake(secrets={"vault": {"key": "k3y"}}) as engine, DaprClient() as client:
        engine.fail(block, "the disk is full")
        with pytest.raises(grpc.RpcError, match="the disk is full"):
            call()
        assert not engine.published
        assert not engine.operations
        engine.recover(block)
        call()


def test_what_is_not_there_is_unimplemented() -> None:
    with fake(), DaprClient() as client, pytest.raises(grpc.RpcError) as caught:
        client.get_job("clean")
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.filterwarnings("ignore:The Distributed Lock API is an Alpha version")
def test_sdk_locks() -> None:
    with fake(), DaprClient() as client:
        with client.try_lock("locks", "till", "me", 60) as first, client.try_lock("locks", "till", "you", 60) as second:
            assert (first.success, second.success) == (True, False)
        assert client.unlock("locks", "till", "me").status == UnlockResponseStatus.lock_does_not_exist


def test_sdk_reads_and_watches_configuration() -> None:
    told: queue.Queue[ConfigurationResponse] = queue.Queue()
    with fake(configuration={"settings": {"color": "blue"}}) as engine, DaprClient() as client:
        assert client.get_configuration("settings", ["color", "lost"]).items["color"].value == "blue"
        id = client.subscribe_configuration("settings", ["color"], lambda _, update: told.put(update))
        engine.configuration["settings"]["color"] = "red"
        assert told.get(timeout=5).items["color"].value == "red"
        assert client.unsubscribe_configuration("settings", id)


def test_sdk_subscribes_with_a_stream() -> None:
    with fake() as engine, DaprClient() as client:
        topic = client.subscribe("pubsub", "orders", dead_letter_topic="failed")
        client.publish_event("pubsub", "others", "0")
        client.publish_event("pubsub", "orders", json.dumps({"n": 1}), data_content_type="application/json")
        first = topic.next_message()
        topic.respond_retry(first)
        again = topic.next_message()
        assert (again.id(), again.data()) == (first.id(), {"n": 1})
        topic.respond_drop(again)
        client.publish_event("pubsub", "orders", "raw", publish_metadata={"rawPayload": "true"})
        raw = topic.next_message()
        assert (raw.source(), raw._raw_data) == ("Dapr", b"raw")
        topic.respond_success(raw)
        topic.close()
    assert sorted(one.topic for one in engine.published) == ["failed", "orders", "orders", "others"]


def test_app_is_told_of_configuration_over_http() -> None:
    told: queue.Queue[AppCall] = queue.Queue()
    with fake(apps={"app": told.put}) as engine:
        port = os.environ["DAPR_HTTP_PORT"]
        urllib.request.urlopen(f"http://127.0.0.1:{port}/v1.0/configuration/settings/subscribe?key=color").close()
        engine.configuration["settings"]["color"] = "red"
        call = told.get(timeout=5)
    assert call.path == "/configuration/settings/color"
    assert json.loads(call.body)["items"] == {"color": {"value": "red", "version": "1"}}


def test_sdk_for_asyncio_has_the_same() -> None:
    async def use() -> Fake:
        async with fake(secrets={"vault": {"key": "k3y"}}) as engine, AsyncDaprClient() as client:
            await client.save_state("statestore", "a", "1")
            assert (await client.get_state("statestore", "a")).data == b"1"
            await client.publish_event("pubsub", "orders", "hello")
            assert (await client.get_secret("vault", "key")).secret == {"key": "k3y"}
        return engine

    assert asyncio.run(use()).published[0].event["data"] == "hello"


def test_environment_is_as_it_was_when_the_fake_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAPR_HTTP_PORT", "3500")
    monkeypatch.delenv("DAPR_GRPC_PORT", raising=False)
    with fake() as engine:
        assert os.environ["DAPR_HTTP_PORT"] == str(engine.http_port)
        assert os.environ["DAPR_GRPC_PORT"] == str(engine.grpc_port)
    assert os.environ["DAPR_HTTP_PORT"] == "3500"
    assert "DAPR_GRPC_PORT" not in os.environ


def test_fixture_is_a_fake_engine(jackfield_fake: Fake) -> None:
    jackfield_fake.state["statestore"]["a"] = 1
    assert jackfield_fake.state["statestore"]["a"] == 1
