"""`call`: one request to an app, with one event or with a batch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

from engine import answer, cloudevents
from engine.app import Answer, AppClient
from engine.definitions.pipeline import Batch, Call
from engine.errors import EventError, Permanent
from engine.event import Event
from engine.expressions import Expression, Scope, Tree, compile_template, compile_tree, text_of
from engine.named_outputs import NamedOutputs, wish_of
from engine.passage import Passage
from engine.stages.stage import Surroundings, Verdict

_CONTROL_CHARACTER = re.compile("[\0-\x08\n-\x1f\x7f]")


class CallStage:
    """`limit` is 1 where the app takes one event a request: the pipeline's concurrency sends many side by side."""

    waits = True

    def __init__(
        self,
        name: str,
        call: Call,
        app: AppClient,
        named: NamedOutputs,
        surroundings: Surroundings,
        timeout: float | None = None,
    ) -> None:
        self.name = name
        self._call = call
        self._app = app
        self._named = named
        self._surroundings = surroundings
        self._timeout = timeout if timeout is not None else call.timeout
        self._path = compile_template(call.path)
        self._headers = compile_tree(call.headers) if call.headers else None
        self.batch = (call.batch or Batch()) if call.batch or call.mode == "batch" else None
        self.limit = self.batch.max_events if self.batch else 1

    async def __call__(self, batch: Sequence[Passage]) -> Sequence[Verdict]:
        if self.batch is not None:
            return await self._call_with_all(batch)
        return [await self._call_with_one(passage) for passage in batch]

    async def _call_with_one(self, passage: Passage) -> Verdict:
        event = passage.event
        encode = cloudevents.encode_structured if self._call.mode == "structured" else cloudevents.encode_binary
        try:
            headers, body = encode(event)
            if "ce-id" in headers:
                headers["Idempotency-Key"] = headers["ce-id"]
            reply = await self._send(passage, headers, body)
            wish = wish_of(reply)
            return answer.of_one(event, reply) if wish is None else await self._named.fulfil(wish, event)
        except EventError as error:
            return error

    async def _call_with_all(self, batch: Sequence[Passage]) -> Sequence[Verdict]:
        events = [passage.event for passage in batch]
        try:
            headers, body = cloudevents.encode_batch(events)
        except Permanent:
            return await self._call_without_invalid(batch)  # nothing has been sent yet
        reply = await self._send(batch[0], headers, body, len(batch))
        return answer.of_batch(events, reply)

    async def _call_without_invalid(self, batch: Sequence[Passage]) -> Sequence[Verdict]:
        """Finds the events that cannot be written as JSON, and calls with the others."""
        invalid = {index: error for index, passage in enumerate(batch) if (error := _encoding_error(passage.event))}
        valid = [passage for index, passage in enumerate(batch) if index not in invalid]
        answers = iter(await self._call_with_all(valid) if valid else ())
        return [invalid[index] if index in invalid else next(answers) for index in range(len(batch))]

    async def _send(self, passage: Passage, headers: dict[str, str], body: bytes | None, count: int = 1) -> Answer:
        scope = self._surroundings.scope(passage)
        path = self._path if isinstance(self._path, str) else _path_value(self._path, scope)
        if self._headers is not None:
            headers = {**headers, **_header_values(self._headers, scope)}
        started = self._surroundings.clock.now()
        reply = await self._app.send(self._call.method, path, headers, body, self._timeout)
        took = (self._surroundings.clock.now() - started) * 1000
        events = f" with {count} events" if count > 1 else ""
        passage.notes.append(f"{self._app.name} {path}{events} {reply.status} in {took:.0f} ms")
        return reply


def _path_value(path: Expression, scope: Scope) -> str:
    value = text_of(path.evaluate(scope))
    # The client would resolve `..`, and data would choose another endpoint of the app.
    if ".." in re.split(r"[/\\]", unquote(value.partition("?")[0])):
        raise Permanent(f"the path {value!r} leads elsewhere with '..'")
    return value


def _header_values(headers: Tree, scope: Scope) -> dict[str, str]:
    values = {name: text_of(value) for name, value in headers.evaluate(scope).items()}
    for name, value in values.items():
        if _CONTROL_CHARACTER.search(value):
            raise Permanent(f"the header {name} would hold a line break or another control character")
    return values


def _encoding_error(event: Event) -> Permanent | None:
    try:
        cloudevents.encode_one(event)
    except Permanent as error:
        return error
    return None
