"""What comes from outside can be anything: one clear dead letter or answer each, and the engine goes on."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from tests.integration.apps import serving
from tests.integration.project import Project, queues, until

PIPELINE = """
    apiVersion: jackfield/v1
    kind: Pipeline
    metadata: {{name: calls}}
    spec:
      input: {{binding: source}}
      steps:
        - call: {{app: {{url: {url}}}, timeout: 300ms}}
      outputs: [{{binding: target}}]
      delivery:
        retry: {{maxAttempts: 2, initial: 10ms}}
""" + queues("source", "target")

HOOK = """
    apiVersion: jackfield/v1
    kind: Pipeline
    metadata: {name: hooks}
    spec:
      input: {binding: hook}
      steps:
        - filter: data.n != 0
        - transform: {double: "{{ data.n * 2 }}"}
      outputs:
        - binding: files
          metadata: {fileName: "{{ metadata['query.name'] | default('n.json') }}"}
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: hook}
    spec:
      type: bindings.http
      metadata:
        - {name: reply, value: "true"}
        - {name: maxBodySize, value: 1Ki}
    ---
    apiVersion: dapr.io/v1alpha1
    kind: Component
    metadata: {name: files}
    spec:
      type: bindings.localstorage
      metadata: [{name: rootPath, value: files}]
"""


@contextlib.asynccontextmanager
async def answering(kind: bytes) -> AsyncIterator[str]:
    """A server that is no good: what it writes depends on the event's data, `good` is a proper answer."""
    good = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Type: text/plain\r\n\r\ndone"
    bad = {
        b"garbage": b"\x00\xff this is not HTTP\r\n\r\n",
        b"reset": b"",
        b"half": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nContent-Type: text/plain\r\n\r\nhalf",
        b"large": b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\nContent-Type: text/plain\r\n\r\n" + b"x" * 5_000_000,
        b"cloudevent": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/cloudevents+json\r\n\r\n{}",
    }
    hung: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-l"))
        body = await reader.readexactly(length)
        if body == b"hang":
            hung.append(writer)
            return
        writer.write(bad.get(body, good))
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        for writer in hung:
            writer.close()
        server.close()


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("garbage", "answered what is not HTTP"),
        ("reset", "closed the connection without an answer"),
        ("half", "broke off in the middle of its answer"),
        ("hang", "did not answer within 0.3 s"),
        ("large", "answered more than 4,194,304 bytes"),
        ("cloudevent", "the app answered with an invalid CloudEvent"),
    ],
)
async def test_an_event_whose_app_misbehaves_is_a_dead_letter_and_the_next_one_is_delivered(
    project: Project, kind: str, error: str
) -> None:
    async with answering(kind.encode()) as url:
        project.write("calls.yaml", PIPELINE.format(url=url))
        run = await project.run()
        await project.command("send", "source", "--data", kind)
        dead = await until(run, "dead-lettered", "calls")
        assert error in dead["message"]
        assert dead["stage"] == "steps[0].call"
        await project.command("send", "source", "--data", "good")
        await until(run, "delivered", "calls")
        assert await run.stop() == 0
        assert not run.noise


async def test_events_wait_for_an_app_that_is_not_up_yet(project: Project) -> None:
    async def app(request: web.Request) -> web.StreamResponse:
        return web.Response()

    async with serving(app) as url:
        port = int(url.rpartition(":")[2])
    text = PIPELINE.format(url=url).replace("retry:", "circuitBreaker: {probeEvery: 100ms}\n        retry:")
    project.write("calls.yaml", text)
    run = await project.run()
    await project.command("send", "source", "--data", "early")
    await until(run, "paused", "calls")
    async with serving(app, port):
        await until(run, "resumed", "calls")
        await until(run, "delivered", "calls")
    assert await run.stop() == 0
    assert not [line for line in run.lines if line["kind"] == "dead-lettered"]


async def test_a_webhook_answers_each_request_with_what_became_of_it(project: Project) -> None:
    project.write("hooks.yaml", HOOK)
    run = await project.run()
    await until(run, "started", "hooks")
    url = f"{run.url}/webhooks/hook"
    async with aiohttp.ClientSession() as session:

        async def post(data: bytes, query: str = "", **headers: str) -> tuple[int, str]:
            given = {"Content-Type": "application/json", **headers}
            async with session.post(f"{url}{query}", data=data, headers=given) as response:
                return response.status, await response.text()

        assert await post(b'{"n": 21}') == (200, '{"double":42}')
        assert await post(b'{"n": 0}') == (204, "")
        status, text = await post(b'{"n": 1}', "?name=../../etc/passwd")
        assert status == 422
        assert "../../etc/passwd" in json.loads(text)["error"]
        status, text = await post(b'{"n": ')
        assert status == 422
        assert "not JSON" in json.loads(text)["error"]
        status, text = await post(b"x" * 2000)
        assert status == 413
        assert "larger than 1024 bytes" in json.loads(text)["error"]
        status, text = await post(b"{}", **{"ce-specversion": "1.0", "ce-id": "1"})
        assert status == 400
        assert "source" in json.loads(text)["error"]
        async with session.post(f"{run.url}/webhooks/hok") as response:
            assert response.status == 404
            assert "did you mean 'hook'" in (await response.json())["hint"]
        async with session.get(f"{run.url}/readyz") as response:
            assert (response.status, await response.json()) == (200, {"status": "ready"})
    assert await run.stop() == 0
    assert [path.name for path in (project.path / "files").iterdir()] == ["n.json"]
    assert not run.noise
