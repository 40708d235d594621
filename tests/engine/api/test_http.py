from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import pytest

from bindings.contract import InputBinding, Subscription
from bindings.memory.pubsub import MemoryPubSub
from bindings.metadata import PubSubMetadata
from engine.version import VERSION
from tests.bindings.fakes import context
from tests.engine.api.served import served


async def subscriber(topic: str) -> InputBinding:
    reader = MemoryPubSub(PubSubMetadata(), context("pubsub")).subscribe(Subscription(topic, "test"))
    await reader.open()
    return reader


async def test_published_message_is_an_event_of_its_topic(tmp_path: Path) -> None:
    async with served(tmp_path) as api:
        reader = await subscriber("orders/new")
        assert await api.status("POST", "/v1.0/publish/pubsub/orders/new", {"n": 1}) == 204
        (message,) = await reader.read(10)
    event = json.loads(message.data or b"")
    assert {**event, "id": "", "time": ""} == {
        "id": "",
        "time": "",
        "specversion": "1.0",
        "data": {"n": 1},
        "source": "shop",
        "type": "com.dapr.event.sent",
        "topic": "orders/new",
        "pubsubname": "pubsub",
        "datacontenttype": "application/json",
    }


@pytest.mark.parametrize("version", ["v1.0", "v1.0-alpha1"])
async def test_messages_are_published_in_bulk(tmp_path: Path, version: str) -> None:
    entries = [
        {"entryId": "1", "event": {"n": 1}, "contentType": "application/json"},
        {"entryId": "2", "event": "text", "contentType": "text/plain"},
        {"entryId": "3", "event": "AAE=", "contentType": "application/octet-stream"},
    ]
    async with served(tmp_path) as api:
        reader = await subscriber("orders")
        assert await api.status("POST", f"/{version}/publish/bulk/pubsub/orders", entries) == 204
        events = [json.loads(message.data or b"") for message in await reader.read(10)]
    assert [event.get("data", event.get("data_base64")) for event in events] == [{"n": 1}, "text", "AAE="]


async def test_output_binding_does_an_operation(tmp_path: Path) -> None:
    async with served(tmp_path) as api:
        created = {"operation": "create", "data": {"n": 1}, "metadata": {"fileName": "a.json"}}
        status, _, _ = await api.call("POST", "/v1.0/bindings/folder", created)
        assert (status, (tmp_path / "files/a.json").read_bytes()) == (200, b'{"n":1}')
        read = {"operation": "get", "metadata": {"fileName": "a.json"}}
        status, body, _ = await api.call("PUT", "/v1.0/bindings/folder", read)
        assert (status, body) == (200, b'{"n":1}')


async def test_secrets_are_given_out_one_by_one_and_all_together(tmp_path: Path) -> None:
    async with served(tmp_path) as api:
        _, one, _ = await api.call("GET", "/v1.0/secrets/secrets/redis:password")
        _, all_of_them, _ = await api.call("GET", "/v1.0/secrets/secrets/bulk")
    assert json.loads(one) == {"redis:password": "p4ss"}
    assert json.loads(all_of_them) == {"redis:password": {"redis:password": "p4ss"}}


async def test_secret_store_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    async with served(tmp_path) as api:
        (tmp_path / "secrets.json").unlink()
        status, body, _ = await api.call("GET", "/v1.0/secrets/secrets/redis:password")
    error = json.loads(body)
    assert (status, error["errorCode"]) == (500, "ERR_SECRET_GET")
    assert error["message"].startswith("secret store secrets cannot be opened: ")


async def test_metadata_lists_the_components_and_what_was_set(tmp_path: Path) -> None:
    async with served(tmp_path) as api:
        assert await api.status("PUT", "/v1.0/metadata/team", data="blue") == 204
        _, body, _ = await api.call("GET", "/v1.0/metadata")
    found = json.loads(body)
    assert (found["id"], found["runtimeVersion"], found["extended"]["team"]) == ("shop", VERSION, "blue")
    assert ("statestore", "state.in-memory", "v1") in [
        (one["name"], one["type"], one["version"]) for one in found["components"]
    ]


async def test_health_waits_for_the_definitions(tmp_path: Path) -> None:
    async with served(tmp_path, None) as api:
        for path, code in (("healthz", "ERR_HEALTH_NOT_READY"), ("healthz/outbound", "ERR_OUTBOUND_HEALTH_NOT_READY")):
            status, body, _ = await api.call("GET", f"/v1.0/{path}")
            assert (status, json.loads(body)["errorCode"]) == (500, code)
        await api.apply("")
        assert await api.status("GET", "/v1.0/healthz") == 204
        assert await api.status("GET", "/v1.0/healthz/outbound") == 204
        assert await api.status("GET", "/v1.0/healthz?appid=shop") == 204
        assert await api.status("GET", "/v1.0/healthz?appid=other") == 500


