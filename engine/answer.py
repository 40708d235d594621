"""What an app's answer makes of the events that it was called with (docs/apps.md).

One event:  nothing: goes on unchanged · 204: ends · CloudEvents: replaces the event · anything else: the new data ·
            Dapr's `{"status": "SUCCESS" | "RETRY" | "DROP"}`.
A batch:    nothing: all go on · 204: all end · a CloudEvents batch, matched by id; an id left out ends ·
            `{"results": [{"id", "status", "data", "error"}]}`, one for each event · Dapr's status, for all.
"""

from __future__ import annotations

import json
import reprlib
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
    status = _dapr_status(answer)
    return _with_body(event, answer) if status is None else _of_dapr_status(event, status)


def of_batch(events: Sequence[Event], answer: Answer) -> Sequence[Verdict]:
    """A verdict for each event, in order; raises `EventError` when the answer makes the batch fail as a whole."""
    if answer.status == NO_CONTENT:
        return [Outcome.FILTERED for _ in events]
    changed = _cloudevents(answer)
    if changed is not None:
        return _matched(events, changed, answer)
    if not answer.body.strip():
        return list(events)
    status = _dapr_status(answer)
    if status is not None:
        return [_of_dapr_status(event, status) for event in events]
    body = _json(answer)
    if body is None or body == {}:
        return list(events)
    if isinstance(body, dict) and isinstance(body.get("results"), list):
        return _results(events, body["results"], answer)
    what = 'neither empty, nor a CloudEvents batch, nor {"results": [{"id": …, "status": …}]}'
    raise _invalid(answer, f"the app's answer to a batch is {what}")


def _invalid(answer: Answer, message: str) -> Permanent:
    """An answer that cannot be used; it stands in the dead letter."""
    return Permanent(message, status=answer.status, body=answer.body)


def _cloudevents(answer: Answer) -> list[Event] | None:
    try:
        return cloudevents.decode(answer.headers, answer.body)
    except Permanent as error:
        raise _invalid(answer, f"the app answered with an invalid CloudEvent: {error}") from error


def _with_body(event: Event, answer: Answer) -> Event:
    changed = event.with_data(answer.body, _content_type(answer) or "application/octet-stream")
    try:
        cloudevents.validate(changed.attributes)
    except Permanent as error:
        raise _invalid(answer, f"the app answered with an invalid Content-Type: {error}") from error
    return changed


def _content_type(answer: Answer) -> str:
    return answer.headers.get("Content-Type", "")


def _json(answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise _invalid(answer, f"the app's answer to a batch is not JSON: {error}") from error


def _matched(events: Sequence[Event], changed: Sequence[Event], answer: Answer) -> list[Verdict]:
    # An app that takes a batch for a single event must not end the others by its one answer.
    if len(events) > 1 and "batch" not in _content_type(answer):
        raise _invalid(answer, f"the app answered {len(events)} events with a single CloudEvent, not with a batch")
    by_id = _by_id(changed)
    verdicts: list[Verdict] = [by_id[event.id].popleft() if by_id[event.id] else Outcome.FILTERED for event in events]
    unknown = next((id for id, left in by_id.items() if left), None)
    if unknown is not None:
        text = f"the app answered with an event of id {unknown[:200]!r}, which it was not called with"
        raise _invalid(answer, text)
    return verdicts


def _by_id(events: Sequence[Event]) -> defaultdict[str, deque[Event]]:
    # Two events of different sources may have one id: they are answered in the order in which they were sent.
    by_id: defaultdict[str, deque[Event]] = defaultdict(deque)
    for event in events:
        by_id[event.id].append(event)
    return by_id


def _results(events: Sequence[Event], results: Sequence[Any], answer: Answer) -> list[Verdict]:
    by_id: defaultdict[str, deque[Mapping[str, Any]]] = defaultdict(deque)
    for result in results:
        if not isinstance(result, dict) or not isinstance(result.get("id"), str):
            text = f"a result must be an object with the event's id, and is {reprlib.repr(result)}"
            raise _invalid(answer, text)
        by_id[result["id"]].append(result)
    return [_result(event, by_id[event.id].popleft() if by_id[event.id] else None) for event in events]


def _result(event: Event, result: Mapping[str, Any] | None) -> Verdict:
    """The status is an HTTP status, as if the event had been called alone, or Dapr's word; absent means 200."""
    if result is None:
        return Retryable(f"the app's answer has no result for the event {event.id}")
    status = result.get("status", 200)
    try:
        if status in _DAPR_STATUS:
            return _of_dapr_status(event, status)
        if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status <= 599:
            text = f"the app's result has the status {reprlib.repr(status)}, which is neither an HTTP status nor Dapr's"
            return Permanent(text, status=200)
        if not 200 <= status < 300:
            return of_status(status, f"the app answered {status} for this event: {_error_of(result)}")
        if status == NO_CONTENT:
            return Outcome.FILTERED
        return event.with_value(result["data"]) if "data" in result else event
    except EventError as failure:
        return failure


def _error_of(result: Mapping[str, Any]) -> str:
    error = result.get("error") or "no error given"
    return error[:500] if isinstance(error, str) else reprlib.repr(error)


def _dapr_status(answer: Answer) -> str | None:
    # Only an object of this one field is Dapr's answer: `{"status": "RETRY", "order": 5}` is data.
    if not is_json(_content_type(answer)) or len(answer.body) > 64 or b'"status"' not in answer.body:
        return None
    try:
        body = json.loads(answer.body)
    except ValueError:
        return None
    if isinstance(body, dict) and body.keys() == {"status"} and body["status"] in _DAPR_STATUS:
        return str(body["status"])
    return None


def _of_dapr_status(event: Event, status: str) -> Event:
    if status == "RETRY":
        raise Retryable("the app answered RETRY", status=200)
    if status == "DROP":
        raise Permanent("the app answered DROP", status=200)
    return event
