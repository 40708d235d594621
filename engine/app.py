"""The client of one app: sends a request, reads the answer within limits, and says what a failure means."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import aiohttp

from engine.errors import Permanent, Retryable, Unavailable, of_status, retry_after


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class AppClient:
    """Shared by all pipelines that call the app, so that `maxConcurrency` holds over all of them."""

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
        self.name = name
        self.url = url.rstrip("/")
        self._session = session
        self._headers = {"dapr-api-token": token} if token else {}
        self._slots = asyncio.Semaphore(max_concurrency) if max_concurrency else contextlib.nullcontext()
        self._max_response_size = max_response_size

    async def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, timeout: float
    ) -> Answer:
        """Sends one request; `timeout` in seconds is for the whole of it, the wait for a free slot not included.

        Raises `Unavailable` when nobody listens, `Retryable` when the connection breaks, the time runs out or the
        answer is no HTTP, and what `engine.errors.of_status` says for a status other than 2xx.
        """
        url = f"{self.url}/{path.lstrip('/')}"
        async with self._slots:
            with self._failures(timeout):
                async with asyncio.timeout(timeout), self._request(method, url, headers, body) as response:
                    answer = Answer(response.status, response.headers, await self._read(response))
        if 200 <= answer.status < 300:
            return answer
        raise self._refusal(answer)

    def _request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> contextlib.AbstractAsyncContextManager[aiohttp.ClientResponse]:
        return self._session.request(
            method, url, headers={**headers, **self._headers}, data=body, allow_redirects=False
        )

    @contextlib.contextmanager
    def _failures(self, timeout: float) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise Retryable(f"app {self.name} did not answer within {timeout:g} s") from error
        except aiohttp.ClientConnectorError as error:
            raise Unavailable(f"app {self.name} does not listen at {self.url}: {error.strerror or error}") from error
        except aiohttp.ClientPayloadError as error:
            raise Retryable(f"app {self.name} broke off in the middle of its answer") from error
        except aiohttp.ClientResponseError as error:
            raise Retryable(f"app {self.name} answered what is not HTTP: {error.message}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Retryable(f"app {self.name} closed the connection without an answer: {error}") from error

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
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
            message += f", a redirect to {place}; redirects are not followed, use that address"
        after = retry_after(answer.headers.get("Retry-After", ""), time.time())
        return of_status(answer.status, message, body=answer.body, after=after)
