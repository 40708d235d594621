"""The HTTP routes of the building blocks (dapr/dapr, pkg/api/http/http.go)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import TypeAlias

from aiohttp import web

from engine.api.blocks import Blocks
from engine.api.configuration import setting_json, unsubscribe_error
from engine.api.http_messages import body_of, json_response, metadata_of_query, result_response
from engine.api.http_metadata import metadata_json
from engine.api.http_state import HttpState
from engine.api.requests import entries_of, invocation_of, lock_of, written
from engine.api.trace import trace_of

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

# What Dapr has and this has not: it answers that it is not there, which is something else than a wrong path.
NOT_YET = (
    "/v1.0/actors/{path:.*}",
    "/v1.0{version:(-alpha1)?}/jobs/{path:.*}",
    "/v1.0{version:(-alpha1|-beta1)?}/workflows/{path:.*}",
    "/v1.0{version:-alpha[12]}/conversation/{path:.*}",
    "/v1.0-alpha1/crypto/{path:.*}",
    "/v1.0-alpha1/subtlecrypto/{path:.*}",
)


class HttpBlocks:
    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._state = HttpState(blocks.state, blocks.max_body)

    def routes(self) -> Iterator[tuple[str, str, Handler]]:
        """The method, the path and the handler of each."""
        state = self._state
        yield "GET", "/v1.0/state/{store}/{key}", state.get
        yield "DELETE", "/v1.0/state/{store}/{key}", state.delete
        yield "POST", "/v1.0/state/{store}/bulk", state.get_bulk
        yield "POST", "/v1.0/state/{store}/transaction", state.transact
        yield "POST", "/v1.0/state/{store}", state.save
        yield "POST", "/v1.0-alpha1/state/{store}/query", state.query
        for version in ("v1.0", "v1.0-alpha1"):
            yield "POST", f"/{version}/publish/bulk/{{pubsub}}/{{topic:.*}}", self._publish_bulk
            yield "GET", f"/{version}/configuration/{{store}}", self._configuration
            yield "GET", f"/{version}/configuration/{{store}}/subscribe", self._subscribe_configuration
            yield "GET", f"/{version}/configuration/{{store}}/{{id}}/unsubscribe", self._unsubscribe_configuration
        yield "POST", "/v1.0/publish/{pubsub}/{topic:.*}", self._publish
        yield "POST", "/v1.0/bindings/{name}", self._binding
        yield "GET", "/v1.0/secrets/{store}/bulk", self._all_secrets
        yield "GET", "/v1.0/secrets/{store}/{key}", self._secret
        yield "POST", "/v1.0-alpha1/lock/{store}", self._lock
        yield "POST", "/v1.0-alpha1/unlock/{store}", self._unlock
        yield "GET", "/v1.0/metadata", self._metadata
        yield "PUT", "/v1.0/metadata/{key}", self._set_metadata
        yield "POST", "/v1.0/shutdown", self._shutdown

    async def _publish(self, request: web.Request) -> web.Response:
        pubsub, topic = _topic(request)
        metadata = metadata_of_query(request)
        async with self._blocks.publish.opened(pubsub, topic, metadata) as opened:
            data = await self._body(request)
            await opened.publish(data, request.headers.get("Content-Type", ""), trace_of(request.headers))
        return web.Response(status=204)

    async def _publish_bulk(self, request: web.Request) -> web.Response:
        pubsub, topic = _topic(request)
        metadata = metadata_of_query(request)
        async with self._blocks.publish.opened(pubsub, topic, metadata) as opened:
            entries = entries_of(await self._body(request), metadata, opened)
            failed = await opened.publish_many(entries, trace_of(request.headers))
            if not failed:
                return web.Response(status=204)
            error = opened.publish_error(next(iter(failed.values())))
        listed = [{"entryId": id, "error": why} for id, why in failed.items()]
        body = written({"failedEntries": listed, "errorCode": error.code})
        told = {"responseData": body.decode(), "error": f"api error: code = Internal desc = {error.message}"}
        return result_response(body, told, status=error.status)

    async def _binding(self, request: web.Request) -> web.Response:
        wanted = invocation_of(await self._body(request))
        data = written(wanted.data) if "data" in wanted.model_fields_set else None
        metadata = {**(wanted.metadata or {}), **trace_of(request.headers)}
        name = request.match_info["name"]
        result = await self._blocks.bindings.invoke(name, wanted.operation, data, metadata)
        return result_response(result.data, result.metadata)

    async def _secret(self, request: web.Request) -> web.Response:
        keys = await self._blocks.secrets.get(request.match_info["store"], request.match_info["key"])
        return json_response(dict(keys))

    async def _all_secrets(self, request: web.Request) -> web.Response:
        secrets = await self._blocks.secrets.all(request.match_info["store"])
        return json_response({name: dict(keys) for name, keys in secrets.items()})

    async def _configuration(self, request: web.Request) -> web.Response:
        store, keys = request.match_info["store"], request.query.getall("key", [])
        settings = await self._blocks.configuration.get(store, keys, metadata_of_query(request))
        if not settings:
            return web.Response(status=204)
        return json_response({key: setting_json(setting) for key, setting in settings.items()})

    async def _subscribe_configuration(self, request: web.Request) -> web.Response:
        store, keys = request.match_info["store"], request.query.getall("key", [])
        id = await self._blocks.configuration.subscribe(store, keys, metadata_of_query(request))
        return json_response({"id": id})

    async def _unsubscribe_configuration(self, request: web.Request) -> web.Response:
        store, id = request.match_info["store"], request.match_info["id"]
        await self._blocks.configuration.check(store)
        if self._blocks.configuration.unsubscribe(id, store):
            return json_response({"ok": True})
        return json_response({"message": unsubscribe_error(id)}, status=500)

    async def _lock(self, request: web.Request) -> web.Response:
        wanted, store = lock_of(await self._body(request)), request.match_info["store"]
        locks = self._blocks.locks
        has = await locks.acquire(store, wanted.resource_id, wanted.lock_owner, wanted.expiry_in_seconds)
        return json_response({"success": has})

    async def _unlock(self, request: web.Request) -> web.Response:
        wanted, store = lock_of(await self._body(request)), request.match_info["store"]
        status = await self._blocks.locks.release(store, wanted.resource_id, wanted.lock_owner)
        return json_response({"status": status.value})

    async def _metadata(self, request: web.Request) -> web.Response:
        return json_response(metadata_json(self._blocks.metadata))

    async def _set_metadata(self, request: web.Request) -> web.Response:
        value = await self._body(request)
        self._blocks.metadata.set(request.match_info["key"], value.decode(errors="replace"))
        return web.Response(status=204)

    async def _shutdown(self, request: web.Request) -> web.Response:
        self._blocks.shut_down()
        return web.Response(status=204)

    async def _body(self, request: web.Request) -> bytes:
        return await body_of(request, self._blocks.max_body)


def _topic(request: web.Request) -> tuple[str, str]:
    """The pub/sub and the topic; a slash at the end is none."""
    return request.match_info["pubsub"], request.match_info["topic"].rstrip("/")
