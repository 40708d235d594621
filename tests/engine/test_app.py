"""The client of an app against real servers on loopback, good and bad ones."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from engine.address import without_password
from engine.app import Answer, AppClient
from engine.errors import DefinitionError, EventError, Permanent, Retryable, TimedOut, Unavailable

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None)) as session:
        yield session


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app) as server:
        yield str(server.make_url("/"))


@asynccontextmanager
async def sending(*parts: bytes, then: str = "close") -> AsyncIterator[str]:
    """A server that writes these bytes for a request, and then closes, resets or holds the connection."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
        if then == "reset":
            writer.transport.abort()
        elif then == "hold":
            await over.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        over.set()
        server.close()
        await server.wait_closed()


async def post(client: AppClient, path: str = "/", timeout: float = 5.0) -> Answer:
    return await client.send("POST", path, {"Content-Type": "application/json"}, b"{}", timeout)


def answering(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Handler:
    async def handle(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers=headers)

    return handle


# What an answer means


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_2xx_is_an_answer(session: aiohttp.ClientSession, status: int) -> None:
    body = b"" if status == 204 else b'{"ok":true}'
    async with serving(answering(status, body, {"X-Shop": "1"})) as url:
        answer = await post(AppClient(session, "shop", url))
    assert (answer.status, answer.body, answer.headers["x-shop"]) == (status, body, "1")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Permanent), (404, Permanent), (408, Retryable), (500, Retryable), (503, Unavailable), (429, Unavailable)],
)
async def test_other_status_is_an_error_with_the_answer(
    session: aiohttp.ClientSession, status: int, kind: type[EventError]
) -> None:
    async with serving(answering(status, b"no such size")) as url:
        with pytest.raises(EventError) as caught:
            await post(AppClient(session, "shop", url))
    assert type(caught.value) is kind
    assert str(caught.value) == f"app shop answered {status}"
    assert (caught.value.status, caught.value.body) == (status, b"no such size")


@pytest.mark.parametrize(("value", "least", "most"), [("7", 7, 7), ("Fri, 31 Dec 2100 23:59:59 GMT", 86_400, 86_400)])
async def test_retry_after_of_429_is_kept(
    session: aiohttp.ClientSession, value: str, least: float, most: float
) -> None:
    async with serving(answering(429, headers={"Retry-After": value})) as url:
        with pytest.raises(Unavailable) as caught:
            await post(AppClient(session, "shop", url))
    assert caught.value.after is not None
    assert least <= caught.value.after <= most


async def test_redirect_is_not_followed_and_says_where_to(session: aiohttp.ClientSession) -> None:
    called: list[str] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        called.append(request.path)
        raise web.HTTPFound("/elsewhere")

    async with serving(handle) as url:
        with pytest.raises(Permanent, match="302, a redirect to /elsewhere; redirects are not followed"):
            await post(AppClient(session, "shop", url), "/orders")
    assert called == ["/orders"]


# What is sent


async def test_request_carries_method_path_headers_body_and_token(session: aiohttp.ClientSession) -> None:
    seen: list[web.Request] = []
    bodies: list[bytes] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        seen.append(request)
        bodies.append(await request.read())
        return web.Response()

    async with serving(handle) as url:
        client = AppClient(session, "shop", url + "api/", token="s3cret")
        await client.send("PUT", "/orders?dry=1", {"Content-Type": "text/plain", "ce-id": "a"}, b"kit", 5)
        await client.send("POST", "orders", {}, None, 5)
    assert [request.method for request in seen] == ["PUT", "POST"]
    assert [str(request.rel_url) for request in seen] == ["/api/orders?dry=1", "/api/orders"]
    assert bodies == [b"kit", b""]
    assert (seen[0].headers["Content-Type"], seen[0].headers["ce-id"]) == ("text/plain", "a")
    assert [request.headers["dapr-api-token"] for request in seen] == ["s3cret", "s3cret"]


