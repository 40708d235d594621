from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from bindings.contract import InputBinding, Outcome, Received, Settled
from bindings.http import component
from bindings.http.input import Webhook
from bindings.http.metadata import HttpMetadata
from engine.errors import EventError, Permanent, Retryable
from engine.event import Event
from tests.bindings.conformance import InputConformance, settled
from tests.bindings.fakes import context
from tests.bindings.fakes import event as an_event

BATCH = {"Content-Type": "application/cloudevents-batch+json"}
TOKEN = "s3cret"
CE = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/orders", "ce-type": "order.created"}


class TestWebhook(InputConformance):
    redelivers = False
    takes_back = False
    counts_attempts = False
    keeps_order = False

    @pytest.fixture(autouse=True)
    async def server(self) -> AsyncIterator[None]:
        self.count = 0
        self.sending: list[asyncio.Task[ClientResponse]] = []

        async def handle(request: web.Request) -> web.StreamResponse:
            return await self.webhook.handle(request)

        app = web.Application()
        app.router.add_post("/", handle)
        async with TestClient(TestServer(app)) as self.client:
            yield
            for task in self.sending:
                task.cancel()

    async def make(self) -> InputBinding:
        assert component.input
        webhook = component.input(HttpMetadata(), context())
        assert isinstance(webhook, Webhook)
        self.webhook = webhook
        return webhook

    async def produce(self, count: int) -> Sequence[bytes | None]:
        bodies = [b"%d" % number for number in range(self.count, self.count + count)]
        self.count += count
        self.sending += [asyncio.ensure_future(self.client.post("/", data=body)) for body in bodies]
        return list(bodies)


class Desk:
    """A webhook behind a server, and the callers in front of it."""

    def __init__(self, webhook: Webhook, client: TestClient[web.Request, web.Application]) -> None:
        self.webhook = webhook
        self.client = client
        self.sending: list[asyncio.Task[ClientResponse]] = []

    def send(
        self,
        body: bytes = b"{}",
        headers: Mapping[str, str] | None = None,
        *,
        method: str = "POST",
        path: str = "/hook",
    ) -> None:
        request = self.client.request(method, path, data=body, headers=headers, skip_auto_headers=["Content-Type"])
        self.sending.append(asyncio.ensure_future(request))

    async def answer(self) -> tuple[int, Mapping[str, str], bytes]:
        response = await self.sending.pop(0)
        return response.status, response.headers, await response.read()

    async def error(self) -> tuple[int, str]:
        """The status and the message of an answer that tells of an error; there is always a hint."""
        status, headers, body = await self.answer()
        assert headers["Content-Type"] == "application/json; charset=utf-8"
        told = json.loads(body)
        assert told["hint"]
        return status, told["error"]

    async def read(self) -> Sequence[Received]:
        async with asyncio.timeout(5):
            return await self.webhook.read(100)

    async def received(
        self,
        body: bytes = b"{}",
        headers: Mapping[str, str] | None = None,
        *,
        method: str = "POST",
        path: str = "/hook",
    ) -> Received:
        """What one request becomes."""
        self.send(body, headers, method=method, path=path)
        [received] = await self.read()
        return received

    async def replied(self, outcome: Outcome, *results: Event, error: EventError | None = None) -> None:
        """One request that ends so."""
        await self.webhook.settle([Settled(await self.received(), outcome, results, error)])


@asynccontextmanager
async def serving(**metadata: Any) -> AsyncIterator[Desk]:
    webhook = Webhook(HttpMetadata.model_validate(metadata))
    app = web.Application()
    app.router.add_route("*", "/hook", webhook.handle)
    async with TestClient(TestServer(app)) as client:
        await webhook.open()
        desk = Desk(webhook, client)
        yield desk
        await webhook.close()
        for task in desk.sending:
            task.cancel()


async def test_request_becomes_an_event() -> None:
    async with serving() as desk:
        received = await desk.received(
            b"a=1",
            {"Content-Type": "application/x-www-form-urlencoded", "X-Shop": "7"},
            path="/hook?a=1&b=x%20y&a=2",
        )
    assert received.data == b"a=1"
    assert received.attributes == {"datacontenttype": "application/x-www-form-urlencoded"}
    metadata = dict(received.metadata)
    assert (metadata["method"], metadata["path"]) == ("POST", "/hook")
    assert (metadata["query.a"], metadata["query.b"]) == ("1,2", "x y")
    assert metadata["header.x-shop"] == "7"


