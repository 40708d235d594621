"""What an app's answer makes of the events that it was called with (docs/apps.md).

One event:  nothing: goes on unchanged · 204: ends · CloudEvents: replaces the event · anything else: the new data ·
            Dapr's `{"status": "SUCCESS" | "RETRY" | "DROP"}`.
A batch:    nothing: all go on · 204: all end · a CloudEvents batch, matched by id; an id left out ends ·
            `{"results": [{"id", "status", "data", "error"}]}`, one for each event.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import Any

from bindings.contract import Outcome
from engine import cloudevents
from engine.app import Answer
from engine.errors import EventError, Permanent, Retryable, of_status
from engine.event import Event, is_json
from engine.stages.stage import Verdict

NO_CONTENT = 204
_DAPR_STATUS = ("SUCCESS", "RETRY", "DROP")


def of_one(event: Event, answer: Answer) -> Verdict:
    """The verdict on a single event; raises `EventError`."""
    if answer.status == NO_CONTENT:
        return Outcome.FILTERED
    events = _cloudevents(answer)
    if events is not None:
        return events[0] if len(events) == 1 else events
    if not answer.body:
        return event
    content_type = answer.headers.get("Content-Type", "application/octet-stream")
    status = _dapr_status(content_type, answer.body)
    if status is not None:
        return _of_dapr_status(event, status)
    return event.with_data(answer.body, content_type)


def of_batch(events: Sequence[Event], answer: Answer) -> Sequence[Verdict]:
    """A verdict for each event, in order; raises `EventError` when the answer is not understood as a whole."""
    if answer.status == NO_CONTENT:
        return [Outcome.FILTERED for _ in events]
    changed = _cloudevents(answer)
    if changed is not None:
        return _matched(events, changed)
    if not answer.body.strip():
        return list(events)
    body = _json(answer)
    if body is None or body == {}:
        return list(events)
    if isinstance(body, dict) and isinstance(body.get("results"), list):
        return _results(events, body["results"])
    raise Permanent(
        "the app's answer to a batch is neither empty, nor a CloudEvents batch, nor "
        '{"results": [{"id": …, "status": …}]}',
        status=answer.status,
        body=answer.body,
    )


def _cloudevents(answer: Answer) -> list[Event] | None:
    try:
        return cloudevents.decode(answer.headers, answer.body)
    except Permanent as error:
        message = f"the app answered with an invalid CloudEvent: {error}"
        raise Permanent(message, status=answer.status, body=answer.body) from error


def _json(answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        message = f"the app's answer to a batch is not JSON: {error}"
        raise Permanent(message, status=answer.status, body=answer.body) from error


def _matched(events: Sequence[Event], changed: Sequence[Event]) -> list[Verdict]:
    by_id = _by_id(changed)
    verdicts: list[Verdict] = [by_id[event.id].popleft() if by_id[event.id] else Outcome.FILTERED for event in events]
    unknown = next((id for id, left in by_id.items() if left), None)
    if unknown is not None:
        raise Permanent(f"the app answered with an event of id {unknown!r}, which it was not called with")
    return verdicts


def _by_id(events: Sequence[Event]) -> defaultdict[str, deque[Event]]:
    # Two events of different sources may have one id: they are answered in the order in which they were sent.
    by_id: defaultdict[str, deque[Event]] = defaultdict(deque)
    for event in events:
        by_id[event.id].append(event)
    return by_id


def _results(events: Sequence[Event], results: Sequence[Any]) -> list[Verdict]:
    by_id: defaultdict[str, deque[Mapping[str, Any]]] = defaultdict(deque)
    for result in results:
        if not isinstance(result, dict) or not isinstance(result.get("id"), str):
            raise Permanent(f"a result must be an object with the event's id, and is {str(result)[:200]}")
        by_id[result["id"]].append(result)
    return [_result(event, by_id[event.id].popleft() if by_id[event.id] else None) for event in events]


def _result(event: Event, result: Mapping[str, Any] | None) -> Verdict:
    """The status is an HTTP status, as if the event had been called alone, or Dapr's word; absent means 200."""
    if result is None:
        return Retryable(f"the app's answer has no result for the event {event.id}")
    status, error = result.get("status", 200), result.get("error")
    try:
        if status in _DAPR_STATUS:
            return _of_dapr_status(event, status)
        if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status <= 599:
            return Permanent(f"the app's result has the status {status!r}, which is neither an HTTP status nor Dapr's")
        if not 200 <= status < 300:
            return of_status(status, f"the app answered {status} for this event: {error or 'no error given'}")
        if status == NO_CONTENT:
            return Outcome.FILTERED
        return event.with_value(result["data"]) if "data" in result else event
    except EventError as failure:
        return failure


def _dapr_status(content_type: str, body: bytes) -> str | None:
    # Only an object of this one field is Dapr's answer: `{"status": "RETRY", "order": 5}` is data.
    if not is_json(content_type) or len(body) > 64 or b'"status"' not in body:
        return None
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    if isinstance(answer, dict) and answer.keys() == {"status"} and answer["status"] in _DAPR_STATUS:
        return str(answer["status"])
    return None


def _of_dapr_status(event: Event, status: str) -> Verdict:
    if status == "RETRY":
        return Retryable("the app answered RETRY")
    if status == "DROP":
        return Permanent("the app answered DROP")
    return event
