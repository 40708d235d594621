"""A plan as text for a terminal."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence

from engine.definitions.diagnostic import visible
from engine.event import Event, is_json
from engine.plan.plan import End, Plan
from engine.plan.record import Performed, Request
from engine.plan.unanswered import Unanswered
from engine.plan.watched import Effect, Look, Turn

_MOST_LINES = 200  # of one piece of data
_SAID = {
    Effect.PASSED: ("32", "✓ goes on unchanged"),
    Effect.FILTERED: ("33", "∅ ends here"),
    Effect.LEFT_OUT: ("33", "∅ left out: its `when` is not true"),
    Effect.ASKED: ("36", "? what follows depends on the app's answer; --answer FILE gives one"),
    Effect.UNKNOWN: ("36", "? depends on the app's answer"),
}
_DIFF = {"+": "32", "-": "31"}


class PlanText:
    """`places`: whether each step has its place in the file."""

    def __init__(self, color: bool, places: bool = True) -> None:
        self._color = color
        self._places = places

    def lines(self, plan: Plan, source: str) -> list[str]:
        """`source`: where the events come from."""
        return list(self._lines(plan, visible(source)))

    def _lines(self, plan: Plan, source: str) -> Iterator[str]:
        name = plan.pipeline.model.metadata.name
        yield f"{self._paint(name, '1')} of {plan.pipeline.document.shown}, revision {plan.revision}, with {source}"
        yield from (f"note: {note}" for note in plan.notes)
        for one in plan.history:
            yield ""
            yield from self._turn(plan, one) if isinstance(one, Turn) else self._end(one)

    def _turn(self, plan: Plan, turn: Turn) -> Iterator[str]:
        place = f"  {plan.place(turn.stage)}" if self._places else ""
        yield f"{self._paint(turn.stage, '1')}{place}{_written(plan, turn.stage)}"
        if turn.stage == "event":  # what came in is shown whole, and from there on what changes
            for look in turn.looks:
                yield from (f"    {line}" for line in event_lines(look.before))
                yield ""
        for request in turn.requests:
            yield from self._request(request)
        for performed in turn.performed:
            yield from self._performed(performed)
        for look in turn.looks:
            yield from self._look(look, bool(turn.performed), len(turn.looks) > 1)

    def _look(self, look: Look, performed: bool, several: bool) -> Iterator[str]:
        if look.effect is Effect.PASSED and performed:
            return  # what was done is shown
        if several:
            yield f"  event {visible(look.before.id)}"
        if look.effect in _SAID:
            tone, text = _SAID[look.effect]
            yield f"  {self._paint(text, tone)}"
        elif look.error is not None:
            yield f"  {self._paint('✗', '31')} {visible(str(look.error))}"
        elif look.effect is Effect.SPLIT:
            yield f"  ✓ becomes {len(look.after):,} events"
            for event in look.after:
                yield from (f"    {line}" for line in event_lines(event))
        else:
            yield from self._diff(event_lines(look.before), event_lines(look.after[0]))

    def _diff(self, before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
        for line in list(difflib.unified_diff(before, after, n=0, lineterm=""))[2:]:
            if not line.startswith("@@"):
                yield f"  {self._paint(f'{line[0]} {line[1:]}', _DIFF.get(line[0], '2'))}"

    def _request(self, request: Request) -> Iterator[str]:
        yield f"  → {self._paint(f'{request.method} {request.url}', '1')}"
        yield from (f"    {line}" for line in _fields(request.headers))
        if request.body:
            content_type = next((v for name, v in request.headers.items() if name.lower() == "content-type"), "")
            yield ""
            yield from (f"    {line}" for line in data_lines(request.body, content_type))

    def _performed(self, performed: Performed) -> Iterator[str]:
        operation = performed.operation
        yield f"  → {self._paint(f'{operation.name} on {performed.component}', '1')} ({performed.type})"
        yield from (f"    {line}" for line in _fields(operation.metadata))
        yield f"    id: {operation.event.id}"
        yield from (f"    {line}" for line in _data(operation.event))

    def _end(self, end: End) -> Iterator[str]:
        where = f" at {end.stage}" if end.stage else ""
        after = f" after {end.wait:.1f} s" if end.wait else ""
        why = f": {visible(str(end.error))}" if end.error is not None else ""
        tone = {"done": "32", "dead-lettered": "31", "tried again": "33"}.get(end.outcome, "36")
        yield f"{self._paint(f'= {end.event}: {end.outcome}', tone)}{after}{where}{why}"
        for performed in end.sent:
            yield from self._performed(performed)

    def _paint(self, text: str, tone: str) -> str:
        text = visible(text)
        return f"\x1b[{tone}m{text}\x1b[0m" if self._color else text


def event_lines(event: Event) -> list[str]:
    """The attributes, and the data as one reads it best."""
    return [*_fields(event.attributes), *_data(event)]


def data_lines(data: bytes, content_type: str) -> list[str]:
    """JSON is indented, text is as it is, and of bytes there are the number and the hash."""
    try:
        text = data.decode()
        if is_json(content_type):
            text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except UnicodeDecodeError:
        return [f"({len(data):,} bytes, SHA-256 {hashlib.sha256(data).hexdigest()[:12]}…)"]
    except (ValueError, RecursionError):
        pass  # it is shown as it is
    lines = [visible(line) for line in text.splitlines()]
    left = len(lines) - _MOST_LINES
    return [*lines[:_MOST_LINES], f"(and {left:,} more lines; --format json has all)"] if left > 0 else lines


def _data(event: Event) -> list[str]:
    if isinstance(event, Unanswered):
        return ["(its data depends on the app's answer)"]
    return data_lines(event.data, event.content_type) if event.data is not None else []


def _fields(fields: Mapping[str, object]) -> Iterator[str]:
    return (visible(f"{name}: {value}") for name, value in fields.items())


def _written(plan: Plan, stage: str) -> str:
    """What the definition says there, where it is short."""
    value = plan.pipeline.document.get(plan.path(stage))
    return f"  {visible(value)}" if isinstance(value, str) else ""