async def test_request_without_a_content_type_is_bytes() -> None:
    async with serving() as desk:
        received = await desk.received(b"\0")
    assert received.attributes == {"datacontenttype": "application/octet-stream"}


async def test_request_without_a_body_has_no_data() -> None:
    async with serving(methods="GET, POST") as desk:
        received = await desk.received(b"", method="GET", path="/hook?challenge=42")
    assert (received.data, received.attributes) == (None, {})
    assert received.metadata["query.challenge"] == "42"


async def test_credentials_are_not_in_the_metadata() -> None:
    async with serving() as desk:
        received = await desk.received(
            headers={"Authorization": "Bearer secret", "Cookie": "a=secret", "Proxy-Authorization": "secret"}
        )
    assert "secret" not in str(received.metadata)


@pytest.mark.parametrize("header", ["Idempotency-Key", "X-Request-Id", "X-GitHub-Delivery"])
async def test_id_is_the_callers(header: str) -> None:
    async with serving() as desk:
        received = [await desk.received(headers={header: "abc"}) for _ in range(2)]
    assert [one.id for one in received] == ["abc", "abc"]


async def test_id_is_new_when_the_caller_gives_none() -> None:
    async with serving() as desk:
        received = [await desk.received(), await desk.received()]
    assert received[0].id != received[1].id


async def test_binary_cloudevent_is_understood() -> None:
    async with serving() as desk:
        received = await desk.received(
            b"{}",
            {**CE, "ce-subject": "gr%C3%B6%C3%9Fe", "Content-Type": "application/json", "X-Request-Id": "other"},
        )
    assert received.attributes == {
        "specversion": "1.0",
        "id": "1",
        "source": "/orders",
        "type": "order.created",
        "subject": "größe",
        "datacontenttype": "application/json",
    }
    assert received.data == b"{}"


async def test_structured_cloudevent_is_understood() -> None:
    body = b'{"specversion":"1.0","id":"1","source":"/orders","type":"order.created","data":{"a":1}}'
    async with serving() as desk:
        received = await desk.received(body, {"Content-Type": "application/cloudevents+json; charset=utf-8"})
    assert (received.attributes["type"], received.data) == ("order.created", b'{"a":1}')


async def test_batch_of_cloudevents_is_answered_when_all_are_settled() -> None:
    async with serving() as desk:
        desk.send(batch("1", "2", "3"), BATCH)
        received = await desk.read()
        assert [one.attributes["id"] for one in received] == ["1", "2", "3"]
        await desk.webhook.settle(settled([received[2], received[0]]))
        assert not desk.sending[0].done()
        await desk.webhook.settle(settled([received[1]]))
        status, _, body = await desk.answer()
    assert (status, json.loads(body)) == (202, {"ids": ["1", "2", "3"]})


def batch(*ids: str) -> bytes:
    return json.dumps([{"specversion": "1.0", "id": id, "source": "/orders", "type": "t"} for id in ids]).encode()


async def test_batch_of_nothing_is_accepted() -> None:
    async with serving() as desk:
        desk.send(b"[]", BATCH)
        status, _, body = await desk.answer()
    assert (status, json.loads(body)) == (202, {"ids": []})


async def test_events_of_two_sources_with_one_id_are_two_messages() -> None:
    async with serving() as desk:
        received = [await desk.received(headers={**CE, "ce-source": source}) for source in ("/orders", "/bills")]
    assert received[0].id != received[1].id
    assert [one.attributes["id"] for one in received] == ["1", "1"]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"{}", {**CE, "ce-specversion": "0.3"}),
        (b"{}", {"ce-specversion": "1.0"}),
        (b"{}", {**CE, "ce-time": "yesterday"}),
        (b"{", {"Content-Type": "application/cloudevents+json"}),
        (b"{}", {"Content-Type": "application/cloudevents+json"}),
        (b"{}", BATCH),
        (b"[1]", BATCH),
        (b"[" * 100_000, BATCH),
        (b"<e/>", {"Content-Type": "application/cloudevents+xml"}),
    ],
)
async def test_cloudevent_that_is_none_is_refused(body: bytes, headers: dict[str, str]) -> None:
    async with serving() as desk:
        desk.send(body, headers)
        status, error = await desk.error()
    assert status == 400
    assert "not a valid CloudEvent" in error


