from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from multidict import CIMultiDict

from bindings.contract import Outcome
from engine import answer
from engine.app import Answer
from engine.errors import EventError, Permanent, Retryable, Unavailable
from engine.event import Event

JSON = {"Content-Type": "application/json"}
STRUCTURED = {"Content-Type": "application/cloudevents+json"}
BATCH = {"Content-Type": "application/cloudevents-batch+json"}


def event(id: str = "a", source: str = "/orders") -> Event:
    attributes = {"specversion": "1.0", "id": id, "source": source, "type": "order", "datacontenttype": JSON_TYPE}
    return Event(attributes, b'{"n":1}')


JSON_TYPE = "application/json"
EVENTS = [event("a"), event("b"), event("c")]


def reply(body: Any = b"", headers: Mapping[str, str] | None = None, status: int = 200) -> Answer:
    written = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, CIMultiDict(headers or {}), written)


def cloudevent(id: str, **more: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": id, "source": "/app", "type": "answered", **more}


def shown(verdicts: Sequence[Any]) -> list[Any]:
    """Verdicts as short values: `same`, the data of a changed event, the outcome, or the kind of error."""
    values: list[Any] = []
    for before, verdict in zip(EVENTS, verdicts, strict=True):
        if verdict is before:
            values.append("same")
        elif isinstance(verdict, Event):
            values.append(verdict.value)
        elif isinstance(verdict, EventError):
            values.append(type(verdict))
        else:
            values.append(verdict)
    return values


# One event


@pytest.mark.parametrize("status", [200, 201, 202])
def test_nothing_lets_the_event_go_on_unchanged(status: int) -> None:
    before = event()
    assert answer.of_one(before, reply(status=status)) is before


def test_204_ends_the_event() -> None:
    assert answer.of_one(event(), reply(status=204)) is Outcome.FILTERED


@pytest.mark.parametrize(
    ("headers", "body", "content_type", "value"),
    [
        (JSON, b'{"price":5}', "application/json", {"price": 5}),
        (JSON, b"null", "application/json", None),
        (JSON, b"{}", "application/json", {}),
        (JSON, b'{"results":[]}', "application/json", {"results": []}),
        ({"Content-Type": "text/plain; charset=utf-8"}, b"ok", "text/plain; charset=utf-8", "ok"),
        ({"Content-Type": "image/png"}, b"\x89PNG", "image/png", b"\x89PNG"),
        ({}, b"ok", "application/octet-stream", b"ok"),
        ({"Content-Type": ""}, b"ok", "application/octet-stream", b"ok"),
    ],
)
def test_body_is_the_new_data(headers: Mapping[str, str], body: bytes, content_type: str, value: Any) -> None:
    after = answer.of_one(event(), reply(body, headers))
    assert isinstance(after, Event)
    assert (after.id, after.source, after.type) == ("a", "/orders", "order")
    assert (after.data, after.content_type, after.value) == (body, content_type, value)


@pytest.mark.parametrize("content_type", ["json", "text/pl\udcffain", "text/plain; x=ü"])
def test_content_type_that_is_none_is_permanent(content_type: str) -> None:
    with pytest.raises(Permanent, match="the app answered with an invalid Content-Type") as caught:
        answer.of_one(event(), reply(b"x", {"Content-Type": content_type}))
    assert (caught.value.status, caught.value.body) == (200, b"x")


def test_binary_cloudevent_replaces_the_event() -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "new", "ce-source": "/app", "ce-type": "priced", **JSON}
    after = answer.of_one(event(), reply(b"5", headers))
    assert isinstance(after, Event)
    assert (after.id, after.source, after.type, after.value) == ("new", "/app", "priced", 5)


def test_structured_cloudevent_replaces_the_event() -> None:
    after = answer.of_one(event(), reply(cloudevent("new", data={"price": 5}), STRUCTURED))
    assert isinstance(after, Event)
    assert (after.id, after.type, after.value) == ("new", "answered", {"price": 5})


def test_batch_of_cloudevents_makes_one_event_many() -> None:
    after = answer.of_one(event(), reply([cloudevent("x"), cloudevent("y")], BATCH))
    assert isinstance(after, list)
    assert [one.id for one in after] == ["x", "y"]


