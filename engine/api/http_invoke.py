"""The HTTP routes of service invocation: bodies stream both ways (dapr/dapr, pkg/api/http/directmessaging.go)."""

from __future__ import annotations

from collections.abc import Mapping, Set

import aiohttp
from aiohttp import BasicAuth, web

from engine.api.invoke import Invoke

# Of one connection and not of the message (RFC 9110, 7.6.1), and what was meant for the engine alone.
_HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
_OURS = {"host", "dapr-api-token", "dapr-app-id"}


class HttpInvoke:
    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    async def by_path(self, request: web.Request) -> web.StreamResponse:
        # From the raw path, because an escaped slash is no slash.
        path = request.rel_url.raw_path_qs.partition("/method/")[2]
        return await self._forward(request, request.match_info["app"], path)

    def app_of(self, request: web.Request) -> str:
        """The app that the headers name, or nothing: Dapr takes a header of its own, and the user of Basic auth."""
        if app := request.headers.get("dapr-app-id", ""):
            return app
        try:
            given = BasicAuth.decode(request.headers.get("Authorization", ""))
        except ValueError:
            return ""
        return given.password if given.login.lower() == "dapr-app-id" else ""

    async def by_header(self, request: web.Request, app: str) -> web.StreamResponse:
        return await self._forward(request, app, request.rel_url.raw_path_qs)

    async def _forward(self, request: web.Request, app: str, path: str) -> web.StreamResponse:
        headers = _kept(request.headers, _HOP_BY_HOP | _OURS)
        body = request.content if request.can_read_body else None
        async with self._invoke.exchange(app, request.method, path, headers, body) as answer:
            response = web.StreamResponse(status=answer.status, reason=answer.reason)
            for name, value in _kept(answer.headers, _HOP_BY_HOP):
                response.headers.add(name, value)
            return await _stream(request, answer, response)


async def _stream(
    request: web.Request, answer: aiohttp.ClientResponse, response: web.StreamResponse
) -> web.StreamResponse:
    """An answer that breaks off breaks off here too: its end must not look like the end of the whole."""
    await response.prepare(request)
    try:
        async for chunk in answer.content.iter_any():
            await response.write(chunk)
    except aiohttp.ClientError:
        if request.transport is not None:
            request.transport.abort()
        return response
    await response.write_eof()
    return response


def _kept(headers: Mapping[str, str], dropped: Set[str]) -> list[tuple[str, str]]:
    """Pairs, because a name may be there several times."""
    return [(name, value) for name, value in headers.items() if name.lower() not in dropped]
