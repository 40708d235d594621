from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from bindings.contract import Operation, OutputBinding, Result
from bindings.http import component
from bindings.http.metadata import HttpMetadata
from engine.errors import EventError, Permanent, Retryable, TimedOut, Unavailable
from tests.bindings.conformance import OutputConformance
from tests.bindings.fakes import context, operation

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """A server whose every path is answered by the handler; gives its URL."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app) as server:
        yield str(server.make_url("/api"))


@asynccontextmanager
async def raw_server(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """A server that speaks as it likes, after the head of the request came."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await talk(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


@asynccontextmanager
async def opened(url: str, **metadata: Any) -> AsyncIterator[OutputBinding]:
    assert component.output
    output = component.output(HttpMetadata.model_validate({"url": url, **metadata}), context())
    await output.open()
    yield output
    await output.close()


async def invoke(
    url: str, name: str = "post", data: bytes = b"{}", given: dict[str, str] | None = None, **metadata: Any
) -> Result | EventError:
    async with opened(url, **metadata) as output:
        [result] = await output.invoke([operation(name, data, given)])
        return result


class TestHttpOutput(OutputConformance):
    component = component
    keeps_order = False

    @pytest.fixture(autouse=True)
    async def server(self) -> AsyncIterator[None]:
        self.bodies: list[bytes] = []

        async def keep(request: web.Request) -> web.Response:
            self.bodies.append(await request.read())
            return web.json_response({})

        async with serving(keep) as self.url:
            yield

    async def make(self) -> OutputBinding:
        assert component.output
        return component.output(HttpMetadata(url=self.url), context())

    async def written(self) -> Sequence[bytes | None]:
        return self.bodies


async def test_answer_is_the_result() -> None:
    async def answer(request: web.Request) -> web.Response:
        response = web.Response(status=201, body=b"made " + await request.read(), content_type="text/plain")
        response.headers["x-made"] = request.path
        response.headers.extend([("ETag", "1"), ("ETag", "2")])
        return response

    async with serving(answer) as url:
        result = await invoke(f"{url}?key=secret", data=b"it", given={"path": ""})
    assert isinstance(result, Result)
    assert result.data == b"made it"
    assert result.metadata["statusCode"] == "201"
    assert result.metadata["status"] == "201 Created"
    assert result.metadata["Content-Type"] == "text/plain"
    assert result.metadata["X-Made"] == "/api"
    assert result.metadata["Etag"] == "1, 2"
    assert result.landed == f"POST {url}"


async def test_request_carries_token_and_content_type() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({name: request.headers.get(name) for name in ("X-Token", "Content-Type", "ce-id")})

    async with serving(answer) as url:
        result = await invoke(url, securityToken="secret", securityTokenHeader="X-Token")
    assert isinstance(result, Result)
    assert result.data == b'{"X-Token": "secret", "Content-Type": "application/json", "ce-id": null}'


@pytest.mark.parametrize(
    ("status", "kind"), [(404, Permanent), (408, Retryable), (500, Retryable), (429, Unavailable), (503, Unavailable)]
)
async def test_status_is_an_error_with_its_answer(status: int, kind: type[EventError]) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, text="because", headers={"Retry-After": "9"})

    async with serving(answer) as url:
        error = await invoke(url)
    assert type(error) is kind
    assert (error.status, error.body) == (status, b"because")
    assert f"POST {url} was answered {status}" in str(error)
    assert getattr(error, "after", 9) == 9


async def test_status_is_no_error_when_told_so() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=404, text="none")

    async with serving(answer) as url:
        result = await invoke(url, errorIfNot2XX="false")
    assert isinstance(result, Result)
    assert (result.data, result.metadata["statusCode"]) == (b"none", "404")


async def test_operation_that_fails_leaves_its_neighbours() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=400 if await request.read() == b"bad" else 200)

    async with serving(answer) as url, opened(url) as output:
        results = await output.invoke([operation("post", data) for data in (b"1", b"bad", b"2")])
    assert [type(result) for result in results] == [Result, Permanent, Result]


async def test_connection_refused_is_unavailable() -> None:
    error = await invoke(f"http://127.0.0.1:{unused_port()}/")
    assert type(error) is Unavailable
    assert "no connection" in str(error)


