"""Requests to Dapr's HTTP API, good and bad, with what Dapr answers by its source (dapr/dapr at d845074).

They are sent in this order: to `jackfield run` always, and to a daprd as well when there is one (test_daprd.py).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

STALE = "00000000-0000-0000-0000-000000000000"
_STATE, _TOPIC, _BULK = "/v1.0/state/statestore", "/v1.0/publish/pubsub/orders", "/v1.0/publish/bulk/pubsub/orders"

# Why an answer is not Dapr's.
GO = "what Go's JSON reader lets pass and the standard does not: what follows the first value, names in other letters"
CALLER = "a mistake of the caller is told as one (400), where Dapr stores or ignores it or answers 500"
WORDS = "the words of an error that is the system's or a library's own"
DEFAULT = "a topic that is empty is told, where Dapr's router finds no route"
SLASHES = "`+` in a path is a plus, as in URLs, where Dapr makes a space of it"
PREFIX = "the message has no `api error: code = …` before it, and the field is named, also in a transaction"
PLACE = "paths of the machine"


@dataclass(frozen=True, slots=True)
class Request:
    """`status` and `code`: what Dapr answers. `ours`: what we answer when that differs on purpose, and `why`.

    `loose`: what is not compared of the answers beside these, with the reason.
    """

    method: str
    path: str
    status: int
    code: str = ""
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    ours: tuple[int, str] | None = None
    why: str = ""
    loose: str = ""

    def data(self) -> bytes | None:
        if self.body is None or isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body).encode()

    def __str__(self) -> str:
        shown = (self.data() or b"")[:60].decode(errors="backslashreplace")
        return f"{self.method} {self.path} {shown}".strip()


def requests() -> list[Request]:
    found = [*_state(), *_bulk_state(), *_transactions(), *_publish(), *_bulk_publish(), *_bindings(), *_others()]
    assert all(bool(one.ours) == bool(one.why) for one in found)
    return found


def _state() -> Iterator[Request]:
    values = [1, -2.5, "text", "ü€😀", True, None, [], [1, "a", None], {}, {"n": {"m": [1]}}, "", 2**53]
    for number, value in enumerate(values):
        yield Request("POST", _STATE, 204, body=[{"key": f"v{number}", "value": value}])
        yield Request("GET", f"{_STATE}/v{number}", 200)
    for key in ("a b", "ü", "a:b", "a|b", "a.b", "a,b", "A", "a%b", "a/b"):
        yield Request("PUT", _STATE, 204, body=[{"key": key, "value": key}])
        yield Request("GET", f"{_STATE}/{quote(key, safe='')}", 200)
    yield Request("POST", _STATE, 204, body=[{"key": "p+q", "value": 1}])
    yield Request("GET", f"{_STATE}/p+q", 204, ours=(200, ""), why=SLASHES)
    yield Request("GET", f"{_STATE}/lost", 204)
    yield Request("GET", f"{_STATE}/v0/", 200)
    yield Request("GET", f"{_STATE}/v0?consistency=strong", 200)
    yield Request("GET", f"{_STATE}/v0/more", 404, "ERR_DIRECT_INVOKE")
    yield Request("DELETE", f"{_STATE}/lost", 204)
    yield Request("DELETE", f"{_STATE}/v0", 204)
    yield Request("GET", f"{_STATE}/v0", 204)
    yield Request("POST", _STATE, 204, body=[])
    yield Request("POST", _STATE, 204, body=b"null")
    yield Request("POST", _STATE, 204, body=[{"key": "v1", "value": 1, "other": 2}])
    yield Request("POST", f"{_STATE}?metadata.ttlInSeconds=100", 204, body=[{"key": "t", "value": 1}])
    yield Request("GET", f"{_STATE}/t", 200)
    for seconds in ("100", "0", "-1", ""):
        body = [{"key": "t", "value": 1, "metadata": {"ttlInSeconds": seconds}}]
        yield Request("POST", _STATE, 204, body=body)
    stale = [{"key": "v1", "value": 2, "etag": STALE}]
    yield Request("POST", _STATE, 409, "ERR_STATE_SAVE", stale, loose=WORDS)
    yield Request("POST", _STATE, 409, "ERR_STATE_SAVE", [{**stale[0], "key": "lost"}], loose=WORDS)
    yield Request("POST", _STATE, 204, body=[{"key": "v1", "value": 2, "etag": ""}])
    first = {"key": "v1", "value": 2, "options": {"concurrency": "first-write"}}
    yield Request("POST", _STATE, 409, "ERR_STATE_SAVE", [first], loose=WORDS)
    yield Request("POST", _STATE, 204, body=[{**first, "key": "first"}])
    yield Request("POST", _STATE, 204, body=[{**first, "options": {"concurrency": "last-write"}}])
    yield Request("DELETE", f"{_STATE}/v1", 409, "ERR_STATE_DELETE", headers={"If-Match": STALE}, loose=WORDS)
    yield Request("DELETE", f"{_STATE}/lost", 409, "ERR_STATE_DELETE", headers={"If-Match": STALE}, loose=WORDS)
    yield Request("DELETE", f"{_STATE}/v1?concurrency=first-write", 409, "ERR_STATE_DELETE", loose=WORDS)
    yield Request("DELETE", f"{_STATE}/v1?concurrency=last-write&consistency=strong", 204)
    for path in ("a||b", "||", "a%7C%7Cb"):
        for method in ("GET", "DELETE"):
            yield Request(method, f"{_STATE}/{path}", 400, "ERR_MALFORMED_REQUEST", loose=PREFIX)
    yield Request("POST", _STATE, 400, "ERR_MALFORMED_REQUEST", [{"key": "a||b"}], loose=PREFIX)
    for raw in (b"", b"{", b"[", b"[1]", b"{}", b'"x"', b'[{"key":1}]', b'[{"metadata":[]}]', b"\xff"):
        yield Request("POST", _STATE, 400, "ERR_MALFORMED_REQUEST", raw, loose=WORDS)
    yield Request("POST", _STATE, 204, body=b"[] x", ours=(400, "ERR_MALFORMED_REQUEST"), why=GO)
    yield Request("POST", _STATE, 400, "ERR_MALFORMED_REQUEST", [{}])
    yield Request("POST", _STATE, 400, "ERR_MALFORMED_REQUEST", [{"value": 1}])
    mistake: Any = {"ours": (400, "ERR_MALFORMED_REQUEST"), "why": CALLER}
    yield Request("POST", _STATE, 500, "ERR_STATE_SAVE", [{"key": "a", "metadata": {"ttlInSeconds": "x"}}], **mistake)
    yield Request("POST", _STATE, 500, "ERR_STATE_SAVE", [{"key": "a", "options": {"concurrency": "x"}}], **mistake)
    yield Request("DELETE", f"{_STATE}/a?concurrency=x", 500, "ERR_STATE_DELETE", **mistake)
    yield Request("POST", _STATE, 204, body=[{"Key": "a", "VALUE": 1}], ours=mistake["ours"], why=GO)
    calls: list[tuple[str, str, Any]] = [
        ("GET", "/a", None),
        ("DELETE", "/a", None),
        ("POST", "", [{"key": "a"}]),
        ("POST", "", b"{"),
        ("POST", "/bulk", {"keys": []}),
        ("POST", "/transaction", {"operations": []}),
    ]
    for method, path, sent in calls:
        yield Request(method, f"/v1.0/state/nowhere{path}", 400, "ERR_STATE_STORE_NOT_FOUND", sent)
    yield Request("GET", "/v1.0/state/pubsub/a", 400, "ERR_STATE_STORE_NOT_FOUND")
    yield Request("PATCH", _STATE, 404, "ERR_DIRECT_INVOKE", [])


def _bulk_state() -> Iterator[Request]:
    path = f"{_STATE}/bulk"
    yield Request("POST", path, 200, body={"keys": ["v2", "v3", "lost"]})
    yield Request("PUT", path, 200, body={"keys": ["v2"], "parallelism": 10, "metadata": {"a": "b"}})
    yield Request("POST", path, 200, body={"keys": ["v2", "v2"]})
    yield Request("POST", path, 200, body={"keys": []})
    yield Request("POST", path, 200, body={})
    yield Request("POST", path, 200, body=b"null")
    for body in (b"", b"[]", b"{", b'{"keys":1}', b'{"keys":[1]}'):
        yield Request("POST", path, 400, "ERR_MALFORMED_REQUEST", body, loose=WORDS)
    yield Request("POST", path, 400, "ERR_MALFORMED_REQUEST", {"keys": ["a||b"]}, loose=PREFIX)


def _transactions() -> Iterator[Request]:
    path = f"{_STATE}/transaction"

    def upsert(key: str, **more: Any) -> dict[str, Any]:
        return {"operation": "upsert", "request": {"key": key, "value": 1, **more}}

    delete = {"operation": "delete", "request": {"key": "x"}}
    yield Request("POST", path, 204, body={"operations": [upsert("x"), upsert("y"), delete]})
    yield Request("GET", f"{_STATE}/x", 204)
    yield Request("GET", f"{_STATE}/y", 200)
    yield Request("PUT", path, 204, body={"operations": [upsert("z")], "metadata": {"a": "b"}})
    yield Request("POST", path, 204, body={"operations": []})
    yield Request("POST", path, 204, body={})
    yield Request("POST", path, 204, body=b"null")
    bad = [upsert("w"), upsert("y", etag=STALE)]
    yield Request("POST", path, 500, "ERR_STATE_TRANSACTION", {"operations": bad}, loose=WORDS)
    yield Request("GET", f"{_STATE}/w", 204)
    for name in ("move", "", "Upsert"):
        body = {"operations": [{"operation": name, "request": {"key": "a"}}]}
        yield Request("POST", path, 400, "ERR_NOT_SUPPORTED_STATE_OPERATION", body)
    yield Request("POST", path, 400, "ERR_MALFORMED_REQUEST", {"operations": [upsert("a||b")]}, loose=PREFIX)
    for raw in (b"", b"[]", b"{", b'{"operations":1}', b'{"operations":[1]}'):
        yield Request("POST", path, 400, "ERR_MALFORMED_REQUEST", raw, loose=WORDS)


def _publish() -> Iterator[Request]:
    for content_type, body in (
        ("application/json", b'{"n":1}'),
        ("application/json", b"no json"),
        ("application/json", b""),
        ("text/plain", "ü".encode()),
        ("application/octet-stream", b"\0\xff"),
        ("application/cloudevents+json", b'{"specversion":"1.0","id":"1","source":"a","type":"b","data":1}'),
        ("application/cloudevents+json", b"{}"),
        ("image/png", b"\x89PNG"),
    ):
        yield Request("POST", _TOPIC, 204, body=body, headers={"Content-Type": content_type})
    for raw in ("true", "false", "1", "0", "t", "F", "TRUE", ""):
        yield Request("PUT", f"{_TOPIC}?metadata.rawPayload={raw}", 204, body={})
    for raw in ("x", "yes", "2", "tRUE"):
        yield Request("POST", f"{_TOPIC}?metadata.rawPayload={raw}", 400, "ERR_PUBSUB_REQUEST_METADATA", {})
    for more in ("metadata.ttlInSeconds=60", "metadata.cloudevent.id=7", "metadata.partitionKey=a", "other=1"):
        yield Request("POST", f"{_TOPIC}?{more}", 204, body={})
    for topic in ("orders/new", "a.b", "a%20b", "ü", "orders/"):
        yield Request("POST", f"/v1.0/publish/pubsub/{quote(topic, safe='%/')}", 204, body={})
    cloud = {"Content-Type": "application/cloudevents+json"}
    for broken in (b"no json", b"[]", b""):
        yield Request("POST", _TOPIC, 500, "ERR_PUBSUB_CLOUD_EVENTS_SER", broken, cloud, loose=WORDS)
    mistake: Any = {"ours": (400, "ERR_PUBSUB_REQUEST_METADATA"), "why": CALLER}
    for ttl in ("x", "0", "-1"):
        yield Request("POST", f"{_TOPIC}?metadata.ttlInSeconds={ttl}", 204, body={}, **mistake)
    yield Request("POST", "/v1.0/publish/nowhere/orders", 404, "ERR_PUBSUB_NOT_FOUND", {})
    yield Request("POST", "/v1.0/publish/nowhere/orders?metadata.a=b", 404, "ERR_PUBSUB_NOT_FOUND", {})
    empty: Any = {"ours": (404, "ERR_TOPIC_NAME_EMPTY"), "why": DEFAULT}
    yield Request("POST", "/v1.0/publish/pubsub/", 404, "ERR_DIRECT_INVOKE", {}, **empty)
    yield Request("POST", "/v1.0/publish/scoped/mine", 204, body={})
    yield Request("POST", "/v1.0/publish/scoped/orders", 403, "ERR_PUBSUB_FORBIDDEN", {})
    yield Request("POST", "/v1.0/publish/listed/one", 204, body={})
    yield Request("POST", "/v1.0/publish/listed/two", 403, "ERR_PUBSUB_FORBIDDEN", {})
    yield Request("POST", "/v1.0/publish/listed/other", 403, "ERR_PUBSUB_FORBIDDEN", {})
    yield Request("GET", _TOPIC, 404, "ERR_DIRECT_INVOKE")


def _bulk_publish() -> Iterator[Request]:
    def entry(id: str, event: Any, content_type: str, **more: Any) -> dict[str, Any]:
        return {"entryId": id, "event": event, "contentType": content_type, **more}

    good = [
        entry("1", {"n": 1}, "application/json"),
        entry("2", "text", "text/plain", metadata={"a": "b"}),
        entry("3", base64.b64encode(b"\0").decode(), "application/octet-stream"),
        entry("4", {"id": "1", "data": 2}, "application/cloudevents+json"),
    ]
    for path in (_BULK, _BULK.replace("v1.0", "v1.0-alpha1")):
        yield Request("POST", path, 204, body=good)
    yield Request("PUT", f"{_BULK}?metadata.rawPayload=true", 204, body=good)
    yield Request("POST", _BULK, 204, body=[])
    yield Request("POST", _BULK, 204, body=b"null")
    serial = "ERR_PUBSUB_EVENTS_SER"
    yield Request("POST", _BULK, 400, serial, [good[0], good[0]])
    yield Request("POST", _BULK, 400, serial, [entry("", 1, "application/json")])
    yield Request("POST", _BULK, 400, serial, [{"event": 1, "contentType": "application/json"}])
    for event, content_type in (
        (1, "text/plain"),
        ({}, "application/xml"),
        (1, "application/octet-stream"),
        ("a", ""),
        ("a", "image/png"),
        ("a", "nonsense"),
    ):
        yield Request("POST", _BULK, 400, serial, [entry("1", event, content_type)])
    yield Request("POST", _BULK, 400, serial, [entry("1", "no base64!", "application/octet-stream")], loose=WORDS)
    for body in (b"", b"{", b"{}", b"[1]", b'"x"', b'[{"entryId":1}]'):
        yield Request("POST", _BULK, 400, serial, body, loose=WORDS)
    yield Request("POST", f"{_BULK}?metadata.rawPayload=x", 400, "ERR_PUBSUB_REQUEST_METADATA", good)
    yield Request("POST", "/v1.0/publish/bulk/nowhere/orders", 404, "ERR_PUBSUB_NOT_FOUND", good)
    yield Request("POST", "/v1.0/publish/bulk/scoped/orders", 403, "ERR_PUBSUB_FORBIDDEN", good)
    yield Request("POST", "/v1.0/publish/bulk/scoped/mine", 204, body=good)


def _bindings() -> Iterator[Request]:
    path, failed = "/v1.0/bindings/files", "ERR_INVOKE_OUTPUT_BINDING"
    file = {"metadata": {"fileName": "a.json"}}
    yield Request("POST", path, 200, body={"operation": "create", "data": {"n": 1}, **file})
    yield Request("PUT", path, 200, body={"operation": "get", **file})
    yield Request("POST", path, 200, body={"operation": "list"}, loose=PLACE)
    yield Request("POST", path, 204, body={"operation": "delete", **file})
    yield Request("POST", path, 500, failed, {"operation": "get", **file}, loose=PLACE)
    yield Request("POST", path, 500, failed, {"operation": "delete", **file}, loose=PLACE)
    yield Request("POST", path, 500, failed, {"operation": "fly"}, loose=WORDS)
    yield Request("POST", "/v1.0/bindings/nowhere", 500, failed, {"operation": "create"})
    mistake: Any = {"ours": (400, "ERR_MALFORMED_REQUEST"), "why": CALLER}
    for body in ({}, {"operation": ""}, {"data": 1}, b"null"):
        yield Request("POST", path, 500, failed, body, **mistake)
    for raw in (b"", b"{", b"[]", b"1", b'{"operation":1}', b'{"operation":"get","metadata":{"a":1}}'):
        yield Request("POST", path, 400, "ERR_MALFORMED_REQUEST", raw, loose=WORDS)
    yield Request("GET", path, 404, "ERR_DIRECT_INVOKE")


def _others() -> Iterator[Request]:
    yield Request("GET", "/v1.0/secrets/secrets/redis:password", 200)
    yield Request("GET", "/v1.0/secrets/secrets/redis%3Apassword?metadata.a=b", 200)
    yield Request("GET", "/v1.0/secrets/secrets/bulk", 200)
    yield Request("GET", "/v1.0/secrets/secrets/lost", 500, "ERR_SECRET_GET", loose=WORDS)
    yield Request("GET", "/v1.0/secrets/secrets/hidden", 403, "ERR_PERMISSION_DENIED")
    yield Request("GET", "/v1.0/secrets/nowhere/a", 401, "ERR_SECRET_STORE_NOT_FOUND")
    yield Request("GET", "/v1.0/secrets/nowhere/bulk", 401, "ERR_SECRET_STORE_NOT_FOUND")
    yield Request("POST", "/v1.0/secrets/secrets/a", 404, "ERR_DIRECT_INVOKE", {})
    for path in ("", "/subscribe", "/1/unsubscribe"):
        for version in ("v1.0", "v1.0-alpha1"):
            code = "ERR_CONFIGURATION_STORE_NOT_CONFIGURED"
            yield Request("GET", f"/{version}/configuration/nowhere{path}?key=a", 500, code)
    lock = {"resourceId": "till", "lockOwner": "me", "expiryInSeconds": 10}
    for verb in ("lock", "unlock"):
        path = f"/v1.0-alpha1/{verb}/nowhere"
        yield Request("POST", path, 500, "ERR_LOCK_STORE_NOT_CONFIGURED", lock)
        yield Request("POST", path, 400, "ERR_MALFORMED_REQUEST", b"{", loose=WORDS)
        yield Request("POST", path, 400, "ERR_MALFORMED_REQUEST", b"[]", loose=WORDS)
    for seconds in (0, -1):
        body = {**lock, "expiryInSeconds": seconds}
        yield Request("POST", "/v1.0-alpha1/lock/nowhere", 400, "ERR_MALFORMED_REQUEST", body)
    yield Request("POST", "/v1.0-alpha1/lock/nowhere", 400, "ERR_MALFORMED_REQUEST")
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
        sent = None if method == "GET" else {"n": 1}
        yield Request(method, "/v1.0/invoke/shop/method/echo/a%20b?x=1&y=%20", 200, body=sent)
    for status in (201, 204, 400, 404, 418, 500):
        yield Request("POST", f"/v1.0/invoke/shop/method/status/{status}", status, body={})
    yield Request("POST", "/echo", 200, body={}, headers={"dapr-app-id": "shop"})
    basic = base64.b64encode(b"dapr-app-id:shop").decode()
    yield Request("POST", "/echo", 200, body={}, headers={"Authorization": f"Basic {basic}"}, loose=WORDS)
    yield Request("GET", "/v1.0/invoke/nobody/method/a", 500, "ERR_DIRECT_INVOKE", loose=WORDS)
    for path in ("/", "/v1.0", "/v1.0/nowhere", "/v2.0/state/statestore/a", "/v1.0/invoke/shop", "/v1.0/state"):
        yield Request("GET", path, 404, "ERR_DIRECT_INVOKE")
    yield Request("PUT", "/v1.0/metadata/team", 204, body=b"blue")
    yield Request("GET", "/v1.0/metadata", 200, loose="what serves, and what it can")
    yield Request("GET", "/v1.0/healthz", 204)
    yield Request("GET", "/v1.0/healthz?appid=shop", 204)
    yield Request("GET", "/v1.0/healthz?appid=other", 500, "ERR_HEALTH_APPID_NOT_MATCH")
    yield Request("GET", "/v1.0/healthz/outbound", 204)