async def test_method_that_is_not_taken_is_refused() -> None:
    async with serving(methods="POST, PUT") as desk:
        desk.send(method="DELETE")
        status, headers, _ = await desk.answer()
    assert (status, headers["Allow"]) == (405, "POST, PUT")


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer wrong", "Basic s3cret", "s3cret", "Bearer s3cret2", "Bearer ü"]
)
async def test_caller_without_the_token_is_refused(given: str) -> None:
    async with serving(token=TOKEN) as desk:
        desk.send(headers={"Authorization": given})
        status, headers, body = await desk.answer()
    assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
    assert b"s3cret" not in body


async def test_caller_with_the_token_is_let_in() -> None:
    async with serving(token=TOKEN) as desk:
        assert await desk.received(headers={"Authorization": f"bearer {TOKEN}"})


@pytest.mark.parametrize("chunked", [False, True])
async def test_body_larger_than_the_limit_is_refused(chunked: bool) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x" * 300

    async with serving(maxBodySize="1Ki") as desk:
        body = chunks() if chunked else b"x" * 1025
        async with desk.client.post("/hook", data=body) as response:
            assert response.status == 413
            assert "1024 bytes" in (await response.json())["error"]
        assert (await desk.received(b"x" * 1024)).data == b"x" * 1024


async def test_body_that_cannot_be_decompressed_is_refused() -> None:
    async with serving() as desk:
        desk.send(b"no gzip", {"Content-Encoding": "gzip"})
        status, error = await desk.error()
    assert status == 400
    assert "gzip" in error


