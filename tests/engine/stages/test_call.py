from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bindings.contract import Outcome
from engine.app import AppClient
from engine.clock import VirtualClock
from engine.components import Components, Use
from engine.definitions.pipeline import Call
from engine.errors import DefinitionError, EventError, Permanent, Retryable, Unavailable
from engine.event import Event
from engine.named_outputs import NamedOutputs
from engine.stages.call import CallStage
from engine.testing.memory_store import MemoryStore
from tests.engine.stages.passages import error_of, event_of, ids, passage, surroundings, verdict_of


class Endpoint:
    """An app that keeps what it is sent, and gives one answer."""

    def __init__(self, status: int = 200, body: Any = b"", headers: dict[str, str] | None = None) -> None:
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.status = status
        self.body = body
        self.headers = headers or {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        return web.Response(status=self.status, body=body, headers=self.headers)


@asynccontextmanager
async def calling(endpoint: Endpoint, **call: Any) -> AsyncIterator[CallStage]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", endpoint.handle)

    async def no_outputs(name: str) -> Use:
        raise DefinitionError(f"there is no component {name!r}")

    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        client = AppClient(session, "shop", str(server.make_url("/")))
        named = NamedOutputs(Components(MemoryStore(), VirtualClock()), no_outputs)
        definition = Call.model_validate({"app": "shop", **call})
        yield CallStage("steps[0].call", definition, client, named, surroundings())


JSON = {"Content-Type": "application/json"}


# One event a request


async def test_binary_mode_sends_attributes_as_headers_and_data_as_the_body() -> None:
    endpoint = Endpoint()
    async with calling(endpoint) as stage:
        before = passage({"n": 1}, subject="kit ü")
        assert await event_of(stage, before) is before.event
    [request] = endpoint.requests
    assert (request.method, request.path) == ("POST", "/")
    assert (request.headers["ce-id"], request.headers["ce-type"]) == ("a", "order")
    assert request.headers["ce-subject"] == "kit%20%C3%BC"
    assert request.headers["Content-Type"] == "application/json"
    assert endpoint.bodies == [b'{"n": 1}']


async def test_structured_mode_sends_one_json_object() -> None:
    endpoint = Endpoint()
    async with calling(endpoint, mode="structured") as stage:
        await event_of(stage, passage({"n": 1}))
    assert endpoint.requests[0].headers["Content-Type"].startswith("application/cloudevents+json")
    assert json.loads(endpoint.bodies[0])["data"] == {"n": 1}


async def test_event_without_data_sends_no_body() -> None:
    endpoint = Endpoint()
    async with calling(endpoint) as stage:
        before = passage()
        before.event = Event({name: before.event.attributes[name] for name in ("specversion", "id", "source", "type")})
        await event_of(stage, before)
    assert endpoint.bodies == [b""]


async def test_path_method_and_headers_are_those_of_the_definition() -> None:
    endpoint = Endpoint()
    headers = {"X-Tenant": "{{ data.tenant }}", "X-Flag": "{{ data.flag }}", "X-Region": "{{ env.REGION }}"}
    async with calling(endpoint, path="/orders/{{ data.id }}?dry=1", method="PUT", headers=headers) as stage:
        await event_of(stage, passage({"id": 5, "tenant": "blue", "flag": True}))
    [request] = endpoint.requests
    assert (request.method, str(request.rel_url)) == ("PUT", "/orders/5?dry=1")
    assert [request.headers[name] for name in headers] == ["blue", "true", "eu"]


async def test_header_of_the_definition_takes_the_place_of_ours() -> None:
    endpoint = Endpoint()
    async with calling(endpoint, headers={"content-type": "text/csv", "CE-Type": "renamed"}) as stage:
        await event_of(stage, passage())
    [request] = endpoint.requests
    assert request.headers.getall("Content-Type") == ["text/csv"]
    assert request.headers.getall("ce-type") == ["renamed"]


@pytest.mark.parametrize("value", ["a\r\nX-Injected: 1", "a\nb", "a\0b", "a\x7fb"])
async def test_header_with_a_control_character_is_permanent_and_sends_nothing(value: str) -> None:
    endpoint = Endpoint()
    async with calling(endpoint, headers={"X-Tenant": "{{ data }}"}) as stage:
        error = await error_of(stage, passage(value))
    assert str(error) == "the header X-Tenant would hold a line break or another control character"
    assert endpoint.requests == []


@pytest.mark.parametrize("id", ["../admin", "..", "a/../../admin", "..\\admin", "%2e%2e/admin", ".%2E/admin"])
async def test_data_cannot_choose_another_endpoint_of_the_app(id: str) -> None:
    endpoint = Endpoint()
    async with calling(endpoint, path="/orders/{{ data }}") as stage:
        error = await error_of(stage, passage(id))
    assert "leads elsewhere with '..'" in str(error)
    assert endpoint.requests == []


@pytest.mark.parametrize("id", ["..a", "a..b", "a?q=../b", "kit/1"])
async def test_path_with_dots_that_lead_nowhere_is_called(id: str) -> None:
    endpoint = Endpoint()
    async with calling(endpoint, path="/orders/{{ data }}") as stage:
        await event_of(stage, passage(id))
    assert str(endpoint.requests[0].rel_url) == f"/orders/{id}"


@pytest.mark.parametrize("value", [None, [], {"a": 1}])
async def test_path_that_is_no_text_is_permanent(value: Any) -> None:
    async with calling(Endpoint(), path="{{ data }}") as stage:
        assert "a text is needed here" in str(await error_of(stage, passage(value)))


async def test_answer_becomes_the_data() -> None:
    async with calling(Endpoint(body={"price": 5}, headers=JSON)) as stage:
        after = await event_of(stage, passage({"n": 1}))
    assert (after.id, after.value) == ("a", {"price": 5})


async def test_204_ends_the_event() -> None:
    async with calling(Endpoint(204)) as stage:
        assert await verdict_of(stage, passage()) is Outcome.FILTERED


@pytest.mark.parametrize(("status", "kind"), [(400, Permanent), (500, Retryable), (503, Unavailable)])
async def test_refusal_is_the_error_of_the_event(status: int, kind: type[EventError]) -> None:
    async with calling(Endpoint(status)) as stage:
        assert type(await error_of(stage, passage())) is kind


async def test_call_is_noted_for_people() -> None:
    async with calling(Endpoint(202), path="/orders") as stage:
        before = passage()
        await event_of(stage, before)
    assert before.notes == ["shop /orders 202 in 0 ms"]


async def test_stage_takes_one_event_a_request_unless_it_is_told_otherwise() -> None:
    async with calling(Endpoint()) as stage:
        assert (stage.limit, stage.waits) == (1, True)
    async with calling(Endpoint(), mode="batch") as stage:
        assert stage.limit == 100
    async with calling(Endpoint(), batch={"maxEvents": 7}) as stage:
        assert stage.limit == 7


# A batch


async def test_batch_is_one_request() -> None:
    endpoint = Endpoint()
    async with calling(endpoint, batch={}, path="/orders") as stage:
        batch = [passage({"n": 1}, id="a"), passage({"n": 2}, id="b")]
        verdicts = await stage(batch)
    assert list(verdicts) == [one.event for one in batch]
    assert endpoint.requests[0].headers["Content-Type"] == "application/cloudevents-batch+json"
    assert [event["data"] for event in json.loads(endpoint.bodies[0])] == [{"n": 1}, {"n": 2}]
    assert batch[0].notes == ["shop /orders with 2 events 200 in 0 ms"]


async def test_results_are_verdicts_on_the_events() -> None:
    results = {"results": [{"id": "b", "status": 400, "error": "no"}, {"id": "a", "data": 1}]}
    async with calling(Endpoint(body=results, headers=JSON), batch={}) as stage:
        first, second = await stage([passage(id="a"), passage(id="b")])
    assert isinstance(first, Event)
    assert first.value == 1
    assert isinstance(second, Permanent)


async def test_batch_that_is_refused_fails_as_a_whole() -> None:
    async with calling(Endpoint(422), batch={}) as stage:
        with pytest.raises(Permanent) as caught:
            await stage([passage(id="a"), passage(id="b")])
    assert caught.value.status == 422


async def test_event_that_cannot_be_written_as_json_leaves_its_neighbours_alone() -> None:
    endpoint = Endpoint()
    async with calling(endpoint, batch={}) as stage:
        verdicts = await stage([passage(id="a"), passage(raw=b"{not json", id="bad"), passage(id="b")])
    assert [id for id in ids(verdicts) if isinstance(id, str)] == ["a", "b"]
    assert isinstance(verdicts[1], Permanent)
    assert [event["id"] for event in json.loads(endpoint.bodies[0])] == ["a", "b"]


async def test_batch_of_which_nothing_can_be_written_sends_nothing() -> None:
    endpoint = Endpoint()
    async with calling(endpoint, batch={}) as stage:
        [verdict] = await stage([passage(raw=b"{not json")])
    assert isinstance(verdict, Permanent)
    assert endpoint.requests == []
