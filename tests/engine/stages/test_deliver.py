"""What an app of a Dapr subscription gets, and what its answers mean."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bindings.contract import Outcome
from engine.app import AppClient
from engine.definitions.dapr import Rule
from engine.definitions.pipeline import Batch
from engine.definitions.subscriptions import RoutedCall
from engine.errors import EventError, Permanent, Retryable
from engine.passage import Passage
from engine.stages.deliver import DeliverStage
from engine.stages.stage import Verdict
from tests.engine.stages.passages import passage, surroundings, verdict_of
from tests.engine.stages.test_call import Endpoint


@asynccontextmanager
async def delivering(endpoint: Endpoint, rules: Sequence[Rule] = (), **call: Any) -> AsyncIterator[DeliverStage]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", endpoint.handle)
    given = {"app": "shop", "path": "/orders", "pubsub": "pubsub", "topic": "orders", "has_default": True, **call}
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        client = AppClient(session, "shop", str(server.make_url("/")))
        definition = RoutedCall(**{"keeps_unwanted": False, **given}, rules=rules)
        yield DeliverStage("steps[0].call", definition, client, surroundings())


METADATA = {"key": "k", "bad name": "x", "line": "a\nb"}


async def verdict(endpoint: Endpoint, one: Passage, rules: Sequence[Rule] = (), **call: Any) -> Verdict:
    async with delivering(endpoint, rules, **call) as stage:
        return await verdict_of(stage, one)


async def test_app_gets_the_cloudevent_and_the_metadata_as_headers() -> None:
    endpoint = Endpoint()
    one = passage({"n": 1}, metadata=METADATA)
    assert await verdict(endpoint, one) == one.event
    [request], [body] = endpoint.requests, endpoint.bodies
    assert (request.method, request.path) == ("POST", "/orders")
    assert request.headers["Content-Type"].startswith("application/cloudevents+json")
    assert (request.headers["pubsubName"], request.headers["key"]) == ("pubsub", "k")
    assert request.headers["Idempotency-Key"] == one.event.id
    assert "line" not in request.headers
    assert json.loads(body)["data"] == {"n": 1}


@pytest.mark.parametrize("body", [b"", b"{}", b"no JSON", {"status": ""}, {"status": "SUCCESS"}, {"a": 1}, [1]])
async def test_any_answer_but_another_status_is_success_and_changes_nothing(body: Any) -> None:
    one = passage({"n": 1})
    assert await verdict(Endpoint(body=body), one) == one.event


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, {"status": "RETRY"}, Retryable("the app answered RETRY")),
        (200, {"status": "later"}, Retryable("the app answered with the unknown status 'later'")),
        (200, {"status": "DROP"}, Permanent("the app answered DROP")),
        (500, b"", Retryable("")),
        (404, b"", Permanent("")),
    ],
)
async def test_answer_that_is_no_success_is_an_error(status: int, body: Any, error: EventError) -> None:
    found = await verdict(Endpoint(status, body), passage())
    assert type(found) is type(error)
    assert str(error) in str(found)


RULES = [
    Rule(match='event.type == "big" && event.data.total > 100', path="/big"),
    Rule(match='event.type == "big"', path="/small"),
]


@pytest.mark.parametrize(
    ("type", "data", "path"),
    [("big", {"total": 101}, "/big"), ("big", {"total": 5}, "/small"), ("other", {}, "/orders")],
)
async def test_first_rule_that_matches_decides_the_path(type: str, data: Any, path: str) -> None:
    endpoint = Endpoint()
    await verdict(endpoint, passage(data, type=type), RULES)
    assert [request.path for request in endpoint.requests] == [path]


async def test_rule_without_an_expression_matches_all() -> None:
    endpoint = Endpoint()
    await verdict(endpoint, passage(), [Rule(match="", path="/all")], has_default=False)
    assert [request.path for request in endpoint.requests] == ["/all"]


async def test_event_that_no_rule_is_for_ends_or_is_dead_lettered() -> None:
    endpoint = Endpoint()
    assert await verdict(endpoint, passage(type="x"), RULES, has_default=False) is Outcome.FILTERED
    found = await verdict(endpoint, passage(type="x"), RULES, has_default=False, keeps_unwanted=True)
    assert isinstance(found, Permanent)
    assert endpoint.requests == []


async def test_rule_that_cannot_be_evaluated_is_permanent() -> None:
    found = await verdict(Endpoint(), passage({}, type="big"), RULES)
    assert isinstance(found, Permanent)
    assert "cannot be evaluated" in str(found)


BULK: dict[str, Any] = {"mode": "batch", "batch": Batch(max_events=10)}


async def test_bulk_is_one_request_in_daprs_form_and_each_entry_has_its_status() -> None:
    statuses = [{"entryId": "0", "status": "SUCCESS"}, {"entryId": "1", "status": "DROP"}, {"entryId": "2"}]
    endpoint = Endpoint(body={"statuses": statuses})
    passages = [passage({"n": n}, id=str(n), metadata={"key": "k"}) for n in range(4)]
    async with delivering(endpoint, **BULK) as stage:
        assert stage.limit == 10
        done, dropped, unsaid, left_out = await stage(passages)
    [request], [body] = endpoint.requests, endpoint.bodies
    assert (request.path, request.headers["Content-Type"]) == ("/orders", "application/json")
    sent = json.loads(body)
    assert {**sent, "id": "", "entries": []} == {
        "id": "",
        "type": "com.dapr.event.sent.bulk",
        "topic": "orders",
        "pubsubname": "pubsub",
        "metadata": {},
        "entries": [],
    }
    assert [entry["event"]["id"] for entry in sent["entries"]] == ["0", "1", "2", "3"]
    assert {entry["contentType"] for entry in sent["entries"]} == {"application/cloudevents+json"}
    assert sent["entries"][0]["metadata"] == {"key": "k"}
    assert done is passages[0].event
    assert isinstance(dropped, Permanent)
    assert isinstance(unsaid, Retryable)
    assert isinstance(left_out, Retryable)


async def test_bulk_without_an_answer_is_done_and_what_is_invalid_fails_alone() -> None:
    endpoint = Endpoint()
    good, bad = passage({"n": 1}), passage(raw=b"{")
    async with delivering(endpoint, **BULK) as stage:
        first, second = await stage([bad, good])
    assert isinstance(first, Permanent)
    assert second is good.event
    assert len(json.loads(endpoint.bodies[0])["entries"]) == 1


async def test_bulk_goes_to_each_path_of_its_rules() -> None:
    endpoint = Endpoint()
    passages = [passage({"total": total}, type="big") for total in (500, 1, 600)]
    async with delivering(endpoint, RULES, **BULK) as stage:
        assert list(await stage(passages)) == [one.event for one in passages]
    assert [request.path for request in endpoint.requests] == ["/big", "/small"]
