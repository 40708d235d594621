"""A plan as JSON, for machines."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from engine.event import Event
from engine.letter_lines import cloudevent
from engine.plan.plan import End, Plan
from engine.plan.record import Performed, Request
from engine.plan.unanswered import Unanswered
from engine.plan.watched import Look, Turn


def json_of(plan: Plan) -> dict[str, Any]:
    """`history` has in order each turn of a stage, and the end of each event."""
    document = plan.pipeline.document
    return {
        "pipeline": plan.pipeline.model.metadata.name,
        "file": document.shown,
        "revision": plan.revision,
        "notes": list(plan.notes),
        "history": [_turn(plan, one) if isinstance(one, Turn) else _end(one) for one in plan.history],
    }


def _turn(plan: Plan, turn: Turn) -> dict[str, Any]:
    span = plan.place(turn.stage)
    return {
        "stage": turn.stage,
        "line": span.line,
        "column": span.column,
        "events": [_look(look) for look in turn.looks],
        "requests": [_request(request) for request in turn.requests],
        "operations": _operations(turn.performed),
    }


def _look(look: Look) -> dict[str, Any]:
    shown = {"effect": look.effect, "before": _event(look.before), "after": [_event(event) for event in look.after]}
    return {**shown, **({"error": str(look.error)} if look.error is not None else {})}


def _end(end: End) -> dict[str, Any]:
    shown: dict[str, Any] = {"end": end.outcome, "event": end.event}
    if end.error is not None:
        shown |= {"stage": end.stage, "error": str(end.error), "status": end.error.status}
    if end.wait:
        shown["afterSeconds"] = end.wait
    return {**shown, "operations": _operations(end.sent)}


def _request(request: Request) -> dict[str, Any]:
    shown = {"method": request.method, "url": request.url, "headers": dict(request.headers)}
    return {**shown, **_body(request.body)}


def _body(body: bytes | None) -> dict[str, str | None]:
    try:
        return {"body": None if body is None else body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body or b"").decode()}


def _operations(performed: Sequence[Performed]) -> list[dict[str, Any]]:
    return [
        {
            "component": one.component,
            "type": one.type,
            "operation": one.operation.name,
            "metadata": dict(one.operation.metadata),
            "event": _event(one.operation.event),
        }
        for one in performed
    ]


def _event(event: Event) -> Any:
    """An event of which only the attributes are known has `dataIsUnknown` beside them."""
    if isinstance(event, Unanswered):
        return {**event.attributes, "dataIsUnknown": True}
    return cloudevent(event)