async def test_shutdown_asks_the_engine_to_stop(tmp_path: Path) -> None:
    async with served(tmp_path) as api:
        assert await api.status("POST", "/v1.0/shutdown") == 204
        async with asyncio.timeout(5):
            await api.engine.asked_to_stop.wait()


async def test_token_is_asked_of_all_but_health(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAPR_API_TOKEN", "t0ken")
    async with served(tmp_path) as api:
        assert await api.status("GET", "/v1.0/healthz") == 204
        assert await api.status("GET", "/v1.0/healthz/outbound") == 204
        status, body, _ = await api.call("GET", "/v1.0/metadata")
        assert (status, body) == (401, b"invalid api token")
        assert await api.status("POST", "/v1.0/shutdown", headers={"dapr-api-token": "wrong"}) == 401
        assert await api.status("GET", "/v1.0/metadata", headers={"dapr-api-token": "t0ken"}) == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/v1.0/publish/lost/orders", {}, 404, "ERR_PUBSUB_NOT_FOUND"),
        ("POST", "/v1.0/publish/pubsub/", {}, 404, "ERR_TOPIC_NAME_EMPTY"),
        ("POST", "/v1.0/publish/pubsub/orders?metadata.ttlInSeconds=x", {}, 400, "ERR_PUBSUB_REQUEST_METADATA"),
        ("POST", "/v1.0/publish/pubsub/orders?metadata.rawPayload=x", {}, 400, "ERR_PUBSUB_REQUEST_METADATA"),
        ("POST", "/v1.0/publish/bulk/pubsub/orders", {}, 400, "ERR_PUBSUB_EVENTS_SER"),
        ("POST", "/v1.0/publish/bulk/pubsub/orders", [{"event": 1}], 400, "ERR_PUBSUB_EVENTS_SER"),
        (
            "POST",
            "/v1.0/publish/bulk/pubsub/orders",
            [{"entryId": "1", "event": "a", "contentType": "text/plain"}] * 2,
            400,
            "ERR_PUBSUB_EVENTS_SER",
        ),
        (
            "POST",
            "/v1.0/publish/bulk/pubsub/orders",
            [{"entryId": "1", "event": "no base64!", "contentType": "application/octet-stream"}],
            400,
            "ERR_PUBSUB_EVENTS_SER",
        ),
        ("POST", "/v1.0/bindings/lost", {"operation": "create"}, 500, "ERR_INVOKE_OUTPUT_BINDING"),
        ("POST", "/v1.0/bindings/folder", {"operation": "fly"}, 500, "ERR_INVOKE_OUTPUT_BINDING"),
        ("POST", "/v1.0/bindings/folder", {"operation": "get"}, 500, "ERR_INVOKE_OUTPUT_BINDING"),
        ("POST", "/v1.0/bindings/folder", {"data": 1}, 400, "ERR_MALFORMED_REQUEST"),
        ("GET", "/v1.0/secrets/lost/a", None, 401, "ERR_SECRET_STORE_NOT_FOUND"),
        ("GET", "/v1.0/secrets/secrets/lost", None, 500, "ERR_SECRET_GET"),
        ("GET", "/v1.0/actors/cat/1/state/mood", None, 501, "ERR_API_UNIMPLEMENTED"),
        ("POST", "/v1.0-alpha1/jobs/clean", {}, 501, "ERR_API_UNIMPLEMENTED"),
        ("POST", "/v1.0-beta1/workflows/dapr/order/start", {}, 501, "ERR_API_UNIMPLEMENTED"),
        ("GET", "/nowhere", None, 404, "ERR_DIRECT_INVOKE"),
        ("GET", "/v1.0/nowhere", None, 404, "ERR_DIRECT_INVOKE"),
    ],
)
async def test_wrong_request_is_answered_as_dapr_does(
    tmp_path: Path, method: str, path: str, body: Any, status: int, code: str
) -> None:
    async with served(tmp_path) as api:
        found, answer, _ = await api.call(method, path, body)
    assert (found, json.loads(answer)["errorCode"]) == (status, code)


async def test_body_that_is_too_large_is_refused(tmp_path: Path) -> None:
    async with served(tmp_path) as api:
        assert await api.status("POST", "/v1.0/publish/pubsub/orders", data=io.BytesIO(bytes(4 * 2**20 + 1))) == 413


async def test_component_of_a_type_that_is_not_installed_is_not_there(tmp_path: Path) -> None:
    alien = "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: alien}\nspec: {type: state.unheard-of}\n"
    async with served(tmp_path, alien) as api:
        assert await api.status("GET", "/openapi.json") == 200
        status, body, _ = await api.call("GET", "/v1.0/state/alien/a")
    assert (status, json.loads(body)["errorCode"]) == (500, "ERR_STATE_STORE_NOT_CONFIGURED")
