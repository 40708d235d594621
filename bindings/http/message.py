from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from aiohttp import web

from bindings.contract import Received
from engine.cloudevents import decode
from engine.event import Attribute

_ID_HEADERS = ("Idempotency-Key", "X-Request-Id", "X-GitHub-Delivery")
_SECRET_HEADERS = {"authorization", "cookie", "proxy-authorization"}


def messages(request: web.Request, body: bytes) -> Sequence[Received]:
    """One for each CloudEvent of a request, in any content mode, or one for the request as it is.

    Raises `Permanent` for what claims to be a CloudEvent and is none.
    """
    metadata = _metadata(request)
    events = decode(request.headers, body)
    if events is None:
        return [_plain(request.headers, body, metadata)]
    # An event's id is only unique within its source (https://github.com/cloudevents/spec, `id`).
    return [Received(f"{event.source} {event.id}", event.data, event.attributes, metadata) for event in events]


def _plain(headers: Mapping[str, str], body: bytes, metadata: Mapping[str, str]) -> Received:
    id = next((headers[name] for name in _ID_HEADERS if headers.get(name)), str(uuid.uuid4()))
    attributes: dict[str, Attribute] = {}
    if body:
        attributes["datacontenttype"] = _text(headers.get("Content-Type", "application/octet-stream"))
    return Received(_text(id), body or None, attributes, metadata)


def _metadata(request: web.Request) -> dict[str, str]:
    query = {f"query.{name}": ",".join(request.query.getall(name)) for name in request.query}
    headers = {
        f"header.{name.lower()}": ", ".join(request.headers.getall(name))
        for name in request.headers
        if name.lower() not in _SECRET_HEADERS
    }
    given = {"method": request.method, "path": request.path, **query, **headers}
    return {_text(name): _text(value) for name, value in given.items()}


def _text(value: str) -> str:
    """Bytes that are not UTF-8 come as surrogates, which nothing further on could write."""
    return value.encode(errors="surrogateescape").decode(errors="replace")
