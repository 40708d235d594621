"""What the caller of a webhook is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web

from bindings.contract import Outcome, Settled
from engine.cloudevents import encode_batch
from engine.errors import EventError, Permanent
from engine.event import Event


def refusal(status: int, error: str, hint: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response({"error": error, "hint": hint}, status=status, headers=headers)


def busy(error: str) -> web.Response:
    return refusal(503, error, "send it again", {"Retry-After": "1"})


def accepted(settled: Sequence[Settled]) -> web.Response:
    """All events are safe, whatever becomes of them."""
    ids = [one.received.attributes.get("id", one.received.id) for one in settled]
    return web.json_response({"ids": ids}, status=202)


def reply(settled: Sequence[Settled]) -> web.Response:
    """What the pipeline made of the events, or that it could not."""
    for one in settled:
        if one.outcome is Outcome.DEAD_LETTERED:
            return _failed(one.error)
    results = [event for one in settled if one.outcome is Outcome.DONE for event in one.results]
    if len(results) > 1:
        return _batch(results)
    if not results or results[0].data is None:
        return web.Response(status=204)
    return web.Response(body=results[0].data, headers={"Content-Type": results[0].content_type})


def _batch(results: Sequence[Event]) -> web.Response:
    try:
        headers, body = encode_batch(results)
    except Permanent as error:
        return _failed(error)
    return web.Response(body=body, headers=headers)


def _failed(error: EventError | None) -> web.Response:
    is_callers = isinstance(error, Permanent) and (error.status is None or 400 <= error.status < 500)
    return refusal(
        422 if is_callers else 502,
        str(error or "the event could not be delivered"),
        "correct the request" if is_callers else "it is kept as a dead letter, to be replayed",
    )
