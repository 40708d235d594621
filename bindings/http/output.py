from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

import aiohttp

from bindings.contract import Clock, Operation, Result
from bindings.http.failure import failure, no_answer
from bindings.http.metadata import HttpMetadata
from bindings.http.request import Request, make_request
from bindings.http.tls import make_tls
from engine.errors import EventError, Permanent

_CONNECT_TIMEOUT = 15.0  # seconds, as Dapr's
_CONCURRENCY = 100  # requests at once of one component


class HttpOutput:
    """https://docs.dapr.io/reference/components-reference/supported-bindings/http/

    Other than Dapr's it sends the event's own content type, and calls an answer that is too large an error.
    """

    def __init__(self, metadata: HttpMetadata, clock: Clock) -> None:
        self._metadata = metadata
        self._clock = clock
        self._room = asyncio.Semaphore(_CONCURRENCY)
        self._closing = AsyncExitStack()

    async def open(self) -> None:
        tls = await asyncio.to_thread(make_tls, self._metadata)
        session = aiohttp.ClientSession(
            # The semaphore limits instead: time in the connector's queue would count as response time.
            connector=aiohttp.TCPConnector(ssl=tls, limit=0),
            timeout=aiohttp.ClientTimeout(total=self._metadata.response_timeout, sock_connect=_CONNECT_TIMEOUT),
            cookie_jar=aiohttp.DummyCookieJar(),  # one event's answer must not change another one's request
        )
        self._session = await self._closing.enter_async_context(session)

    async def invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
        return await asyncio.gather(*(self._invoke(operation) for operation in operations))

    async def close(self) -> None:
        await self._closing.aclose()

    async def _invoke(self, operation: Operation) -> Result | EventError:
        try:
            request = make_request(self._metadata, operation)
            async with self._room:
                return await self._send(request)
        except EventError as error:
            return error
        except (aiohttp.ClientError, OSError, UnicodeError) as error:  # UnicodeError: a redirect to no host name
            return no_answer(error, self._metadata.response_timeout, str(request))

    async def _send(self, request: Request) -> Result:
        async with self._session.request(
            request.method, request.url, headers=request.headers, data=request.body
        ) as response:
            body, whole = await _read(response, self._metadata.max_response_body_size)
        if response.method != request.method:
            # RFC 9110, 15.4: after 301, 302 and 303 the client asks with GET, and the data did not go along.
            raise Permanent(f"{request} was redirected to {response.url.with_query(None)} without its data")
        if request.error_if_not_2xx and (
            error := failure(
                response.status, response.reason, body, response.headers, self._clock.now(), request=str(request)
            )
        ):
            raise error
        if not whole:
            raise Permanent(f"{request} was answered with more than maxResponseBodySize", status=response.status)
        return Result(body or None, _metadata(response), landed=str(request))


async def _read(response: aiohttp.ClientResponse, limit: int) -> tuple[bytes, bool]:
    """The body up to the limit (0: none), and whether that is all of it."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if 0 < limit < len(body):
            return bytes(body[:limit]), False
    return bytes(body), True


def _metadata(response: aiohttp.ClientResponse) -> dict[str, str]:
    """As Dapr gives it: header names as Go writes them, values of one name joined."""
    headers = {
        "-".join(part.capitalize() for part in name.split("-")): ", ".join(response.headers.getall(name))
        for name in response.headers
    }
    return {**headers, "statusCode": str(response.status), "status": f"{response.status} {response.reason}".rstrip()}
