"""Dapr's HTTP API (dapr/dapr, pkg/api/http): the routes, who may call, and errors as JSON."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from aiohttp import web

from engine.api.blocks import Blocks
from engine.api.error import ApiError, unimplemented
from engine.api.http_invoke import HttpInvoke
from engine.api.http_messages import body_of, metadata_of_query, result_response
from engine.api.http_state import HttpState
from engine.api.publish import publish_error
from engine.api.requests import entries_of, invocation_of, written

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HttpApi:
    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._invoke = HttpInvoke(blocks.invoke)

    def mount(self, app: web.Application) -> None:
        """Adds the routes; they are the last ones, because the last of them takes everything that is left."""
        state = HttpState(self._blocks.state)
        for method, path, handler in (
            ("GET", "/v1.0/state/{store}/{key:.+}", state.get),
            ("DELETE", "/v1.0/state/{store}/{key:.+}", state.delete),
            ("POST", "/v1.0/state/{store}/bulk", state.get_bulk),
            ("POST", "/v1.0/state/{store}/transaction", state.transact),
            ("POST", "/v1.0/state/{store}", state.save),
            ("POST", "/v1.0/publish/bulk/{pubsub}/{topic:.*}", self._publish_bulk),
            ("POST", "/v1.0-alpha1/publish/bulk/{pubsub}/{topic:.*}", self._publish_bulk),
            ("POST", "/v1.0/publish/{pubsub}/{topic:.*}", self._publish),
            ("POST", "/v1.0/bindings/{name}", self._binding),
            ("GET", "/v1.0/secrets/{store}/bulk", self._all_secrets),
            ("GET", "/v1.0/secrets/{store}/{key:.+}", self._secret),
            ("*", "/v1.0/invoke/{app}/method/{path:.*}", self._invoke.by_path),
            ("GET", "/v1.0/metadata", self._metadata),
            ("PUT", "/v1.0/metadata/{key}", self._set_metadata),
            ("POST", "/v1.0/shutdown", self._shutdown),
        ):
            for verb in ("POST", "PUT") if method == "POST" else (method,):
                app.router.add_route(verb, path, self._guarded(handler))
        app.router.add_get("/v1.0/healthz", _answered(self._health))
        app.router.add_get("/v1.0/healthz/outbound", _answered(self._outbound_health))
        app.router.add_route("*", "/{path:.*}", self._guarded(self._other))

    def _guarded(self, handler: Handler) -> Handler:
        answered, token = _answered(handler), self._blocks.token

        async def guarded(request: web.Request) -> web.StreamResponse:
            given = request.headers.get("dapr-api-token", "")
            if token is not None and not hmac.compare_digest(given.encode(), token.encode()):
                return web.Response(status=401, text="invalid api token")
            return await answered(request)

        return guarded

    async def _publish(self, request: web.Request) -> web.Response:
        pubsub, topic = request.match_info["pubsub"], request.match_info["topic"]
        content_type = request.headers.get("Content-Type", "")
        data = await body_of(request)
        await self._blocks.publish.one(pubsub, topic, data, content_type, metadata_of_query(request))
        return web.Response(status=204)

    async def _publish_bulk(self, request: web.Request) -> web.Response:
        pubsub, topic = request.match_info["pubsub"], request.match_info["topic"]
        entries = entries_of(await body_of(request), metadata_of_query(request))
        failed = await self._blocks.publish.many(pubsub, topic, entries)
        if not failed:
            return web.Response(status=204)
        error = publish_error(pubsub, topic, next(iter(failed.values())))
        listed = [{"entryId": id, "error": why} for id, why in failed.items()]
        return web.json_response({"failedEntries": listed, "errorCode": error.code}, status=error.status)

    async def _binding(self, request: web.Request) -> web.Response:
        wanted = invocation_of(await body_of(request))
        data = written(wanted.data) if "data" in wanted.model_fields_set else None
        name = request.match_info["name"]
        result = await self._blocks.bindings.invoke(name, wanted.operation, data, wanted.metadata or {})
        return result_response(result.data, result.metadata)

    async def _secret(self, request: web.Request) -> web.Response:
        return web.json_response(
            dict(await self._blocks.secrets.get(request.match_info["store"], request.match_info["key"]))
        )

    async def _all_secrets(self, request: web.Request) -> web.Response:
        secrets = await self._blocks.secrets.all(request.match_info["store"])
        return web.json_response({name: dict(keys) for name, keys in secrets.items()})

    async def _metadata(self, request: web.Request) -> web.Response:
        metadata = self._blocks.metadata
        components = [{"name": c.name, "type": c.type, "version": c.version} for c in metadata.components]
        body = {"id": metadata.app_id, "runtimeVersion": metadata.version, "components": components}
        return web.json_response({**body, "extended": dict(metadata.extended), "subscriptions": []})

    async def _set_metadata(self, request: web.Request) -> web.Response:
        value = await body_of(request)
        self._blocks.metadata.set(request.match_info["key"], value.decode(errors="replace"))
        return web.Response(status=204)

    async def _health(self, request: web.Request) -> web.Response:
        self._blocks.health.check(request.query.get("appid"))
        return web.Response(status=204)

    async def _outbound_health(self, request: web.Request) -> web.Response:
        self._blocks.health.check_outbound()
        return web.Response(status=204)

    async def _shutdown(self, request: web.Request) -> web.Response:
        self._blocks.shut_down()
        return web.Response(status=204)

    async def _other(self, request: web.Request) -> web.StreamResponse:
        """Any path with an app's id in a header is an invocation; else it is what Dapr has and this has not."""
        if "dapr-app-id" in request.headers:
            return await self._invoke.by_header(request)
        if request.path.startswith(("/v1.0/", "/v1.0-")):
            raise unimplemented(f"{request.method} {request.path}")
        raise ApiError("ERR_NOT_FOUND", f"there is no {request.path}", 404, "NOT_FOUND")


def _answered(handler: Handler) -> Handler:
    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except ApiError as error:
            return web.json_response(error.body(), status=error.status)

    return answered
