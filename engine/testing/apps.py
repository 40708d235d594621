"""The apps of a test: a client session that answers by the script, beneath the engine's own `AppClient`."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp

from engine import cloudevents
from engine.definitions.pipeline_test import AppAnswer, AppAnswers
from engine.errors import EventError
from engine.event import JSON_TYPE, Event, encode
from engine.expressions import Scope, compile_tree
from engine.testing.payload import bytes_of
from engine.testing.record import Call, Record
from engine.testing.script import Script

_NOT_SAID = 404


@dataclass(frozen=True, slots=True)
class _Request:
    app: str
    method: str
    path: str
    headers: Mapping[str, str]
    events: Sequence[Event]
    batch: bool


class FakeApps:
    """What the engine's app clients use of `aiohttp.ClientSession`. `urls` are the addresses of the apps by name."""

    def __init__(
        self, urls: Mapping[str, str], answers: AppAnswers, folder: Path, env: Mapping[str, str], record: Record
    ) -> None:
        self._urls = {name: url.rstrip("/") for name, url in urls.items()}
        self._scripts = {
            (app.rstrip("/"), path): Script([_answer(one) for one in of_path])
            for app, paths in answers.items()
            for path, of_path in paths.items()
        }
        self._folder = folder
        self._env = env
        self._record = record

    @asynccontextmanager
    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], data: Any, allow_redirects: bool
    ) -> AsyncIterator[SimpleNamespace]:
        body = data if isinstance(data, bytes) else data.read() if data is not None else b""
        request = self._request(method, url, headers, body)
        chosen = self._choose(request)
        failure = next((answer.fail for answer in chosen if answer.fail), None)
        try:
            status, fields, content = _answered(request, chosen, self._folder, self._scope)
        except EventError as error:
            self._record.problems.append(f"the answer to {request.path} of app {request.app} cannot be made: {error}")
            status, fields, content = _NOT_SAID, {}, b""
        self._note(request, failure or status)
        await asyncio.sleep(max(answer.delay for answer in chosen))
        if failure is not None:
            await _fail(failure, url)
        yield SimpleNamespace(status=status, headers=fields, content=_Content(content))

    def _request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> _Request:
        fitting = [name for name, base in self._urls.items() if f"{url}/".startswith(f"{base}/")]
        app = max(fitting, key=lambda name: len(self._urls[name]))
        path = url.removeprefix(self._urls[app])
        events = cloudevents.decode(headers, body) or []
        batch = "cloudevents-batch" in headers.get("Content-Type", "")
        return _Request(app, method, path or "/", headers, events, batch)

    def _choose(self, request: _Request) -> list[AppAnswer]:
        """The answer for each event of the request; each is used once a request, however many events it fits."""
        script = self._scripts.get((request.app, request.path.partition("?")[0])) or self._scripts.get(
            (request.app, "*")
        )
        now = asyncio.get_running_loop().time()
        chosen = [script.choose(event, self._env, now) if script else None for event in request.events]
        if script is None or None in chosen:
            what = "does not say what it answers" if script is None else "has no answer left for it"
            called = f"{request.method} {request.path} of app {request.app} was called"
            self._record.problems.append(f"{called}, and the test {what}")
            return [AppAnswer(status=_NOT_SAID)] * len(request.events)
        used = {index: script.use(index) for index in set(chosen) if index is not None}
        return [used[index] for index in chosen if index is not None]

    def _scope(self, event: Event) -> Scope:
        return Scope(event, {}, self._env, asyncio.get_running_loop().time())

    def _note(self, request: _Request, answer: int | str) -> None:
        now = asyncio.get_running_loop().time()
        call = Call(
            request.app, request.method, request.path, request.headers, request.events, request.batch, answer, now
        )
        self._record.calls.append(call)


def _answer(written: int | str | AppAnswer) -> AppAnswer:
    if isinstance(written, AppAnswer):
        return written
    return AppAnswer(status=written) if isinstance(written, int) else AppAnswer.model_validate({"fail": written})


def _answered(
    request: _Request, chosen: Sequence[AppAnswer], folder: Path, scope: Any
) -> tuple[int, Mapping[str, str], bytes]:
    """Status, headers and body. A batch is answered event by event, but where one plain answer is meant for all."""
    answer = chosen[0]
    fields = {name.title(): value for one in chosen for name, value in one.headers.items()}
    if request.batch and any(one.when is not None or "data" in one.model_fields_set for one in chosen):
        results = [_result(event, one, scope) for event, one in zip(request.events, chosen, strict=True)]
        return 200, {"Content-Type": JSON_TYPE, **fields}, json.dumps({"results": results}).encode()
    if "data" in answer.model_fields_set:
        value = compile_tree(answer.data).evaluate(scope(request.events[0]))
    elif "body" in answer.model_fields_set:
        value = answer.body
    else:
        value = bytes_of(answer, folder)
    body, content_type = encode(value)
    return answer.status, {**({"Content-Type": content_type} if body else {}), **fields}, body or b""


def _result(event: Event, answer: AppAnswer, scope: Any) -> dict[str, Any]:
    result: dict[str, Any] = {"id": event.id, "status": answer.status}
    if "data" in answer.model_fields_set:
        name = "data" if answer.status < 300 else "error"
        result[name] = compile_tree(answer.data).evaluate(scope(event))
    return result


async def _fail(failure: str, url: str) -> None:
    if failure == "timeout":
        await asyncio.get_running_loop().create_future()  # the client gives up
    if failure == "refused":
        key: Any = SimpleNamespace(host=url, port=0, ssl=True)
        raise aiohttp.ClientConnectorError(key, OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED)))
    if failure == "garbage":
        info: Any = SimpleNamespace(real_url=url)
        raise aiohttp.ClientResponseError(info, (), message="Expected HTTP/")
    raise aiohttp.ServerDisconnectedError


class _Content:
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def iter_any(self) -> AsyncIterator[bytes]:
        yield self._body
