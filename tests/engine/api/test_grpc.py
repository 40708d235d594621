"""What the SDK does not show of gRPC; the rest is in tests/engine/testing/test_fake.py and tests/integration."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import random
from pathlib import Path
from typing import Any

import grpc
import pytest
from dapr.proto.common.v1 import common_pb2
from dapr.proto.runtime.v1 import (
    binding_pb2,
    dapr_pb2,
    metadata_pb2,
    pubsub_pb2,
    secret_pb2,
    state_pb2,
)

from bindings.contract import Subscription
from engine.api.blocks import Blocks
from engine.api.grpc import GrpcServer
from engine.api.grpc_methods import Method, methods_of
from engine.api.options import ApiOptions
from engine.clock import SystemClock
from engine.errors import DefinitionError
from engine.server import LOOPBACK
from engine.testing.fake_parts import FakeParts
from tests.engine.api.served import DEFINITIONS, STUB, Served, details_of, served

ETAG = common_pb2.Etag(value="stale")
INFO, RESOURCE, BAD = (f"type.googleapis.com/google.rpc.{kind}" for kind in ("ErrorInfo", "ResourceInfo", "BadRequest"))
SCOPED = (
    DEFINITIONS
    + """---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: scoped}
spec:
  type: pubsub.in-memory
  version: v1
  metadata: [{name: publishingScopes, value: shop=mine}]
