"""Calls of Dapr's gRPC API, good and bad, with what Dapr answers by its source (dapr/dapr at d845074).

As dapr_requests.py, whose folder they are for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dapr.proto.common.v1 import common_pb2
from dapr.proto.runtime.v1 import (
    binding_pb2,
    configuration_pb2,
    invoke_pb2,
    lock_pb2,
    metadata_pb2,
    pubsub_pb2,
    secret_pb2,
    state_pb2,
)
from google.protobuf import any_pb2

from tests.integration.dapr_requests import CALLER, PLACE, STALE, WORDS

_ETAG = common_pb2.Etag(value=STALE)
_FIRST = common_pb2.StateOptions(concurrency=common_pb2.StateOptions.CONCURRENCY_FIRST_WRITE)


@dataclass(frozen=True, slots=True)
class Call:
    """`code`: what Dapr answers; `reason`: that of its `ErrorInfo`. `ours`: our code where that differs on purpose, and
    `why`. `loose`: why what comes beside the code is not compared.
    """

    method: str
    request: Any
    code: str = "OK"
    reason: str = ""
    ours: str = ""
    why: str = ""
    loose: str = ""

    def __str__(self) -> str:
        return f"{self.method} {' '.join(str(self.request).split())[:100]}"


def calls() -> list[Call]:
    found = [*_state(), *_publish(), *_others()]
    assert all(bool(one.ours) == bool(one.why) for one in found)
    return found


def _state() -> Iterator[Call]:
    def item(key: str, **more: Any) -> Any:
        return common_pb2.StateItem(key=key, value=b'{"n":1}', **more)

    def save(*items: Any, store: str = "statestore") -> Any:
        return state_pb2.SaveStateRequest(store_name=store, states=items)

    def get(key: str, store: str = "statestore") -> Any:
        return state_pb2.GetStateRequest(store_name=store, key=key)

    def delete(key: str, store: str = "statestore", **more: Any) -> Any:
        return state_pb2.DeleteStateRequest(store_name=store, key=key, **more)

    def transact(*operations: tuple[str, Any], store: str = "statestore") -> Any:
        listed = [state_pb2.TransactionalStateOperation(operationType=kind, request=one) for kind, one in operations]
        return state_pb2.ExecuteStateTransactionRequest(storeName=store, operations=listed)

    def bulk(*keys: str, store: str = "statestore") -> Any:
        return state_pb2.GetBulkStateRequest(store_name=store, keys=keys)

    def delete_bulk(*items: Any, store: str = "statestore") -> Any:
        return state_pb2.DeleteBulkStateRequest(store_name=store, states=items)

    yield Call("SaveState", save(item("a"), item("b", metadata={"ttlInSeconds": "100"})))
    yield Call("SaveState", save())
    yield Call("GetState", get("a"))
    yield Call("GetState", get("b"))
    yield Call("GetState", get("lost"))
    yield Call("GetBulkState", bulk("a", "lost"))
    yield Call("GetBulkState", bulk())
    yield Call("ExecuteStateTransaction", transact(("upsert", item("c")), ("delete", item("b"))))
    yield Call("ExecuteStateTransaction", transact())
    yield Call("SaveState", save(item("")), "INVALID_ARGUMENT", "ERR_STATE_SAVE")
    yield Call("SaveState", save(item("a", etag=_ETAG)), "ABORTED", "ERR_STATE_SAVE", loose=WORDS)
    yield Call("SaveState", save(item("a", options=_FIRST)), "ABORTED", "ERR_STATE_SAVE", loose=WORDS)
    yield Call("DeleteState", delete("a", etag=_ETAG), "ABORTED", "ERR_STATE_DELETE", loose=WORDS)
    stale = delete_bulk(item("a", etag=_ETAG))
    yield Call("DeleteBulkState", stale, "ABORTED", "ERR_STATE_BULK_DELETE", loose=WORDS)
    stale = transact(("upsert", item("a", etag=_ETAG)))
    yield Call("ExecuteStateTransaction", stale, "INTERNAL", "ERR_STATE_TRANSACTION", loose=WORDS)
    moved = transact(("move", item("a")))
    yield Call("ExecuteStateTransaction", moved, "UNIMPLEMENTED", "ERR_NOT_SUPPORTED_STATE_OPERATION")
    wrong = save(item("a", metadata={"ttlInSeconds": "x"}))
    yield Call("SaveState", wrong, "INTERNAL", "ERR_STATE_SAVE", ours="INVALID_ARGUMENT", why=CALLER)
    illegal = ("INVALID_ARGUMENT", "DAPR_STATE_ILLEGAL_KEY")
    yield Call("GetState", get("a||b"), *illegal)
    yield Call("SaveState", save(item("a||b")), *illegal)
    yield Call("DeleteState", delete("a||b"), *illegal)
    yield Call("DeleteBulkState", delete_bulk(item("a||b")), *illegal)
    yield Call("GetBulkState", bulk("a||b"), *illegal)
    yield Call("ExecuteStateTransaction", transact(("upsert", item("a||b"))), *illegal)
    lost = ("INVALID_ARGUMENT", "DAPR_STATE_NOT_FOUND")
    yield Call("GetState", get("a", "nowhere"), *lost)
    yield Call("GetBulkState", bulk("a", store="nowhere"), *lost)
    yield Call("SaveState", save(item("a"), store="nowhere"), *lost)
    yield Call("DeleteState", delete("a", "nowhere"), *lost)
    yield Call("DeleteBulkState", delete_bulk(item("a"), store="nowhere"), *lost)
    yield Call("ExecuteStateTransaction", transact(store="nowhere"), *lost)
    yield Call("DeleteState", delete("a"))
    yield Call("DeleteBulkState", delete_bulk(item("b"), item("c")))


def _publish() -> Iterator[Call]:
    def publish(pubsub: str = "pubsub", topic: str = "orders", **more: Any) -> Any:
        return pubsub_pb2.PublishEventRequest(pubsub_name=pubsub, topic=topic, data=b"1", **more)

    def bulk(*ids: str, pubsub: str = "pubsub", topic: str = "orders", **more: Any) -> Any:
        entries = [pubsub_pb2.BulkPublishRequestEntry(entry_id=id, event=b"1", content_type="text/plain") for id in ids]
        return pubsub_pb2.BulkPublishRequest(pubsub_name=pubsub, topic=topic, entries=entries, **more)

    yield Call("PublishEvent", publish())
    yield Call("PublishEvent", publish(data_content_type="application/json"))
    yield Call("PublishEvent", publish(metadata={"rawPayload": "true"}))
    yield Call("PublishEvent", publish("scoped", "mine"))
    cloud = publish(data_content_type="application/cloudevents+json")
    yield Call("PublishEvent", cloud, "INVALID_ARGUMENT", "DAPR_PUBSUB_CLOUD_EVENT_CREATION", loose=WORDS)
    raw = {"rawPayload": "x"}
    for method, make in (("PublishEvent", publish), ("BulkPublishEvent", bulk)):
        yield Call(method, make(pubsub="nowhere"), "INVALID_ARGUMENT", "DAPR_PUBSUB_NOT_FOUND")
        yield Call(method, make(pubsub=""), "INVALID_ARGUMENT", "DAPR_PUBSUB_NAME_EMPTY")
        yield Call(method, make(topic=""), "INVALID_ARGUMENT", "DAPR_PUBSUB_TOPIC_NAME_EMPTY")
        yield Call(method, make(metadata=raw), "INVALID_ARGUMENT", "DAPR_PUBSUB_METADATA_DESERIALIZATION")
        yield Call(method, make(pubsub="scoped"), "PERMISSION_DENIED", "DAPR_PUBSUB_FORBIDDEN")
        yield Call(method, make(pubsub="listed", topic="two"), "PERMISSION_DENIED", "DAPR_PUBSUB_FORBIDDEN")
    for method in ("BulkPublishEvent", "BulkPublishEventAlpha1"):
        yield Call(method, bulk("1", "2"))
        yield Call(method, bulk())
        for ids in (("1", "1"), ("",)):
            yield Call(method, bulk(*ids), "INVALID_ARGUMENT", "DAPR_PUBSUB_MARSHAL_EVENTS")


def _others() -> Iterator[Call]:
    def binding(operation: str, name: str = "files") -> Any:
        metadata = {"fileName": "b.json"}
        return binding_pb2.InvokeBindingRequest(name=name, operation=operation, data=b"{}", metadata=metadata)

    failed = ("INTERNAL", "ERR_INVOKE_OUTPUT_BINDING")
    yield Call("InvokeBinding", binding("create"))
    yield Call("InvokeBinding", binding("get"))
    yield Call("InvokeBinding", binding("delete"))
    yield Call("InvokeBinding", binding("get"), *failed, loose=PLACE)
    yield Call("InvokeBinding", binding("fly"), *failed, loose=WORDS)
    yield Call("InvokeBinding", binding("create", "nowhere"), *failed)

    def secret(key: str, store: str = "secrets") -> Any:
        return secret_pb2.GetSecretRequest(store_name=store, key=key)

    yield Call("GetSecret", secret("redis:password"))
    yield Call("GetSecret", secret("lost"), "INTERNAL", loose=WORDS)
    yield Call("GetSecret", secret("hidden"), "PERMISSION_DENIED")
    yield Call("GetSecret", secret("a", "nowhere"), "INVALID_ARGUMENT")
    yield Call("GetBulkSecret", secret_pb2.GetBulkSecretRequest(store_name="secrets"))
    yield Call("GetBulkSecret", secret_pb2.GetBulkSecretRequest(store_name="nowhere"), "INVALID_ARGUMENT")
    nothing = ("FAILED_PRECONDITION", "ERR_CONFIGURATION_STORE_NOT_CONFIGURED")
    for version in ("", "Alpha1"):
        settings = configuration_pb2.GetConfigurationRequest(store_name="nowhere")
        yield Call(f"GetConfiguration{version}", settings, *nothing)
        stop = configuration_pb2.UnsubscribeConfigurationRequest(store_name="nowhere", id="1")
        yield Call(f"UnsubscribeConfiguration{version}", stop)
    lock = lock_pb2.TryLockRequest(store_name="locks", resource_id="a", lock_owner="me", expiry_in_seconds=5)
    yield Call("TryLockAlpha1", lock, "FAILED_PRECONDITION")
    yield Call("TryLockAlpha1", lock_pb2.TryLockRequest(store_name="locks"), "INVALID_ARGUMENT")
    yield Call("UnlockAlpha1", lock_pb2.UnlockRequest(store_name="locks"), "FAILED_PRECONDITION")
    for status, code in ((200, "OK"), (201, "OK"), (400, "INTERNAL"), (404, "NOT_FOUND"), (500, "UNKNOWN")):
        reason = {400: "Bad Request", 404: "Not Found", 500: "Internal Server Error"}.get(status, "")
        message = common_pb2.InvokeRequest(method=f"status/{status}", data=any_pb2.Any(value=b"{}"))
        yield Call("InvokeService", invoke_pb2.InvokeServiceRequest(id="shop", message=message), code, reason)
    message = common_pb2.InvokeRequest(method="echo")
    nobody = invoke_pb2.InvokeServiceRequest(id="nobody", message=message)
    yield Call("InvokeService", nobody, "INTERNAL", loose=WORDS)
    yield Call("SetMetadata", metadata_pb2.SetMetadataRequest(key="team", value="blue"))
    yield Call("GetMetadata", metadata_pb2.GetMetadataRequest(), loose="what serves, and what it can")
