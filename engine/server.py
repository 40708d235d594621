"""The engine's HTTP server: health, readiness, webhooks, and the API for apps."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping

from aiohttp import web
from aiohttp.http import HttpProcessingError

from bindings.contract import ServesHttp
from engine.errors import DefinitionError
from engine.suggest import close_match

LOOPBACK = "127.0.0.1"


class _OursOnly(logging.Filter):
    """Without the requests that are no HTTP: whoever reaches the port can send as many as he likes."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_log = logging.getLogger("jackfield.server")
_log.addFilter(_OursOnly())


class Server:
    """`not_ready` gives what `/readyz` answers, and why, until all is well; then it is empty. `status`: what `/status`
    answers.

    `mount` adds the routes that come after the server's own.
    """

    def __init__(
        self,
        host: str,
        port: int,
        not_ready: Callable[[], Mapping[str, object]],
        mount: Callable[[web.Application], None] | None = None,
        status: Callable[[], Mapping[str, object]] | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.webhooks: dict[str, ServesHttp] = {}
        self._not_ready = not_ready
        self._status = status or dict
        app = web.Application(client_max_size=0)  # each handler has its own limit
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/readyz", self._readiness)
        if status is not None:
            app.router.add_get("/status", self._tell_status)
        app.router.add_route("*", "/webhooks/{component}", self._webhook)
        if mount is not None:
            mount(app)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=2.0, logger=_log)

    async def start(self) -> None:
        """Listens; `port` 0 becomes the port that was free. Raises `DefinitionError` when the port is taken."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port)
        try:
            await site.start()
        except (OSError, OverflowError) as error:
            await self._runner.cleanup()
            hint = "choose another one with --http-port or --host"
            raise DefinitionError(f"cannot listen on {self.host}:{self.port}: {_reason(error)}", hint=hint) from error
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "up"})

    async def _readiness(self, request: web.Request) -> web.Response:
        waiting = self._not_ready()
        body = {"status": "waiting", **waiting} if waiting else {"status": "ready"}
        return web.json_response(body, status=503 if waiting else 200)

    async def _tell_status(self, request: web.Request) -> web.Response:
        return web.json_response(self._status())

    async def _webhook(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["component"]
        webhook = self.webhooks.get(name)
        if webhook is None:
            hint = close_match(name, self.webhooks) or "a pipeline must have this component as its input"
            body = {"error": f"there is no webhook {name!r}", "hint": hint}
            # A sender takes 404 as final, but what does not run yet may have this webhook.
            status, headers = (503, {"Retry-After": "1"}) if self._not_ready() else (404, {})
            return web.json_response(body, status=status, headers=headers)
        return await webhook.handle(request)


def _reason(error: Exception) -> str:
    # asyncio puts a sentence of its own before the system's.
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number and number > 0 else str(error)