async def test_large_body_is_sent_whole(session: aiohttp.ClientSession) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        size = 0
        async for chunk in request.content.iter_any():
            size += len(chunk)
        return web.json_response([size, request.content_length, request.content_type])

    async with serving(handle) as url:
        client = AppClient(session, "shop", url)
        answer = await client.send("POST", "/", {"Content-Type": "image/png"}, bytes(3 * 2**20), 5)
    assert json.loads(answer.body) == [3 * 2**20, 3 * 2**20, "image/png"]


async def test_no_token_sends_no_header(session: aiohttp.ClientSession) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        return web.Response(text=str("dapr-api-token" in request.headers))

    async with serving(handle) as url:
        assert (await post(AppClient(session, "shop", url))).body == b"False"


@pytest.mark.parametrize("value", ["a\0b", "a\x07b", "a\r\nX-Injected: 1"])
async def test_header_that_cannot_be_written_is_permanent(session: aiohttp.ClientSession, value: str) -> None:
    async with serving(answering(200)) as url:
        with pytest.raises(Permanent, match="app shop cannot be called with this event"):
            await AppClient(session, "shop", url).send("POST", "/", {"X-Tenant": value}, b"", 5)


# Limits


async def test_max_concurrency_holds_over_all_callers(session: aiohttp.ClientSession) -> None:
    under_way, most = 0, 0
    full, go = asyncio.Event(), asyncio.Event()

    async def handle(_: web.Request) -> web.StreamResponse:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if under_way == 3:
            full.set()
        await go.wait()
        under_way -= 1
        return web.Response()

    async with serving(handle) as url:
        client = AppClient(session, "shop", url, max_concurrency=3)
        calls = [asyncio.create_task(post(client)) for _ in range(10)]
        await full.wait()
        go.set()
        await asyncio.gather(*calls)
    assert most == 3


async def test_time_limit_does_not_count_the_wait_for_a_free_slot(session: aiohttp.ClientSession) -> None:
    arrived, go = asyncio.Event(), asyncio.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path == "/slow":
            arrived.set()
            await go.wait()
        return web.Response()

    async with serving(handle) as url:
        client = AppClient(session, "shop", url, max_concurrency=1)
        slow = asyncio.create_task(post(client, "/slow"))
        await arrived.wait()
        quick = asyncio.create_task(post(client, "/quick", timeout=0.2))
        await asyncio.wait({quick}, timeout=0.3)
        assert not quick.done()
        go.set()
        assert [answer.status for answer in await asyncio.gather(slow, quick)] == [200, 200]


async def test_answer_of_the_largest_size_is_read(session: aiohttp.ClientSession) -> None:
    async with serving(answering(200, b"x" * 1000)) as url:
        assert len((await post(AppClient(session, "shop", url, max_response_size=1000))).body) == 1000


async def test_larger_answer_is_permanent(session: aiohttp.ClientSession) -> None:
    async with serving(answering(200, b"x" * 1001)) as url:
        with pytest.raises(Permanent, match="app shop answered more than 1,000 bytes") as caught:
            await post(AppClient(session, "shop", url, max_response_size=1000))
    assert caught.value.status == 200


async def test_size_of_a_refusal_does_not_change_what_it_means(session: aiohttp.ClientSession) -> None:
    async with serving(answering(503, b"x" * 100_000)) as url:
        with pytest.raises(Unavailable, match="app shop answered 503") as caught:
            await post(AppClient(session, "shop", url, max_response_size=1000))
    assert caught.value.body == b"x" * EventError.BODY_LIMIT


async def test_compressed_answer_is_read(session: aiohttp.ClientSession) -> None:
    async with serving(answering(200, gzip.compress(b"x" * 1000), {"Content-Encoding": "gzip"})) as url:
        assert (await post(AppClient(session, "shop", url))).body == b"x" * 1000


async def test_compressed_answer_is_measured_as_it_unfolds(session: aiohttp.ClientSession) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    async with serving(answering(200, bomb, {"Content-Encoding": "gzip"})) as url:
        client = AppClient(session, "shop", url, max_response_size=1_000_000)
        tracemalloc.start()
        try:
            with pytest.raises(Permanent, match="answered more than 1,000,000 bytes"):
                await post(client)
            assert tracemalloc.get_traced_memory()[1] < 10_000_000
        finally:
            tracemalloc.stop()


