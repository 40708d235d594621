"""The client of one app: sends a request, reads the answer within limits, and says what a failure means."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from engine.address import without_password
from engine.errors import (
    DefinitionError,
    EventError,
    Permanent,
    Retryable,
    TimedOut,
    Unavailable,
    of_status,
    retry_after,
)

_WRITTEN_AT_ONCE = 2**20  # bytes; aiohttp writes a larger body in pieces only when it is a file


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class AppClient:
    """Shared by all pipelines that call the app, so that `maxConcurrency` holds over all of them.

    Raises `DefinitionError` for a URL that has no host or an impossible port.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        name: str,
        url: str,
        *,
        token: str | None = None,
        max_concurrency: int | None = None,
        max_response_size: int = 4 * 2**20,
    ) -> None:
        _check(name, url)
        self.name = name
        self.url = url.rstrip("/")
        self._shown = without_password(self.url)
        self._session = session
        self._headers = {"dapr-api-token": token} if token else {}
        self._slots = asyncio.Semaphore(max_concurrency) if max_concurrency else contextlib.nullcontext()
        self._max_response_size = max_response_size

    async def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, timeout: float
    ) -> Answer:
        """Sends one request; `timeout` in seconds is for the whole of it, the wait for a free slot not included.

        Raises `Unavailable` when nobody listens, `Retryable` when the connection breaks, the time runs out or the
        answer is no HTTP, `Permanent` when it is too large or the request cannot be written, and what
        `engine.errors.of_status` says for a status other than 2xx.
        """
        url = f"{self.url}/{path.lstrip('/')}"
        async with self._slots:
            with self._failures(timeout):
                async with asyncio.timeout(timeout), self._request(method, url, headers, body) as response:
                    answer = Answer(response.status, response.headers, await self._read(response))
        if 200 <= answer.status < 300:
            return answer
        raise self._refusal(answer)

    @contextlib.asynccontextmanager
    async def exchange(
        self, method: str, path: str, headers: Iterable[tuple[str, str]], body: aiohttp.StreamReader | bytes | None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Sends one request as it is and gives the answer as it comes, whatever its status; no body is held in memory.

        Raises as `send` where there is no answer at all.
        """
        async with self._slots:
            with self._failures(0):
                url = f"{self.url}/{path.lstrip('/')}"
                response = await self._session.request(
                    method,
                    url,
                    headers=[*headers, *self._headers.items()],
                    data=_in_pieces(body) if isinstance(body, bytes) else body,
                    allow_redirects=False,
                    skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent", "Content-Type"),
                    auto_decompress=False,
                )
            async with response:
                yield response

    def _request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> contextlib.AbstractAsyncContextManager[aiohttp.ClientResponse]:
        return self._session.request(
            method,
            url,
            headers={**headers, **self._headers},
            data=_in_pieces(body) if body else body,
            allow_redirects=False,
        )

    @contextlib.contextmanager
    def _failures(self, timeout: float) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise TimedOut(f"app {self.name} did not answer within {timeout:g} s") from error
        except aiohttp.ClientConnectorError as error:
            raise Unavailable(f"app {self.name} cannot be reached at {self.url}: {_reason(error)}") from error
        except aiohttp.ClientPayloadError as error:
            raise Retryable(f"app {self.name} broke off in the middle of its answer") from error
        except aiohttp.ClientResponseError as error:
            what = " ".join(error.message.split()).rstrip(" ^")  # aiohttp points at the place from a line below
            raise Retryable(f"app {self.name} answered what is not HTTP: {what[:200]}") from error
        except (aiohttp.InvalidURL, ValueError) as error:
            raise Permanent(f"app {self.name} cannot be called with this event: {error}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Retryable(f"app {self.name} closed the connection without an answer: {error}") from error

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        if not 200 <= response.status < 300:
            return await _beginning(response)
        limit = self._max_response_size
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > limit:
                raise Permanent(f"app {self.name} answered more than {limit:,} bytes", status=response.status)
        return bytes(body)

    def _refusal(self, answer: Answer) -> Exception:
        message = f"app {self.name} answered {answer.status}"
        if 300 <= answer.status < 400:
            place = answer.headers.get("Location", "elsewhere")
            message += f", a redirect to {place[:200]}; redirects are not followed, use that address"
        after = retry_after(answer.headers.get("Retry-After", ""), time.time())
        return of_status(answer.status, message, body=answer.body, after=after)


def _in_pieces(body: bytes) -> bytes | io.BytesIO:
    return io.BytesIO(body) if len(body) > _WRITTEN_AT_ONCE else body


def _check(name: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise DefinitionError(
            f"app {name} cannot be at {without_password(url)!r}", hint="write it like http://localhost:8000"
        )


def _reason(error: aiohttp.ClientConnectorError) -> str:
    number = error.errno or 0
    return os.strerror(number) if number > 0 else error.strerror or str(error)


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """As much of a refusal as is kept; its status counts, however long its body is and wherever it breaks off."""
    body = bytearray()
    with contextlib.suppress(aiohttp.ClientPayloadError):
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) >= EventError.BODY_LIMIT:
                break
    return bytes(body)
