"""Dapr's service invocation, to the apps of the folder (dapr/dapr, pkg/api/http/directmessaging.go)."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable

import aiohttp

from engine.api.error import ApiError
from engine.api.parts import Missing, Parts
from engine.errors import JackfieldError


class Invoke:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @contextlib.asynccontextmanager
    async def exchange(
        self,
        app: str,
        verb: str,
        path: str,
        headers: Iterable[tuple[str, str]],
        body: aiohttp.StreamReader | bytes | None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The app's answer as it comes, whatever its status; raises `ApiError` where there is none."""
        async with contextlib.AsyncExitStack() as stack:
            try:
                client = await self._parts.app(app)
                answer = await stack.enter_async_context(client.exchange(verb, path, headers, body))
            except Missing:
                raise _error(app, "there is no app of this name") from None
            except JackfieldError as error:
                raise _error(app, str(error)) from error
            yield answer


def _error(app: str, why: str) -> ApiError:
    return ApiError("ERR_DIRECT_INVOKE", f"failed to invoke, id: {app}, err: {why}", 500, "INTERNAL")
