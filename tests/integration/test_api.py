"""Dapr's API of `jackfield run`, as an app calls it."""

from __future__ import annotations

import asyncio
import signal

import aiohttp
import grpc
from aiohttp import web
from dapr.proto.common.v1 import common_pb2
from dapr.proto.runtime.v1 import invoke_pb2

from tests.integration.apps import serving
from tests.integration.blocks import grpc_of, serve
from tests.integration.project import Project

STORE = """
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: statestore}
    spec: {type: state.in-memory, version: v1}
"""


async def test_app_keeps_state_and_shuts_the_engine_down(project: Project) -> None:
    project.write("statestore.yaml", STORE)
    run = await project.run("--app-id", "shop")
    async with aiohttp.ClientSession(run.url) as session:
        while (await session.get("/v1.0/healthz/outbound")).status != 204:
            pass
        assert (await session.post("/v1.0/state/statestore", json=[{"key": "a", "value": 1}])).status == 204
        assert await (await session.get("/v1.0/state/statestore/a")).json() == 1
        assert (await (await session.get("/v1.0/metadata")).json())["id"] == "shop"
        assert (await session.post("/v1.0/shutdown")).status == 204
    assert await run.ended() == 0


async def test_calls_that_are_under_way_get_their_answers_before_the_engine_ends(project: Project) -> None:
    reached, go = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        reached.set()
        await go.wait()
        return web.Response(text="done")

    async with serving(slow) as url:
        run = await serve(project, "--app-port", url.rpartition(":")[2])
        message = common_pb2.InvokeRequest(method="x", content_type="text/plain")
        invoke = invoke_pb2.InvokeServiceRequest(id="shop", message=message).SerializeToString()
        async with grpc.aio.insecure_channel(await grpc_of(run)) as channel, asyncio.timeout(20):
            call = channel.unary_unary("/dapr.proto.runtime.v1.Dapr/InvokeService")(invoke)
            await reached.wait()
            run.process.send_signal(signal.SIGTERM)
            await run.until(lambda line: line["kind"] == "draining")
            go.set()
            assert common_pb2.InvokeResponse.FromString(await call).data.value == b"done"
        assert await run.ended() == 0