async def test_host_that_does_not_exist_is_unavailable() -> None:
    assert type(await invoke("http://nowhere.invalid/")) is Unavailable


async def test_server_that_hangs_is_retryable() -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with raw_server(hang) as url:
        error = await invoke(url, responseTimeout="50ms")
    assert type(error) is TimedOut
    assert str(error) == f"POST {url} was not answered within 0.05s"


async def test_answer_that_never_ends_is_retryable() -> None:
    async def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        await reader.read()

    async with raw_server(begin) as url:
        assert type(await invoke(url, responseTimeout="50ms")) is TimedOut


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"\x15\x03\x01\x00\x02\x02\x46",
    ],
)
async def test_answer_that_is_broken_is_retryable(answer: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    async with raw_server(speak) as url:
        assert type(await invoke(url)) is Retryable


async def test_connection_reset_is_retryable() -> None:
    async with raw_server(reset) as url:
        assert type(await invoke(url)) is Retryable


async def test_server_without_tls_is_unavailable() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response()

    async with serving(answer) as url:
        assert type(await invoke(url.replace("http:", "https:"))) is Unavailable


@pytest.mark.parametrize("compressed", [False, True])
async def test_answer_larger_than_the_limit_is_an_error(compressed: bool) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Encoding": "gzip"} if compressed else {})
        await response.prepare(request)
        body = b"x" * 100_000
        await response.write(gzip.compress(body) if compressed else body)
        return response

    async with serving(answer) as url:
        error = await invoke(url, maxResponseBodySize="64Ki")
        result = await invoke(url, maxResponseBodySize="0")
    assert type(error) is Permanent
    assert "maxResponseBodySize" in str(error)
    assert isinstance(result, Result)
    assert len(result.data or b"") == 100_000


async def test_error_with_a_large_body_is_the_error() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=500, body=b"x" * 100_000)

    async with serving(answer) as url:
        error = await invoke(url, maxResponseBodySize="64Ki")
    assert type(error) is Retryable
    assert error.body == b"x" * EventError.BODY_LIMIT


async def test_redirect_that_keeps_the_method_is_followed() -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/api":
            raise web.HTTPTemporaryRedirect("/api/")
        return web.Response(body=request.method.encode() + b" " + await request.read())

    async with serving(answer) as url:
        result = await invoke(url, data=b"it")
    assert isinstance(result, Result)
    assert result.data == b"POST it"


async def test_redirect_that_loses_the_data_is_an_error() -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/api":
            raise web.HTTPFound("/login?key=secret")
        return web.Response(text="please log in")

    async with serving(answer) as url:
        error = await invoke(url)
    assert type(error) is Permanent
    assert str(error) == f"POST {url} was redirected to {url.removesuffix('/api')}/login without its data"


@pytest.mark.parametrize("location", ["/api", "http://", "mailto:a@b"])
async def test_redirect_that_leads_nowhere_is_an_error(location: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        raise web.HTTPPermanentRedirect(location)

    async with serving(answer) as url:
        assert type(await invoke(url)) is Permanent


async def test_cookies_are_not_kept() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=request.headers.get("Cookie", "none"), headers={"Set-Cookie": "a=1"})

    async with serving(answer) as url, opened(url) as output:
        results = [*await output.invoke([operation("get")]), *await output.invoke([operation("get")])]
    assert [result.data for result in results if isinstance(result, Result)] == [b"none", b"none"]


async def test_many_operations_run_side_by_side() -> None:
    arrived = 0
    everyone = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        nonlocal arrived
        arrived += 1
        if arrived == 50:
            everyone.set()
        await everyone.wait()
        return web.Response()

    async with serving(answer) as url, opened(url) as output:
        results = await output.invoke([operation("post") for _ in range(50)])
    assert all(isinstance(result, Result) for result in results)


async def test_invoke_that_is_cancelled_stops() -> None:
    began = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        began.set()
        await reader.read()

    async with raw_server(hang) as url, opened(url) as output:
        sent: Operation = operation("post")
        sending = asyncio.ensure_future(output.invoke([sent]))
        await began.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