# Servers that misbehave


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", b"drip"],
    ],
    ids=["no answer", "head only", "slow drip"],
)
async def test_app_that_hangs_is_retryable_after_the_time_limit(
    session: aiohttp.ClientSession, parts: Sequence[bytes]
) -> None:
    async with sending(*parts, then="hold") as url:
        with pytest.raises(Retryable, match=r"app shop did not answer within 0\.05 s") as caught:
            await post(AppClient(session, "shop", url), timeout=0.05)
    assert type(caught.value) is TimedOut


BROKEN = {
    "closed": ([], "close", "closed the connection without an answer"),
    "reset": ([], "reset", "closed the connection without an answer"),
    "half a body": ([b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"], "close", "broke off in the middle"),
    "half a chunk": (
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe"],
        "close",
        "broke off in the middle",
    ),
    "bad chunk": ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhi\r\n"], "close", "not HTTP"),
    "bad gzip": ([b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi"], "close", "broke off"),
    "ssh": ([b"SSH-2.0-OpenSSH_9.6\r\n"], "close", "not HTTP: Bad status line"),
    "two lengths": ([b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhi"], "close", "not HTTP"),
    "endless head": ([b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000], "close", "not HTTP"),
}


@pytest.mark.parametrize(("parts", "then", "message"), BROKEN.values(), ids=BROKEN)
async def test_answer_that_is_broken_is_retryable(
    session: aiohttp.ClientSession, parts: Sequence[bytes], then: str, message: str
) -> None:
    async with sending(*parts, then=then) as url:
        with pytest.raises(Retryable, match=message) as caught:
            await post(AppClient(session, "shop", url))
    assert type(caught.value) is Retryable
    assert "\n" not in str(caught.value)


async def test_refusal_that_breaks_off_counts_by_its_status(session: aiohttp.ClientSession) -> None:
    async with sending(b"HTTP/1.1 503 Busy\r\nContent-Length: 99\r\n\r\nhalf") as url:
        with pytest.raises(Unavailable) as caught:
            await post(AppClient(session, "shop", url))
    assert (caught.value.status, caught.value.body) == (503, b"half")


async def test_nobody_listens_is_unavailable(session: aiohttp.ClientSession) -> None:
    url = f"http://127.0.0.1:{unused_port()}"
    with pytest.raises(Unavailable, match=f"app shop cannot be reached at {url}: Connection refused"):
        await post(AppClient(session, "shop", url))


async def test_host_that_does_not_exist_is_unavailable(session: aiohttp.ClientSession) -> None:
    with pytest.raises(Unavailable, match="app shop cannot be reached"):
        await post(AppClient(session, "shop", "http://shop.invalid"))


@pytest.mark.parametrize("url", ["http://localhost:99999", "http://localhost:shop", "http://[::1", "http://:80/"])
async def test_url_that_can_never_work_is_refused(session: aiohttp.ClientSession, url: str) -> None:
    with pytest.raises(DefinitionError, match="app shop cannot be at"):
        AppClient(session, "shop", url)


@pytest.mark.parametrize("url", ["http://me:hunter2@localhost:99999", "http://me:hunter2@[::1"])
async def test_url_that_is_refused_is_shown_without_its_password(session: aiohttp.ClientSession, url: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        AppClient(session, without_password(url), url)
    assert "hunter2" not in str(refused.value)


async def test_client_works_after_each_failure(session: aiohttp.ClientSession) -> None:
    """A connection in a bad state is not used again."""
    replies = iter([b"x" * 5000, b"ok"])

    async def handle(_: web.Request) -> web.StreamResponse:
        return web.Response(body=next(replies))

    async with serving(handle) as url:
        client = AppClient(session, "shop", url, max_response_size=100, max_concurrency=1)
        with pytest.raises(Permanent):
            await post(client)
        assert (await post(client)).body == b"ok"