async def test_body_that_does_not_arrive_is_given_up() -> None:
    async with serving(replyTimeout="50ms") as desk:
        reader, writer = await asyncio.open_connection("127.0.0.1", desk.client.port)
        writer.write(b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello")
        assert await reader.readline() == b"HTTP/1.1 408 Request Timeout\r\n"
        writer.close()


async def test_caller_that_hangs_up_in_the_body_is_no_event() -> None:
    async with serving() as desk:
        _, writer = await asyncio.open_connection("127.0.0.1", desk.client.port)
        writer.write(b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello")
        await writer.drain()
        writer.close()
        assert (await desk.received(b"next")).data == b"next"


async def test_bytes_that_are_not_utf8_are_replaced_in_the_metadata() -> None:
    async with serving() as desk:
        _, writer = await asyncio.open_connection("127.0.0.1", desk.client.port)
        writer.write(
            b"POST /hook?q=%FF HTTP/1.1\r\nHost: x\r\nX-Name: \xff\r\nX-Request-Id: \xfe\r\nContent-Length: 0\r\n\r\n"
        )
        [received] = await desk.read()
        writer.close()
    assert received.metadata["header.x-name"] == "\N{REPLACEMENT CHARACTER}"
    assert json.dumps([received.id, dict(received.metadata)], ensure_ascii=False).encode()


@pytest.mark.parametrize("outcome", [Outcome.DONE, Outcome.FILTERED, Outcome.DEAD_LETTERED])
async def test_event_that_is_safe_is_accepted(outcome: Outcome) -> None:
    async with serving() as desk:
        received = await desk.received(headers={"X-Request-Id": "abc"})
        await desk.webhook.settle(settled([received], outcome))
        status, _, body = await desk.answer()
    assert (status, json.loads(body)) == (202, {"ids": ["abc"]})


async def test_event_that_is_released_goes_back_to_its_caller() -> None:
    async with serving() as desk:
        await desk.webhook.settle(settled([await desk.received()], Outcome.RELEASED))
        status, headers, _ = await desk.answer()
    assert (status, headers["Retry-After"]) == (503, "1")


async def test_what_waits_at_close_is_not_read_when_it_is_opened_again() -> None:
    async with serving() as desk:
        desk.send(batch("1", "2"), BATCH)
        assert len(await desk.webhook.read(1)) == 1

        async def reopen_and_read() -> Sequence[Received]:
            await desk.webhook.close()
            await desk.webhook.open()
            return await desk.webhook.read(10)

        reading = asyncio.create_task(reopen_and_read())
        assert (await desk.answer())[0] == 503
        assert not reading.done()
        reading.cancel()


async def test_close_sends_all_callers_away() -> None:
    async with serving() as desk:
        desk.send(batch("1", "2"), BATCH)
        assert len(await desk.webhook.read(1)) == 1
        await desk.webhook.close()
        desk.send(b"too late")
        answers = [await desk.answer() for _ in range(2)]
    assert [(status, headers["Retry-After"]) for status, headers, _ in answers] == [(503, "1")] * 2


async def test_caller_is_sent_away_when_too_many_wait() -> None:
    async with serving() as desk:
        ids = [str(number) for number in range(1001)]
        desk.send(batch(*ids), BATCH)
        await desk.webhook.read(1)
        async with desk.client.post("/hook", data=b"one more") as response:
            assert (response.status, response.headers["Retry-After"]) == (503, "1")
        await desk.webhook.read(1000)
        assert await desk.received(b"room again")


def test_redelivery_is_the_stores_unless_the_caller_waits() -> None:
    assert Webhook(HttpMetadata()).redelivery == "store"
    assert Webhook(HttpMetadata(durable=False)).redelivery == "none"
    assert Webhook(HttpMetadata(reply=True)).redelivery == "none"


async def test_reply_is_the_result() -> None:
    async with serving(reply="true") as desk:
        await desk.replied(Outcome.DONE, an_event(b"<a/>", datacontenttype="application/xml"))
        status, headers, body = await desk.answer()
    assert (status, headers["Content-Type"], body) == (200, "application/xml", b"<a/>")


async def test_reply_of_several_results_is_a_batch() -> None:
    async with serving(reply="true") as desk:
        await desk.replied(Outcome.DONE, an_event(b"1", id="a"), an_event(b"2", id="b"))
        status, headers, body = await desk.answer()
    assert (status, headers["Content-Type"]) == (200, "application/cloudevents-batch+json")
    assert [(one["id"], one["data"]) for one in json.loads(body)] == [("a", 1), ("b", 2)]


@pytest.mark.parametrize("outcome", [Outcome.DONE, Outcome.FILTERED])
async def test_reply_without_a_result_is_empty(outcome: Outcome) -> None:
    async with serving(reply="true") as desk:
        await desk.replied(outcome)
        status, _, body = await desk.answer()
    assert (status, body) == (204, b"")


async def test_reply_of_a_result_without_data_is_empty() -> None:
    async with serving(reply="true") as desk:
        await desk.replied(Outcome.DONE, Event(an_event().attributes))
        assert (await desk.answer())[0] == 204


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Permanent("no such article"), 422),
        (Permanent("no such article", status=404), 422),
        (Permanent("no such article", status=301), 502),
        (Retryable("no such article", status=500), 502),
        (Retryable("no such article"), 502),
    ],
)
async def test_reply_of_a_dead_letter_is_its_error(error: EventError, status: int) -> None:
    async with serving(reply="true") as desk:
        await desk.replied(Outcome.DEAD_LETTERED, error=error)
        assert await desk.error() == (status, "no such article")


async def test_reply_of_results_that_no_batch_can_hold_is_an_error() -> None:
    async with serving(reply="true") as desk:
        await desk.replied(Outcome.DONE, an_event(b"1"), an_event(b"{", datacontenttype="application/json"))
        status, error = await desk.error()
    assert status == 422
    assert "JSON" in error


async def test_reply_that_takes_too_long_is_given_up() -> None:
    async with serving(reply="true", replyTimeout="50ms") as desk:
        received = await desk.received()
        assert await desk.error() == (504, "the event was not finished within 0.05s")
        await desk.webhook.settle(settled([received]))


async def test_event_whose_caller_was_answered_is_not_given_out() -> None:
    async with serving(replyTimeout="50ms") as desk:
        desk.send(b"late")
        assert (await desk.error())[0] == 504
        assert (await desk.received(b"next")).data == b"next"
