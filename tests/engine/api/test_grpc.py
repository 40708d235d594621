"""What the SDK does not show of gRPC; the rest is in tests/engine/testing/test_fake.py."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from dapr.proto.runtime.v1 import metadata_pb2

from engine.api.blocks import Blocks
from engine.api.grpc import GrpcServer
from engine.clock import SystemClock
from engine.errors import DefinitionError
from engine.server import LOOPBACK
from engine.testing.fake_parts import FakeParts


def server(port: int = 0, token: str | None = None) -> GrpcServer:
    return GrpcServer(Blocks(FakeParts({}, {}), SystemClock(), "shop", token), LOOPBACK, port)


def app_id(port: int, token: str) -> str:
    with grpc.insecure_channel(f"{LOOPBACK}:{port}") as channel:
        call = channel.unary_unary(
            "/dapr.proto.runtime.v1.Dapr/GetMetadata",
            request_serializer=metadata_pb2.GetMetadataRequest.SerializeToString,
            response_deserializer=metadata_pb2.GetMetadataResponse.FromString,
        )
        return str(call(metadata_pb2.GetMetadataRequest(), metadata=[("dapr-api-token", token)], timeout=10).id)


async def test_token_is_asked_for() -> None:
    served = server(token="t0ken")
    await served.start()
    try:
        assert await asyncio.to_thread(app_id, served.port, "t0ken") == "shop"
        with pytest.raises(grpc.RpcError, match="invalid api token"):
            await asyncio.to_thread(app_id, served.port, "wrong")
    finally:
        await served.stop()


async def test_port_that_is_taken_is_a_definition_error() -> None:
    first = server()
    await first.start()
    try:
        with pytest.raises(DefinitionError, match=f"cannot listen on {LOOPBACK}:{first.port} for gRPC"):
            await server(first.port).start()
    finally:
        await first.stop()
