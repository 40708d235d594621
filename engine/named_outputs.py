"""Outputs that an app names in its answer to a binding event (Dapr, bindings API, "HTTP Response body")."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from bindings.contract import Operation, OutputBinding
from engine.app import Answer
from engine.components import Components, Use
from engine.errors import DefinitionError, EventError, JackfieldError, Permanent, Unavailable
from engine.event import Event, is_json

_FIELDS = {"to", "data", "concurrency", "state", "storeName"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What an app wants to be done: `data` to the outputs `to`, side by side or one after the other."""

    to: tuple[str, ...]
    data: Any
    has_data: bool
    parallel: bool


def wish_of(answer: Answer) -> Wish | None:
    """None when the answer is anything else; raises `Permanent` for a wish that cannot be done.

    Only an object of nothing but Dapr's fields, with `to` or `state` among them, is one: all else is data.
    """
    if not is_json(answer.headers.get("Content-Type", "")) or not (b'"to"' in answer.body or b'"state"' in answer.body):
        return None
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict) or not body.keys() <= _FIELDS or not body.keys() & {"to", "state"}:
        return None
    to = body.get("to") or []
    names = [to] if isinstance(to, str) else to
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Permanent(f"the app's answer has a `to` that is no list of names: {str(to)[:200]}")
    if body.get("state"):
        # Nothing has been done yet, so that nothing is half done.
        raise Permanent(
            f"the app's answer wants state in {body.get('storeName')!r}: state in an answer is not saved yet"
        )
    return Wish(tuple(names), body.get("data"), "data" in body, body.get("concurrency") == "parallel")


class NamedOutputs:
    """Opens an output when it is first named. `resolve` finds a component of the folder."""

    def __init__(self, components: Components, resolve: Callable[[str], Awaitable[Use]]) -> None:
        self._components = components
        self._resolve = resolve
        self._opened: dict[str, tuple[Use, OutputBinding]] = {}
        self._opening = asyncio.Lock()

    async def fulfil(self, wish: Wish, event: Event) -> Event:
        """Does what the app wants, and gives the event as it goes on; raises `EventError` when one output fails.

        Then the event is retried whole, the app's call included: at least once, as everywhere.
        """
        changed = event.with_value(wish.data) if wish.has_data else event
        if wish.parallel:
            answers = await asyncio.gather(*[self._invoke(name, changed) for name in wish.to], return_exceptions=True)
            for error in filter(None, answers):  # only now: a retry must not run beside what is still under way
                raise error
        else:
            for name in wish.to:
                await self._invoke(name, changed)
        return changed

    async def _invoke(self, name: str, event: Event) -> None:
        use, output = await self._output(name)
        operation = Operation(use.manifest.default_operation, event.replace(id=f"{event.id}/{name}"), {})
        (result,) = await output.invoke([operation])
        if isinstance(result, EventError):
            raise result

    async def _output(self, name: str) -> tuple[Use, OutputBinding]:
        async with self._opening:
            if name not in self._opened:
                try:
                    use = await self._resolve(name)
                    self._opened[name] = use, await self._components.output(use)
                except DefinitionError as error:
                    raise Permanent(f"the app's answer names the output {name!r}: {error}") from error
                except JackfieldError as error:
                    raise Unavailable(f"the app's answer names the output {name!r}: {error}") from error
        return self._opened[name]

    async def close(self) -> None:
        while self._opened:
            _, (use, _) = self._opened.popitem()
            await self._components.release(use)
