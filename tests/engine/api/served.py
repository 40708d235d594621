"""The API of a real engine over a folder of definitions."""

from __future__ import annotations

import textwrap
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import grpc
from dapr.proto.runtime.v1 import dapr_pb2_grpc
from google.protobuf.json_format import MessageToDict
from google.rpc import error_details_pb2, status_pb2

from engine.api.options import ApiOptions
from engine.clock import SystemClock
from engine.definitions.check import check
from engine.definitions.folder import Folder
from engine.engine import Engine
from engine.report import LineReport, sink_for
from engine.server import LOOPBACK
from engine.testing.memory_store import MemoryStore

STUB: Any = dapr_pb2_grpc.DaprStub
OPTIONS = ApiOptions(app_id="shop", grpc_port=0)
DEFINITIONS = """
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: statestore}
spec: {type: state.in-memory, version: v1}
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: pubsub}
spec: {type: pubsub.in-memory, version: v1}
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: folder}
spec:
  type: bindings.localstorage
  version: v1
  metadata: [{name: rootPath, value: ROOT/files}]
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: secrets}
spec:
  type: secretstores.local.file
  version: v1
  metadata: [{name: secretsFile, value: ROOT/secrets.json}]
"""


class Served:
    def __init__(self, engine: Engine, root: Path, session: aiohttp.ClientSession, store: MemoryStore) -> None:
        self.engine = engine
        self.store = store
        self.root = root
        self._session = session

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.engine.server.port}"

    @asynccontextmanager
    async def stub(self) -> AsyncIterator[Any]:
        """The methods of the gRPC API."""
        async with self.channel() as channel:
            yield STUB(channel)

    def channel(self) -> Any:
        assert self.engine.grpc is not None
        return grpc.aio.insecure_channel(f"{LOOPBACK}:{self.engine.grpc.port}")

    async def apply(self, text: str) -> None:
        """The folder becomes this one file."""
        (self.root / "all.yaml").write_text(textwrap.dedent(text).replace("ROOT", str(self.root)))
        report = await check(Folder.load(self.root))
        assert [str(d) for d in report.diagnostics if d.severity == "error"] == []
        await self.engine.apply(report.definitions)

    async def call(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes, Mapping[str, str]]:
        request = self._session.request(method, self.url + path, json=json, data=data, headers=headers)
        async with request as response:
            return response.status, await response.read(), response.headers

    async def status(self, method: str, path: str, json: Any = None, **more: Any) -> int:
        return (await self.call(method, path, json, **more))[0]


def details_of(error: grpc.RpcError) -> list[dict[str, Any]]:
    """The rich details of an error of gRPC, as the JSON of HTTP has them."""
    packed = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    if packed is None:
        return []
    status = status_pb2.Status.FromString(packed)
    assert (status.code, status.message) == (error.code().value[0], error.details())
    return [_detail(one) for one in status.details]


def _detail(packed: Any) -> dict[str, Any]:
    kinds = (error_details_pb2.ErrorInfo, error_details_pb2.ResourceInfo, error_details_pb2.BadRequest)
    for kind in kinds:
        detail = kind()
        if packed.Unpack(detail):
            return {"@type": packed.type_url, **MessageToDict(detail, preserving_proto_field_name=True)}
    raise AssertionError(packed.type_url)


@asynccontextmanager
async def served(
    root: Path, text: str | None = DEFINITIONS, api: ApiOptions = OPTIONS, host: str = LOOPBACK
) -> AsyncIterator[Served]:
    """`text` None: the engine has started, and nothing has been applied yet."""
    clock = SystemClock()
    (root / "secrets.json").write_text('{"redis": {"password": "p4ss"}}')
    (root / "files").mkdir(exist_ok=True)
    store = MemoryStore()
    engine = Engine(store, clock, LineReport(sink_for("json", clock, False), clock), host, 0, 5.0, api)
    await engine.start()
    try:
        async with aiohttp.ClientSession() as session:
            running = Served(engine, root, session, store)
            if text is not None:
                await running.apply(text)
            yield running
    finally:
        await engine.stop()