def test_empty_batch_of_cloudevents_makes_one_event_none() -> None:
    assert answer.of_one(event(), reply([], BATCH)) == []


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (STRUCTURED, b"no json"),
        (STRUCTURED, b'{"specversion":"1.0"}'),
        (STRUCTURED, b'{"specversion":"0.3","id":"a","source":"/","type":"t"}'),
        (BATCH, b"{}"),
        (BATCH, b"[5]"),
        ({"Content-Type": "application/cloudevents+avro"}, b"x"),
        ({"ce-specversion": "1.0", "ce-id": "a"}, b""),
    ],
)
def test_invalid_cloudevent_is_permanent(headers: Mapping[str, str], body: bytes) -> None:
    with pytest.raises(Permanent, match="the app answered with an invalid CloudEvent") as caught:
        answer.of_one(event(), reply(body, headers))
    assert caught.value.status == 200


def test_dapr_success_lets_the_event_go_on() -> None:
    before = event()
    assert answer.of_one(before, reply({"status": "SUCCESS"}, JSON)) is before


@pytest.mark.parametrize(("status", "kind"), [("RETRY", Retryable), ("DROP", Permanent)])
def test_dapr_retry_and_drop_are_errors(status: str, kind: type[EventError]) -> None:
    with pytest.raises(kind, match=f"the app answered {status}") as caught:
        answer.of_one(event(), reply({"status": status}, JSON))
    assert type(caught.value) is kind
    assert caught.value.status == 200  # the app is there


@pytest.mark.parametrize(
    "body",
    [
        {"status": "RETRY", "order": 5},
        {"status": "shipped"},
        {"status": 5},
        {"status": ["RETRY"]},
        ["status"],
        {"nested": {"status": "RETRY"}},
    ],
)
def test_data_that_only_resembles_a_dapr_status_is_data(body: Any) -> None:
    after = answer.of_one(event(), reply(body, JSON))
    assert isinstance(after, Event)
    assert after.value == body


def test_dapr_status_counts_only_as_json() -> None:
    after = answer.of_one(event(), reply({"status": "RETRY"}, {"Content-Type": "text/plain"}))
    assert isinstance(after, Event)


# A batch


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (reply(), ["same", "same", "same"]),
        (reply(b" \n"), ["same", "same", "same"]),
        (reply(b"null", JSON), ["same", "same", "same"]),
        (reply(b"{}", JSON), ["same", "same", "same"]),
        (reply({"status": "SUCCESS"}, JSON), ["same", "same", "same"]),
        (reply(status=204), [Outcome.FILTERED] * 3),
    ],
    ids=["nothing", "white space", "null", "{}", "SUCCESS", "204"],
)
def test_batch_answered_as_a_whole(given: Answer, expected: list[Any]) -> None:
    assert shown(answer.of_batch(EVENTS, given)) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ([cloudevent(id, data=id) for id in "abc"], ["a", "b", "c"]),
        ([cloudevent(id, data=id) for id in "cab"], ["a", "b", "c"]),
        ([cloudevent("b", data=1)], [Outcome.FILTERED, 1, Outcome.FILTERED]),
        ([], [Outcome.FILTERED] * 3),
    ],
    ids=["all", "another order", "two left out", "none"],
)
def test_batch_answered_with_a_batch_is_matched_by_id(body: Any, expected: list[Any]) -> None:
    assert shown(answer.of_batch(EVENTS, reply(body, BATCH))) == expected


def test_events_of_one_id_are_matched_in_their_order() -> None:
    events = [event("a", "/one"), event("a", "/two")]
    verdicts = answer.of_batch(events, reply([cloudevent("a", data=1), cloudevent("a", data=2)], BATCH))
    assert [verdict.value for verdict in verdicts if isinstance(verdict, Event)] == [1, 2]


@pytest.mark.parametrize("extra", ["z", "a"])
def test_batch_answered_with_an_event_too_many_is_permanent(extra: str) -> None:
    body = [cloudevent("a"), cloudevent(extra)]
    with pytest.raises(Permanent, match=f"an event of id '{extra}', which it was not called with") as caught:
        answer.of_batch(EVENTS, reply(body, BATCH))
    assert caught.value.status == 200


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (STRUCTURED, cloudevent("a")),
        ({"ce-specversion": "1.0", "ce-id": "a", "ce-source": "/app", "ce-type": "t"}, b""),
    ],
)
def test_single_cloudevent_does_not_end_the_rest_of_a_batch(headers: Mapping[str, str], body: Any) -> None:
    with pytest.raises(Permanent, match="3 events with a single CloudEvent"):
        answer.of_batch(EVENTS, reply(body, headers))
    [alone] = answer.of_batch(EVENTS[:1], reply(body, headers))
    assert isinstance(alone, Event)


