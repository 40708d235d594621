"""`jackfield run` beside Dapr: the same requests, and what is known to differ (dapr_requests.py).

Dapr's answers are known by its source; with `DAPRD=/path/to/daprd` they are those of a real one, and then the bodies
and headers are compared too.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from aiohttp import web
from dapr.proto.common.v1 import common_pb2
from google.protobuf.json_format import MessageToDict
from yarl import URL

from tests.engine.api.served import STUB, details_of
from tests.integration.apps import free_port
from tests.integration.blocks import grpc_of
from tests.integration.dapr_calls import Call, calls
from tests.integration.dapr_requests import Request, requests
from tests.integration.project import Project

COMPONENTS = """
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
    metadata: {name: scoped}
    spec: {type: pubsub.in-memory, version: v1, metadata: [{name: publishingScopes, value: "shop=mine;other=orders"}]}
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: listed}
    spec:
      type: pubsub.in-memory
      version: v1
      metadata: [{name: allowedTopics, value: "one,two"}, {name: protectedTopics, value: two}]
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: files}
    spec: {type: bindings.localstorage, version: v1, metadata: [{name: rootPath, value: ROOT/files}]}
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: secrets}
    spec: {type: secretstores.local.file, version: v1, metadata: [{name: secretsFile, value: ROOT/secrets.json}]}
"""
CONFIGURATION = """
    apiVersion: dapr.io/v1alpha1
    kind: Configuration
    metadata: {name: settings}
    spec: {secrets: {scopes: [{storeName: secrets, deniedSecrets: [hidden]}]}}