---
apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata: {name: configuration}
spec: {secrets: {scopes: [{storeName: secrets, deniedSecrets: ["redis:password"]}]}}
"""
)


def server(port: int = 0, token: str | None = None) -> GrpcServer:
    return GrpcServer(Blocks(FakeParts({}, {}), SystemClock(), "shop", token), LOOPBACK, port)


async def failure(call: Any) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        await call
    return caught.value


def item(key: str = "a", **more: Any) -> Any:
    return common_pb2.StateItem(key=key, value=b"1", **more)


async def test_token_is_asked_for() -> None:
    serving, request = server(token="t0ken"), metadata_pb2.GetMetadataRequest()
    await serving.start()
    try:
        async with grpc.aio.insecure_channel(f"{LOOPBACK}:{serving.port}") as channel:
            stub = STUB(channel)
            assert (await stub.GetMetadata(request, metadata=[("dapr-api-token", "t0ken")])).id == "shop"
            missing = await failure(stub.GetMetadata(request))
            wrong = await failure(channel.unary_unary("/other.Service/Do")(b"", metadata=[("dapr-api-token", "t")]))
    finally:
        await serving.stop()
    for error, why in ((missing, "missing api token in request metadata"), (wrong, "api token mismatch")):
        assert error.code() == grpc.StatusCode.UNAUTHENTICATED
        (info,) = details_of(error)
        assert info["metadata"]["http.code"] == "401"
        assert why in info["metadata"]["http.error_message"]


async def test_port_that_is_taken_is_a_definition_error() -> None:
    first = server()
    await first.start()
    try:
        with pytest.raises(DefinitionError, match=f"cannot listen on {LOOPBACK}:{first.port} for gRPC"):
            await server(first.port).start()
    finally:
        await first.stop()


@pytest.mark.parametrize(
    ("method", "request_", "code", "message", "details"),
    [
        (
            "GetState",
            state_pb2.GetStateRequest(store_name="lost", key="a"),
            "INVALID_ARGUMENT",
            "state store lost is not found",
            [{"@type": INFO, "domain": "dapr.io", "reason": "DAPR_STATE_NOT_FOUND", "metadata": {"appID": "shop"}}],
        ),
        (
            "GetState",
            state_pb2.GetStateRequest(store_name="statestore", key="a||b"),
            "INVALID_ARGUMENT",
            "input key/keyPrefix 'a||b' can't contain '||'",
            [
                {
                    "@type": BAD,
                    "field_violations": [
                        {"field": "a||b", "description": "input key/keyPrefix 'a||b' can't contain '||'"}
                    ],
                },
                {"@type": RESOURCE, "resource_type": "state", "resource_name": "statestore"},
                {"@type": INFO, "domain": "dapr.io", "reason": "DAPR_STATE_ILLEGAL_KEY"},
            ],
        ),
        (
            "SaveState",
            state_pb2.SaveStateRequest(store_name="statestore", states=[item(etag=ETAG)]),
            "ABORTED",
            "failed saving state in state store statestore: ",
            [{"@type": INFO, "domain": "dapr.io", "reason": "ERR_STATE_SAVE"}],
        ),
        (
            "SaveState",
            state_pb2.SaveStateRequest(store_name="statestore", states=[item("")]),
            "INVALID_ARGUMENT",
            "state key cannot be empty",
            [{"@type": INFO, "domain": "dapr.io", "reason": "ERR_STATE_SAVE"}],
        ),
        (
            "DeleteState",
            state_pb2.DeleteStateRequest(store_name="statestore", key="a", etag=ETAG),
            "ABORTED",
            "failed deleting state with key a: ",
            [{"@type": INFO, "domain": "dapr.io", "reason": "ERR_STATE_DELETE"}],
        ),
        (
            "DeleteBulkState",
            state_pb2.DeleteBulkStateRequest(store_name="statestore", states=[item(etag=ETAG)]),
            "ABORTED",
            "failed deleting state in state store statestore: ",
            [{"@type": INFO, "domain": "dapr.io", "reason": "ERR_STATE_BULK_DELETE"}],
        ),
        (
            "ExecuteStateTransaction",
            state_pb2.ExecuteStateTransactionRequest(
                storeName="statestore",
                operations=[state_pb2.TransactionalStateOperation(operationType="move", request=item())],
            ),
            "UNIMPLEMENTED",
            "operation type move not supported",
            [{"@type": INFO, "domain": "dapr.io", "reason": "ERR_NOT_SUPPORTED_STATE_OPERATION"}],
        ),
        (
            "ExecuteStateTransaction",
            state_pb2.ExecuteStateTransactionRequest(
                storeName="statestore",
                operations=[state_pb2.TransactionalStateOperation(operationType="upsert", request=item(etag=ETAG))],
            ),
            "INTERNAL",
            "error while executing state transaction: ",
            [{"@type": INFO, "domain": "dapr.io", "reason": "ERR_STATE_TRANSACTION"}],
        ),
        (
            "PublishEvent",
            pubsub_pb2.PublishEventRequest(pubsub_name="lost", topic="orders"),
            "INVALID_ARGUMENT",
            "pubsub lost is not found",
            [{"@type": INFO, "domain": "dapr.io", "reason": "DAPR_PUBSUB_NOT_FOUND"}],
        ),
        (
            "PublishEvent",
            pubsub_pb2.PublishEventRequest(topic="orders"),
            "INVALID_ARGUMENT",
            "pubsub name is empty",
            [
                {"@type": RESOURCE, "resource_type": "pubsub", "description": "pubsub name is empty"},
                {"@type": INFO, "domain": "dapr.io", "reason": "DAPR_PUBSUB_NAME_EMPTY"},
            ],
        ),
        (
            "PublishEvent",
            pubsub_pb2.PublishEventRequest(pubsub_name="scoped", topic="orders"),
            "PERMISSION_DENIED",
            "topic orders is not allowed for app id shop",
            [
                {
                    "@type": RESOURCE,
                    "resource_type": "pubsub",
                    "resource_name": "scoped",
                    "description": "topic orders is not allowed for app id shop",
                },
                {
                    "@type": INFO,
                    "domain": "dapr.io",
                    "reason": "DAPR_PUBSUB_FORBIDDEN",
                    "metadata": {"topic": "orders", "error": "topic orders is not allowed for app id shop"},
                },
            ],
        ),
        (
            "BulkPublishEvent",
            pubsub_pb2.BulkPublishRequest(
                pubsub_name="pubsub", topic="orders", entries=[pubsub_pb2.BulkPublishRequestEntry(event=b"1")]
            ),
            "INVALID_ARGUMENT",
            "error marshaling events to bytes for topic orders pubsub pubsub. error: "
            "entryId is duplicated or not present for entry",
            [
                {
                    "@type": RESOURCE,
                    "resource_type": "pubsub",
                    "resource_name": "pubsub",
                    "description": "error marshaling events to bytes for topic orders pubsub pubsub. error: "
                    "entryId is duplicated or not present for entry",
                },
                {
                    "@type": INFO,
                    "domain": "dapr.io",
                    "reason": "DAPR_PUBSUB_MARSHAL_EVENTS",
                    "metadata": {"appID": "shop", "error": "entryId is duplicated or not present for entry"},
                },
            ],
        ),
        (
            "InvokeBinding",
            binding_pb2.InvokeBindingRequest(name="lost", operation="create"),
            "INTERNAL",
            "error invoking output binding lost: couldn't find output binding lost",
            [{"@type": INFO, "domain": "dapr.io", "reason": "ERR_INVOKE_OUTPUT_BINDING"}],
        ),
        (
            "GetSecret",
            secret_pb2.GetSecretRequest(store_name="lost", key="a"),
            "INVALID_ARGUMENT",
            "failed finding secret store with key lost",
            [],
        ),
        (
            "GetSecret",
            secret_pb2.GetSecretRequest(store_name="secrets", key="redis:password"),
            "PERMISSION_DENIED",
            'access denied by policy to get "redis:password" from "secrets"',
            [],
        ),
        ("GetJob", None, "UNIMPLEMENTED", "Method not found!", []),
    ],
)
async def test_error_has_the_code_and_the_details_of_dapr(
    tmp_path: Path, method: str, request_: Any, code: str, message: str, details: list[dict[str, Any]]
) -> None:
    async with served(tmp_path, SCOPED) as api, api.channel() as channel:
        data = request_.SerializeToString() if request_ is not None else b""
        error = await failure(channel.unary_unary(f"/dapr.proto.runtime.v1.Dapr/{method}")(data))
    assert (error.code().name, error.details()[: len(message)]) == (code, message)
    assert details_of(error) == details


async def test_topics_and_secrets_have_scopes_over_http_too(tmp_path: Path) -> None:
    async with served(tmp_path, SCOPED) as api:
        assert await api.status("POST", "/v1.0/publish/scoped/mine", {}) == 204
        status, body, _ = await api.call("POST", "/v1.0/publish/scoped/orders", {})
        assert (status, json.loads(body)["errorCode"]) == (403, "ERR_PUBSUB_FORBIDDEN")
        entries = [{"entryId": "1", "event": 1, "contentType": "application/json"}]
        assert await api.status("POST", "/v1.0/publish/bulk/scoped/orders", entries) == 403
        status, body, _ = await api.call("GET", "/v1.0/secrets/secrets/redis:password")
        assert (status, json.loads(body)["errorCode"]) == (403, "ERR_PERMISSION_DENIED")
        _, body, _ = await api.call("GET", "/v1.0/secrets/secrets/bulk")
        assert json.loads(body) == {}


async def test_error_that_quotes_a_large_key_reaches_the_client(tmp_path: Path) -> None:
    async with served(tmp_path) as api, api.stub() as stub:
        error = await failure(stub.GetState(state_pb2.GetStateRequest(store_name="statestore", key="||" * 2**20)))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert error.details().startswith("input key/keyPrefix '||||")


async def test_what_is_no_message_is_told(tmp_path: Path) -> None:
    async with served(tmp_path) as api, api.channel() as channel:
        error = await failure(channel.unary_unary("/dapr.proto.runtime.v1.Dapr/GetState")(b"\xff\xff\xff"))
    assert error.code() == grpc.StatusCode.INTERNAL
    assert error.details().startswith("grpc: error unmarshalling request: ")


@pytest.mark.parametrize(("max_body", "fits"), [(2**20, False), (8 * 2**20, True)])
async def test_largest_message_is_that_of_the_flag(tmp_path: Path, max_body: int, fits: bool) -> None:
    state = common_pb2.StateItem(key="a", value=b"1" * 5 * 2**20)
    save = state_pb2.SaveStateRequest(store_name="statestore", states=[state])
    options = ApiOptions(app_id="shop", grpc_port=0, max_body=max_body)
    async with served(tmp_path, api=options) as api, api.stub() as stub:
        status = await api.status("POST", "/v1.0/publish/pubsub/orders", data=io.BytesIO(b"1" * 5 * 2**20))
        assert status == (204 if fits else 413)
        if fits:
            await stub.SaveState(save)
        else:
            assert (await failure(stub.SaveState(save))).code() == grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_messages_are_published_with_the_trace_context(tmp_path: Path) -> None:
    trace = [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ("tracestate", "a=b")]
    async with served(tmp_path) as api, api.stub() as stub:
        reader = await subscribed(api)
        request = pubsub_pb2.PublishEventRequest(
            pubsub_name="pubsub", topic="orders", data=b'{"n":1}', data_content_type="application/json"
        )
        await stub.PublishEvent(request, metadata=trace)
        entries = [pubsub_pb2.BulkPublishRequestEntry(entry_id=id, event=id.encode()) for id in "12"]
        bulk = pubsub_pb2.BulkPublishRequest(pubsub_name="pubsub", topic="orders", entries=entries)
        for method in (stub.BulkPublishEvent, stub.BulkPublishEventAlpha1):
            assert not (await method(bulk)).failedEntries
        await api.call("POST", "/v1.0/publish/pubsub/orders", {}, headers=dict(trace))
        events = [json.loads(one.data or b"") for one in await reader.read(10)]
        await reader.close()
    assert [event["data"] for event in events] == [{"n": 1}, "1", "2", "1", "2", {}]
    for event in (events[0], events[-1]):
        assert [(name, event[name]) for name in ("traceparent", "tracestate")] == trace


async def subscribed(api: Served) -> Any:
    """A reader of the topic `orders`."""
    lent = api.engine._parts.pubsub("pubsub")
    async with lent as one:
        reader = one.component.subscribe(Subscription("orders", "test"))
        await reader.open()
        return reader


async def test_binding_gets_metadata_and_trace_and_gives_metadata_as_headers(tmp_path: Path) -> None:
    create = binding_pb2.InvokeBindingRequest(
        name="folder", operation="create", data=b'{"n":1}', metadata={"fileName": "a.json"}
    )
    get = binding_pb2.InvokeBindingRequest(name="folder", operation="get", metadata={"fileName": "a.json"})
    async with served(tmp_path) as api, api.stub() as stub:
        call = stub.InvokeBinding(create, metadata=[("traceparent", "00-1-2-01")])
        answer = await call
        headers = dict(await call.initial_metadata())
        assert {f"metadata.{name}".lower() for name in answer.metadata} <= headers.keys() | {"metadata.filename"}
        assert (await stub.InvokeBinding(get)).data == b'{"n":1}'


async def test_shutdown_asks_the_engine_to_stop(tmp_path: Path) -> None:
    async with served(tmp_path) as api, api.stub() as stub, asyncio.timeout(5):
        await stub.Shutdown(dapr_pb2.ShutdownRequest())
        await api.engine.asked_to_stop.wait()


async def test_no_message_makes_a_mistake_of_ours(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Bytes of chance, and messages with every field set to something strange."""
    chance = random.Random(1)
    async with served(tmp_path, SCOPED) as api, api.channel() as channel:
        for name, method in methods_of(api.engine._blocks).items():
            strange = [chance.randbytes(chance.randrange(60)) for _ in range(10)]
            strange += [
                filled(method.request, text, number) for text, number in (("a||\n/ü", -1), ("pubsub", 2**31 - 1))
            ]
            for data in strange:
                if isinstance(method, Method):
                    call = channel.unary_unary(f"/dapr.proto.runtime.v1.Dapr/{name}")(data)
                    with contextlib.suppress(grpc.RpcError):
                        await call
                else:
                    stream = channel.unary_stream(f"/dapr.proto.runtime.v1.Dapr/{name}")(data)
                    with contextlib.suppress(grpc.RpcError):
                        await stream.read()
                    stream.cancel()
    assert [record.getMessage() for record in caplog.records if "has failed" in record.getMessage()] == []


def filled(kind: Any, text: str, number: int) -> bytes:
    message = kind()
    _fill(message, text, number)
    return bytes(message.SerializeToString())


def _fill(message: Any, text: str, number: int, depth: int = 0) -> None:
    values: dict[str, Any] = {"string": text, "bytes": text.encode(), "int": number, "float": 1e300, "bool": True}
    for field in message.DESCRIPTOR.fields:
        kind = {9: "string", 12: "bytes", 8: "bool", 1: "float", 2: "float"}.get(field.type, "int")
        if field.message_type is None:
            value = 99 if field.enum_type is not None else values[kind]
            if field.is_repeated:
                getattr(message, field.name).append(value)
            else:
                setattr(message, field.name, value)
        elif field.message_type.GetOptions().map_entry:
            if field.message_type.fields_by_name["value"].message_type is None:
                getattr(message, field.name)[text] = text
        elif depth < 4:
            inner = getattr(message, field.name)
            _fill(inner.add() if field.is_repeated else inner, text, number, depth + 1)