@pytest.mark.parametrize(("status", "kind"), [("RETRY", Retryable), ("DROP", Permanent)])
def test_batch_answered_retry_or_drop_fails_as_a_whole(status: str, kind: type[EventError]) -> None:
    with pytest.raises(kind, match=f"the app answered {status}"):
        answer.of_batch(EVENTS, reply({"status": status}, JSON))


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([{"id": "a"}, {"id": "b", "status": 200}, {"id": "c", "status": "SUCCESS"}], ["same", "same", "same"]),
        ([{"id": "c", "data": 3}, {"id": "a", "data": 1}, {"id": "b", "data": 2}], [1, 2, 3]),
        (
            [{"id": "a", "status": 204}, {"id": "b", "status": 400}, {"id": "c", "status": 201, "data": {"x": 1}}],
            [Outcome.FILTERED, Permanent, {"x": 1}],
        ),
        (
            [{"id": "a", "status": 500}, {"id": "b", "status": 503}, {"id": "c", "status": 429}],
            [Retryable, Unavailable, Unavailable],
        ),
        (
            [{"id": "a", "status": "RETRY"}, {"id": "b", "status": "DROP"}, {"id": "c", "status": 302}],
            [Retryable, Permanent, Permanent],
        ),
        ([{"id": "b"}], [Retryable, "same", Retryable]),
        ([], [Retryable] * 3),
        ([{"id": "a"}, {"id": "b"}, {"id": "c"}, {"id": "z", "status": 400}], ["same"] * 3),
        ([{"id": "a", "data": 1}, {"id": "a", "data": 2}, {"id": "b"}, {"id": "c"}], [1, "same", "same"]),
        (
            [{"id": "a", "status": True}, {"id": "b", "status": "200"}, {"id": "c", "status": 42}],
            [Permanent, Permanent, Permanent],
        ),
        (
            [{"id": "a", "status": None}, {"id": "b", "status": 200.0}, {"id": "c", "status": []}],
            [Permanent, Permanent, Permanent],
        ),
        ([{"id": "a", "data": None}, {"id": "b", "data": "text"}, {"id": "c", "data": []}], [None, "text", []]),
    ],
    ids=[
        "all fine",
        "another order",
        "mixed",
        "may pass later",
        "words of Dapr",
        "missing ids",
        "no results",
        "unknown id",
        "duplicate id",
        "no statuses",
        "no statuses either",
        "data of each kind",
    ],
)
def test_results_are_the_verdict_on_each_event(results: Any, expected: list[Any]) -> None:
    assert shown(answer.of_batch(EVENTS, reply({"results": results}, JSON))) == expected


def test_error_of_a_result_is_in_its_message() -> None:
    results = [
        {"id": "a", "status": 400, "error": "no such size"},
        {"id": "b", "status": 500, "error": {"code": 7}},
        {"id": "c", "status": 422},
    ]
    messages = [str(verdict) for verdict in answer.of_batch(EVENTS, reply({"results": results}, JSON))]
    assert messages == [
        "the app answered 400 for this event: no such size",
        "the app answered 500 for this event: {'code': 7}",
        "the app answered 422 for this event: no error given",
    ]


def test_long_error_of_a_result_is_cut() -> None:
    [verdict] = answer.of_batch(
        [event()], reply({"results": [{"id": "a", "status": 400, "error": "x" * 10_000}]}, JSON)
    )
    assert len(str(verdict)) < 600


def test_result_whose_data_cannot_be_json_fails_alone() -> None:
    body = b'{"results":[{"id":"a","data":{"price":NaN}},{"id":"b"},{"id":"c"}]}'
    assert shown(answer.of_batch(EVENTS, reply(body, JSON))) == [Permanent, "same", "same"]


@pytest.mark.parametrize("result", [5, None, "a", [], {}, {"id": 5}, {"id": None}])
def test_result_without_an_id_is_permanent(result: Any) -> None:
    with pytest.raises(Permanent, match="a result must be an object with the event's id"):
        answer.of_batch(EVENTS, reply({"results": [{"id": "a"}, result]}, JSON))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"OK", "is not JSON"),
        (b'{"results":', "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "is neither empty"),
        (b'"OK"', "is neither empty"),
        (b'{"price":5}', "is neither empty"),
        (b'{"results":{}}', "is neither empty"),
    ],
    ids=["text", "half", "bytes", "deep", "list", "string", "data", "results of another kind"],
)
def test_batch_answered_with_what_is_not_understood_is_permanent(body: bytes, message: str) -> None:
    with pytest.raises(Permanent, match=message) as caught:
        answer.of_batch(EVENTS, reply(body, JSON))
    assert (caught.value.status, caught.value.body) == (200, body[: EventError.BODY_LIMIT])