"""
# Names are looked up in a file, and not by multicast in the network.
NAMES = "nameResolution: {component: sqlite, version: v1, configuration: {connectionString: 'ROOT/names.db'}}"
COMPARED = ("Content-Type",)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError:
            return self.body

    @property
    def code(self) -> str:
        return str(self.json.get("errorCode", "")) if isinstance(self.json, dict) else ""


async def test_answers_are_those_of_dapr_but_for_a_list_of_differences(project: Project) -> None:
    wanted = requests()
    assert len(wanted) >= 150
    async with shop() as port, jackfield(project, port) as (url, address):
        answers, told = await ask(url, wanted), await call(address, calls())
    other = [(one, answer) for one, answer in told if (answer.code, answer.reason) != expected(one)]
    assert other == []
    wrong = [
        f"{request} -> {answer.status} {answer.code} {answer.body[:200]!r}"
        for request, answer in zip(wanted, answers, strict=True)
        if (answer.status, answer.code) != (request.ours or (request.status, request.code))
    ]
    assert wrong == []


@pytest.mark.skipif("DAPRD" not in os.environ, reason="DAPRD does not name a daprd")
async def test_answers_are_those_of_a_real_daprd(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    wanted = requests()
    async with shop() as port:
        async with jackfield(project, port) as (url, address):
            ours, our_calls = await ask(url, wanted), await call(address, calls())
        async with daprd(tmp_path_factory.mktemp("daprd"), port) as (url, address):
            theirs, their_calls = await ask(url, wanted), await call(address, calls())
    wrong = [difference for one in zip(wanted, ours, theirs, strict=True) if (difference := differs(*one))]
    for (one, our), (_, their) in zip(our_calls, their_calls, strict=True):
        if (their.code, their.reason) != (one.code, one.reason):
            wrong.append(f"{one}: Dapr answers {their.code} {their.reason}, and not {one.code} {one.reason}")
        elif not one.ours and not one.loose and our != their:
            wrong.append(f"{one}: {our}, and not {their}")
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


def expected(call: Call) -> tuple[str, str]:
    """The code and the reason."""
    return (call.ours, "") if call.ours else (call.code, call.reason)


def differs(request: Request, ours: Answer, theirs: Answer) -> str:
    """Nothing, or how."""
    if (theirs.status, theirs.code) != (request.status, request.code):
        return f"{request}: Dapr answers {theirs.status} {theirs.code}, and not {request.status} {request.code}"
    if request.ours is not None:
        return ""
    if (ours.status, ours.code) != (theirs.status, theirs.code):
        return f"{request}: {ours.status} {ours.code}, and not {theirs.status} {theirs.code}"
    if comparable(ours.headers) != comparable(theirs.headers):
        return f"{request}: {comparable(ours.headers)}, and not {comparable(theirs.headers)}"
    if not request.loose and without_times(ours.json) != without_times(theirs.json):
        return f"{request}: {ours.body!r}, and not {theirs.body!r}"
    return ""


def comparable(headers: dict[str, str]) -> dict[str, Any]:
    """An etag or a time is there or not; the words of the others count."""
    names = {name.lower(): value for name, value in headers.items()}
    found: dict[str, Any] = {name: names.get(name.lower()) for name in COMPARED}
    return found | {name: name in names for name in ("etag", "metadata.ttlexpiretime")}


def without_times(value: Any) -> Any:
    """Of a bulk get, an etag is there or not; details come in any order."""
    if isinstance(value, list):
        return sorted((without_times(one) for one in value), key=repr)
    if isinstance(value, dict):
        return {
            key: True if key == "etag" else without_times(one) for key, one in value.items() if key != "ttlExpireTime"
        }
    return value


async def ask(url: str, wanted: list[Request]) -> list[Answer]:
    answers = []
    async with aiohttp.ClientSession(url) as session:
        while not await is_ready(session):  # noqa: ASYNC110 - a process of Go, which tells nobody
            await asyncio.sleep(0.05)
        for one in wanted:
            target = URL(f"{url}{one.path}", encoded=True)
            call = session.request(one.method, target, data=one.data(), headers=one.headers)
            async with call as response:
                answers.append(Answer(response.status, await response.read(), dict(response.headers)))
    return answers


@dataclass(frozen=True, slots=True)
class Told:
    """The answer of a call, or its error. Etags and times are there or not."""

    code: str
    message: str
    details: list[dict[str, Any]]
    answer: Any

    @property
    def reason(self) -> str:
        return next((detail["reason"] for detail in self.details if "reason" in detail), "")


def as_json(answer: Any) -> Any:
    if isinstance(answer, common_pb2.InvokeResponse):
        return {"data": answer.data.value, "contentType": answer.content_type}
    return MessageToDict(answer)


async def call(address: str, wanted: list[Call]) -> list[tuple[Call, Told]]:
    found = []
    async with grpc.aio.insecure_channel(address) as channel:
        stub = STUB(channel)
        for one in wanted:
            try:
                answer = await getattr(stub, one.method)(one.request)
                told = Told("OK", "", [], without_times(as_json(answer)))
            except grpc.aio.AioRpcError as error:
                details = sorted(details_of(error), key=repr)
                told = Told(error.code().name, error.details() or "", details, None)
            found.append((one, told))
    return found


async def is_ready(session: aiohttp.ClientSession) -> bool:
    try:
        return (await session.get("/v1.0/healthz/outbound")).status == 204
    except aiohttp.ClientError:
        return False


@asynccontextmanager
async def shop() -> AsyncIterator[int]:
    """The app; gives its port."""

    async def echo(request: web.Request) -> web.Response:
        told = {"method": request.method, "path": request.path, "query": dict(request.query)}
        return web.json_response({**told, "body": await request.text()})

    async def status(request: web.Request) -> web.Response:
        return web.Response(status=int(request.match_info["status"]), text="told", headers={"X-Kind": "shop"})

    application = web.Application()
    application.router.add_route("*", "/echo{path:.*}", echo)
    application.router.add_route("*", "/status/{status}", status)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def lay(root: Path, text: str) -> str:
    """What the components use; gives the text with the place of it."""
    (root / "files").mkdir()
    (root / "secrets.json").write_text('{"redis": {"password": "p4ss"}, "hidden": "h1dden"}')
    return text.replace("ROOT", str(root))


@asynccontextmanager
async def jackfield(project: Project, port: int) -> AsyncIterator[tuple[str, str]]:
    """Where it listens for HTTP and for gRPC."""
    project.write("all.yaml", lay(project.path, f"{COMPONENTS}    ---{CONFIGURATION}"))
    run = project.spawn("--app-id", "shop", "--app-port", str(port))
    line = await run.until(lambda line: "listens on http" in line["message"])
    yield line["message"].split()[-1], await grpc_of(run)
    await run.stop()
    assert run.noise == []


@asynccontextmanager
async def daprd(root: Path, app_port: int) -> AsyncIterator[tuple[str, str]]:
    (root / "components").mkdir()
    (root / "components/all.yaml").write_text(textwrap.dedent(lay(root, COMPONENTS)))
    spec = CONFIGURATION.replace("spec: {", f"spec: {{{NAMES}, ").replace("ROOT", str(root))
    (root / "configuration.yaml").write_text(textwrap.dedent(spec))
    http_port, grpc_port, internal = free_port(), free_port(), free_port()
    loopback = "127.0.0.1"
    flags = {
        "app-id": "shop",
        "app-port": app_port,
        "resources-path": root / "components",
        "config": root / "configuration.yaml",
        "dapr-http-port": http_port,
        "dapr-grpc-port": grpc_port,
        "dapr-internal-grpc-port": internal,
        "dapr-listen-addresses": loopback,
        "dapr-internal-grpc-listen-address": loopback,
        "enable-metrics": "false",
        "log-level": "error",
    }
    command = [os.environ["DAPRD"], *(f"--{name}={value}" for name, value in flags.items())]
    process = await asyncio.to_thread(subprocess.Popen, command, cwd=root)
    try:
        yield f"http://{loopback}:{http_port}", f"{loopback}:{grpc_port}"
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)
