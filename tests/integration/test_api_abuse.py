"""Clients that are wrong, slow or mean: each gets a clear error, the others go on, and the memory stays flat."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
import grpc
import psutil
import pytest
from dapr.proto.common.v1 import common_pb2
from dapr.proto.runtime.v1 import state_pb2

from tests.integration.blocks import grpc_of, serve
from tests.integration.project import Project, Run

SAVE = "/dapr.proto.runtime.v1.Dapr/SaveState"
HUGE = 64 * 2**20
GROWTH = 96 * 2**20  # bytes; less than two of the huge bodies, of which several are sent


@pytest.fixture
async def run(project: Project) -> Run:
    return await serve(project)


def memory(run: Run) -> int:
    return int(psutil.Process(run.process.pid).memory_info().rss)


async def works(run: Run) -> None:
    """An honest client is served at once, over both protocols."""
    async with asyncio.timeout(5), aiohttp.ClientSession(run.url) as session:
        async with session.post("/v1.0/state/statestore", json=[{"key": "a", "value": 1}]) as response:
            assert response.status == 204
        async with channel(await grpc_of(run)) as open_channel:
            request = state_pb2.GetStateRequest(store_name="statestore", key="a")
            get = open_channel.unary_unary("/dapr.proto.runtime.v1.Dapr/GetState")
            answer = state_pb2.GetStateResponse.FromString(await get(request.SerializeToString()))
            assert answer.data == b"1"


@contextlib.asynccontextmanager
async def channel(address: str) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(address, options=[("grpc.max_send_message_length", -1)]) as opened:
        yield opened


async def zeros(count: int) -> AsyncIterator[bytes]:
    piece = bytes(2**16)
    for _ in range(count // len(piece)):
        yield piece


async def test_huge_bodies_are_refused_without_being_kept(run: Run) -> None:
    await works(run)
    before = memory(run)
    async with aiohttp.ClientSession(run.url) as session:

        async def send(path: str) -> int | None:
            try:
                async with session.post(f"/v1.0/{path}", data=zeros(HUGE)) as response:
                    assert (await response.json())["errorCode"] == "ERR_BODY_READ"
                    return response.status
            except aiohttp.ClientError:  # it was hung up on in the middle of the body
                return None

        paths = ["state/statestore", "publish/pubsub/orders", "bindings/files"] * 3
        assert set(await asyncio.gather(*map(send, paths))) <= {413, None}
    await works(run)
    assert memory(run) - before < GROWTH


async def test_huge_messages_are_refused_without_being_kept(run: Run) -> None:
    await works(run)
    before = memory(run)
    item = common_pb2.StateItem(key="a", value=bytes(HUGE))
    message = state_pb2.SaveStateRequest(store_name="statestore", states=[item]).SerializeToString()
    async with channel(await grpc_of(run)) as open_channel:
        for _ in range(4):
            with pytest.raises(grpc.RpcError) as caught:
                await open_channel.unary_unary(SAVE)(message)
            assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    await works(run)
    assert memory(run) - before < GROWTH


async def test_header_bombs_are_refused(run: Run) -> None:
    await works(run)
    before = memory(run)
    host, port = run.url.removeprefix("http://").split(":")
    for line in (b"X-A: " + b"a" * 2**20 + b"\r\n", b"X-A: a\r\n" * 200_000):
        reader, writer = await asyncio.open_connection(host, int(port))
        with contextlib.suppress(ConnectionError):
            writer.write(b"GET /v1.0/metadata HTTP/1.1\r\nHost: x\r\n" + line + b"\r\n")
            await writer.drain()
            async with asyncio.timeout(10):
                assert (await reader.read(12)).endswith(b" 400") or reader.at_eof()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    async with channel(await grpc_of(run)) as open_channel:
        with pytest.raises(grpc.RpcError) as caught:
            await open_channel.unary_unary(SAVE)(b"", metadata=[("x-a", "a" * 2**20)])
        assert caught.value.code() in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE)
    await works(run)
    assert memory(run) - before < GROWTH
    assert [line["message"] for line in run.lines if line["kind"] in ("error", "warning")] == []


async def test_slow_clients_hold_up_nobody(run: Run) -> None:
    """Each sends a part of a request, and then nothing."""
    host, port = run.url.removeprefix("http://").split(":")
    grpc_port = (await grpc_of(run)).rpartition(":")[2]
    head = b"POST /v1.0/state/statestore HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    writers = []
    for to, part in [(port, head), (port, head + b"\r\n[")] * 100 + [
        (grpc_port, preface),
        (grpc_port, b"no HTTP"),
    ] * 50:
        _, writer = await asyncio.open_connection(host, int(to))
        writer.write(part)
        writers.append(writer)
    await works(run)
    assert await run.stop() == 0
    for writer in writers:
        writer.close()


async def test_bodies_that_break_off_are_no_mistake_of_ours(run: Run) -> None:
    host, port = run.url.removeprefix("http://").split(":")
    head = b"POST /v1.0/%s HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n"
    for path in (b"state/statestore", b"publish/pubsub/orders", b"bindings/files", b"publish/bulk/pubsub/a"):
        for how, part in ((b"Content-Length: 1000", b"[1"), (b"Transfer-Encoding: chunked", b"zz\r\n")):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(head % (path, how) + part)
            writer.write_eof()
            with contextlib.suppress(ConnectionError):
                assert b" 500 " not in await reader.read(1000)
            writer.close()
    await works(run)
    assert [line["message"] for line in run.lines if line["kind"] in ("error", "warning")] == []
    assert run.noise == []


async def test_strange_json_is_an_error_of_the_client(run: Run) -> None:
    bodies = [b"[" * 100_000, b'{"a":' * 50_000, b"\xff", b"[1e999]", b'[{"key":"\\ud800","value":1}]', b"null"]
    async with aiohttp.ClientSession(run.url) as session:
        for path in ("state/statestore", "state/statestore/transaction", "bindings/files", "publish/bulk/pubsub/a"):
            for body in bodies:
                async with session.post(f"/v1.0/{path}", data=body) as response:
                    assert response.status in (204, 400), await response.text()
    await works(run)
    assert run.noise == []
