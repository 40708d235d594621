"""Dapr's HTTP API (dapr/dapr, pkg/api/http): who may call, and errors as JSON."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from aiohttp import web

from engine.api.blocks import Blocks
from engine.api.error import ApiError, internal, unimplemented
from engine.api.http_invoke import HttpInvoke
from engine.api.http_messages import json_response
from engine.api.http_routes import NOT_YET, HttpBlocks
from engine.api.openapi import openapi

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
_log = logging.getLogger("jackfield.api")


class HttpApi:
    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._invoke = HttpInvoke(blocks.invoke)

    def mount(self, app: web.Application) -> None:
        """Adds the routes; they are the last ones, because the last of them takes everything that is left."""
        for method, path, handler in HttpBlocks(self._blocks).routes():
            self._add(app, method, path, handler)
        self._add(app, "GET", "/openapi.json", self._openapi)
        self._add(app, "*", "/v1.0/invoke/{app}/method/{path:.*}", self._invoke.by_path)
        for path in NOT_YET:
            self._add(app, "*", path, _not_yet)
        app.router.add_get("/v1.0/healthz", _answered(self._health))
        app.router.add_get("/v1.0/healthz/outbound", _answered(self._outbound_health))
        app.router.add_route("*", "/{path:.*}", self._guarded(self._other))

    def _add(self, app: web.Application, method: str, path: str, handler: Handler) -> None:
        """POST may be PUT, and a slash at the end is none, as in Dapr."""
        slash = "" if path.endswith(".*}") else "{slash:/?}"
        for verb in ("POST", "PUT") if method == "POST" else (method,):
            app.router.add_route(verb, path + slash, self._guarded(handler))

    def _guarded(self, handler: Handler) -> Handler:
        answered, token = _answered(handler), self._blocks.token

        async def guarded(request: web.Request) -> web.StreamResponse:
            given = request.headers.get("dapr-api-token", "")
            if token is not None and not hmac.compare_digest(given.encode(errors="replace"), token.encode()):
                return web.Response(status=401, text="invalid api token")
            return await answered(request)

        return guarded

    async def _health(self, request: web.Request) -> web.Response:
        self._blocks.health.check(request.query.get("appid"))
        return web.Response(status=204)

    async def _outbound_health(self, request: web.Request) -> web.Response:
        self._blocks.health.check_outbound()
        return web.Response(status=204)

    async def _openapi(self, request: web.Request) -> web.StreamResponse:
        if self._invoke.app_of(request):  # it asks for that of the app
            return await self._other(request)
        return json_response(openapi(self._blocks))

    async def _other(self, request: web.Request) -> web.StreamResponse:
        """Any path with an app's id is an invocation."""
        if app := self._invoke.app_of(request):
            return await self._invoke.by_header(request, app)
        message = "failed getting app id either from the URL path or the header dapr-app-id"
        raise ApiError("ERR_DIRECT_INVOKE", message, 404, "NOT_FOUND")


async def _not_yet(request: web.Request) -> web.StreamResponse:
    raise unimplemented(f"{request.method} {request.path}")


def _answered(handler: Handler) -> Handler:
    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except ApiError as error:
            told = error
        except ConnectionError:
            return web.Response(status=499)  # the caller has gone, and nobody reads this
        except Exception:
            _log.exception("the call %s %s has failed", request.method, request.path)
            told = internal()
        return json_response(told.body(), status=told.status)

    return answered
