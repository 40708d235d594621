"""The call of a Dapr subscription: a path by rules, several messages in one request, and Dapr's answers.

Source: dapr/dapr, pkg/runtime/subscription and pkg/runtime/pubsub; Dapr, Pub/sub API reference.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from bindings.contract import Outcome
from engine import cloudevents
from engine.app import Answer, AppClient
from engine.definitions.subscriptions import RoutedCall, compile_rule
from engine.errors import EventError, Permanent, Retryable
from engine.event import EVENT_TYPE, JSON_TYPE, Event, is_json
from engine.passage import Passage
from engine.stages.stage import Surroundings, Verdict

_BULK_TYPE = "com.dapr.event.sent.bulk"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # the name of a header
_PRINTABLE = re.compile(r"[\t\x20-\x7e]*")


class DeliverStage:
    """An event that no rule is for ends; where there is a dead letter topic it goes there. An answer changes no event.

    `limit` is 1 where the app takes one event a request.
    """

    waits = True

    def __init__(
        self, name: str, call: RoutedCall, app: AppClient, surroundings: Surroundings, timeout: float | None = None
    ) -> None:
        self.name = name
        self._call = call
        self._app = app
        self._surroundings = surroundings
        self._timeout = timeout if timeout is not None else call.timeout
        self._rules = [(compile_rule(rule.match) if rule.match else None, rule.path) for rule in call.rules]
        self._names = {"topic": call.topic, "pubsubname": call.pubsub}
        self.batch = call.batch
        self.limit = call.batch.max_events if call.batch is not None else 1

    async def __call__(self, batch: Sequence[Passage]) -> Sequence[Verdict]:
        if self.batch is None:
            return [await self._deliver(passage) for passage in batch]
        verdicts: list[Verdict] = [None for _ in batch]
        by_path: dict[str, list[int]] = {}
        for index, passage in enumerate(batch):
            try:
                path = self._path_for(passage.event)
                if path is None:
                    verdicts[index] = self._unwanted()
                else:
                    by_path.setdefault(path, []).append(index)
            except EventError as error:
                verdicts[index] = error
        for path, indices in by_path.items():
            answers = await self._deliver_all(path, [batch[index] for index in indices])
            for index, verdict in zip(indices, answers, strict=True):
                verdicts[index] = verdict
        return verdicts

    def _path_for(self, event: Event) -> str | None:
        values: Mapping[str, Any] | None = None
        for rule, path in self._rules:
            if rule is None:
                return path
            values = values or {"event": _as_json(event)}
            if rule(values) is True:
                return path
        return self._call.path if self._call.has_default else None

    def _unwanted(self) -> Verdict:
        return Permanent("no rule of the subscription is for it") if self._call.keeps_unwanted else Outcome.FILTERED

    async def _deliver(self, passage: Passage) -> Verdict:
        event = passage.event
        try:
            path = self._path_for(event)
            if path is None:
                return self._unwanted()
            headers, body = cloudevents.encode_structured(event)
            given = {"pubsubName": self._call.pubsub, **passage.metadata, "Idempotency-Key": event.id}
            reply = await self._send(path, [passage], {**_sendable(given), **headers}, body)
            return verdict_of(event, _field(_parsed(reply), "status"))
        except EventError as error:
            return error

    async def _deliver_all(self, path: str, passages: Sequence[Passage]) -> Sequence[Verdict]:
        """In Dapr's own form of a batch (Dapr, "Publish and subscribe to bulk messages")."""
        entries: list[Mapping[str, Any]] = []
        verdicts: dict[int, Verdict] = {}
        for index, passage in enumerate(passages):
            try:
                event = json.loads(cloudevents.encode_one(passage.event))
            except Permanent as error:
                verdicts[index] = error
                continue
            entry = {"entryId": str(index), "event": event, "contentType": EVENT_TYPE}
            entries.append({**entry, "metadata": dict(passage.metadata)})
        statuses: Mapping[str, Any] | None = None
        if entries:
            envelope = {"id": str(uuid.uuid4()), "type": _BULK_TYPE, **self._names, "metadata": {}, "entries": entries}
            body = json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
            reply = await self._send(path, passages, {"Content-Type": JSON_TYPE}, body)
            statuses = _statuses(reply)
        for index, passage in enumerate(passages):
            if index not in verdicts:  # what the answer leaves out is to be tried again
                status = "SUCCESS" if statuses is None else statuses.get(str(index), "RETRY")
                verdicts[index] = verdict_of(passage.event, status)
        return [verdicts[index] for index in range(len(passages))]

    async def _send(
        self, path: str, passages: Sequence[Passage], headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        clock = self._surroundings.clock
        started = clock.now()
        reply = await self._app.send("POST", path, headers, body, self._timeout)
        events = f" with {len(passages)} events" if len(passages) > 1 else ""
        note = f"{self._app.name} {path}{events} {reply.status} in {(clock.now() - started) * 1000:.0f} ms"
        for passage in passages:
            passage.notes.append(note)
        return reply


def _as_json(event: Event) -> Mapping[str, Any]:
    """What a rule sees: the attributes, and `data` as far as it can be told what they hold."""
    if event.data is None:
        return event.attributes
    data = event.value if is_json(event.content_type) else event.data.decode(errors="replace")
    return {**event.attributes, "data": data}


def _sendable(metadata: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in metadata.items() if _TOKEN.fullmatch(name) and _PRINTABLE.fullmatch(text)}


def verdict_of(event: Event, status: Any) -> Verdict:
    """What an app says of an event, in Dapr's words."""
    match status:
        case None | "" | "SUCCESS":
            return event
        case "DROP":
            return Permanent("the app answered DROP", status=200)
        case "RETRY":
            return Retryable("the app answered RETRY", status=200)
    return Retryable(f"the app answered with the unknown status {str(status)[:100]!r}", status=200)


def _statuses(reply: Answer) -> Mapping[str, Any] | None:
    """By the ids of the entries, where the answer has any; None: all are done, as with an empty answer."""
    answer = _parsed(reply)
    if answer is None:
        return None
    statuses = _field(answer, "statuses")
    found = [one for one in statuses if isinstance(one, dict)] if isinstance(statuses, list) else []
    return {str(one.get("entryId")): one.get("status") or "RETRY" for one in found}


def _parsed(reply: Answer) -> Any:
    """None for what is no JSON, which is as good as no answer."""
    try:
        return json.loads(reply.body) if reply.body else None
    except (ValueError, RecursionError):
        return None


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None
