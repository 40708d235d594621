"""The HTTP routes of state (Dapr, State management API)."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from bindings.contract import Item
from engine.api.error import bad_request
from engine.api.http_messages import body_of, json_response, metadata_of_query, result_response
from engine.api.requests import bulk_get_of, changes_of, transaction_of
from engine.api.state import State, change_of, metadata_of


class HttpState:
    def __init__(self, state: State, max_body: int) -> None:
        self._state = state
        self._max_body = max_body

    async def get(self, request: web.Request) -> web.Response:
        async with self._state.opened(request.match_info["store"]) as store:
            item = await store.get(request.match_info["key"])
        return result_response(item.value, metadata_of(item), item.etag) if item else web.Response(status=204)

    async def get_bulk(self, request: web.Request) -> web.Response:
        async with self._state.opened(request.match_info["store"]) as store:
            keys = bulk_get_of(await body_of(request, self._max_body)).keys or []
            found = await store.get_many(keys)
        return json_response([_entry(key, found.get(key)) for key in keys])

    async def query(self, request: web.Request) -> web.Response:
        async with self._state.opened(request.match_info["store"]) as store:
            page = await store.query(await body_of(request, self._max_body))
        if not page.items:
            return web.Response(status=204)
        results = [{"key": key, "data": _value(item.value), "etag": item.etag} for key, item in page.items]
        return json_response({"results": results, **({"token": page.token} if page.token else {})})

    async def save(self, request: web.Request) -> web.Response:
        async with self._state.opened(request.match_info["store"]) as store:
            await store.save(changes_of(await body_of(request, self._max_body), metadata_of_query(request)))
        return web.Response(status=204)

    async def delete(self, request: web.Request) -> web.Response:
        async with self._state.opened(request.match_info["store"]) as store:
            concurrency = request.query.get("concurrency", "")
            if concurrency not in ("", "first-write", "last-write"):
                raise bad_request(f"unrecognized concurrency option {concurrency!r}")
            etag = request.headers.get("If-Match")
            await store.delete(change_of(request.match_info["key"], None, etag=etag, concurrency=concurrency))
        return web.Response(status=204)

    async def transact(self, request: web.Request) -> web.Response:
        async with self._state.opened(request.match_info["store"]) as store:
            changes = transaction_of(await body_of(request, self._max_body), metadata_of_query(request))
            if changes:
                await store.transact(changes)
        return web.Response(status=204)


def _entry(key: str, item: Item | None) -> dict[str, Any]:
    if item is None:
        return {"key": key}
    metadata = metadata_of(item)
    entry = {"key": key, "data": _value(item.value), "etag": item.etag}
    return {**entry, "metadata": metadata} if metadata else entry


def _value(data: bytes) -> Any:
    """What was saved over gRPC need not be JSON."""
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")
