"""Dead letters to an output binding instead of the store: `delivery.deadLetter: {binding: …}`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeGuard

from bindings.contract import Operation, OutputBinding, Result
from bindings.store import DeadLetter
from engine.definitions.pipeline import Retry
from engine.errors import EventError, Permanent, Retryable, TimedOut
from engine.event import Attribute, Event
from engine.expressions import Scope, compile_tree, text_of
from engine.retry import backoff
from engine.stages.stage import Surroundings

_log = logging.getLogger("jackfield.dead_letters")
TIMEOUT = 30.0  # seconds: until it has confirmed, a letter holds its worker
_LONGEST = 1000  # characters of a message, which becomes a header


class RetryingOutput:
    """Sends each event as it failed, under its own id. What the output refuses, or cannot take within the retries of
    the pipeline, is given back, so that the store keeps it.
    """

    def __init__(
        self,
        binding: OutputBinding,
        operation: str,
        metadata: Mapping[str, Any],
        retry: Retry,
        surroundings: Surroundings,
        timeout: float = TIMEOUT,
    ) -> None:
        self._binding = binding
        self._operation = operation
        self._metadata = compile_tree(dict(metadata)) if metadata else None
        self._retry = retry
        self._surroundings = surroundings
        self._timeout = timeout

    async def send(self, letters: Sequence[DeadLetter]) -> Sequence[DeadLetter]:
        refused: list[DeadLetter] = []
        left, tries = list(letters), 0
        while left:
            tries += 1
            failed = [(one, error) for one, error in zip(left, await self._try(left), strict=True) if error is not None]
            again = [(one, error) for one, error in failed if self._may_pass(error, tries)]
            refused += [_with_both(one, error) for one, error in failed if not self._may_pass(error, tries)]
            left = [one for one, _ in again]
            if again:
                await self._surroundings.clock.sleep(backoff(self._retry, tries, again[0][1]))
        for letter in refused:
            _log.warning("%s: dead letter %s is kept in the store: %s", letter.pipeline, letter.id, letter.error)
        return refused

    def _may_pass(self, error: EventError, tries: int) -> TypeGuard[Retryable]:
        if not isinstance(error, Retryable) or tries >= self._retry.max_attempts:
            return False
        return (error.after or 0.0) <= self._retry.max  # a worker waits for this, and the store is there at once

    async def _try(self, letters: Sequence[DeadLetter]) -> Sequence[EventError | None]:
        made = [self._operation_for(letter) for letter in letters]
        results = iter(await self._invoke([one for one in made if isinstance(one, Operation)]))
        answers = [next(results) if isinstance(one, Operation) else one for one in made]
        return [answer if isinstance(answer, EventError) else None for answer in answers]

    async def _invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
        try:
            async with asyncio.timeout(self._timeout):
                results = await self._binding.invoke(operations) if operations else ()
            if len(results) != len(operations):
                raise ValueError(f"{len(results)} results of {len(operations)} operations")
        except EventError as error:
            return [error] * len(operations)
        except TimeoutError:
            return [TimedOut(f"it was not confirmed within {self._timeout:g} s")] * len(operations)
        except Exception as error:  # a bug: the letters must be kept all the same
            _log.exception("the output for dead letters failed in a way that it should not")
            return [Permanent(f"internal error: {type(error).__name__}: {error}")] * len(operations)
        return results

    def _operation_for(self, letter: DeadLetter) -> Operation | EventError:
        event, surroundings = event_of(letter), self._surroundings
        scope = Scope(event, letter.metadata, surroundings.env, surroundings.clock.now())
        try:
            metadata = self._metadata.evaluate(scope) if self._metadata is not None else {}
            return Operation(self._operation, event, {name: text_of(value) for name, value in metadata.items()})
        except EventError as error:
            return error


def event_of(letter: DeadLetter) -> Event:
    """The event as it failed, with what happened as extension attributes (CloudEvents 1.0, 3.1.1)."""
    said: dict[str, Attribute] = {
        "errorpipeline": letter.pipeline,
        "errorrevision": letter.revision,
        "errorstage": letter.stage,
        "errormessage": " ".join(letter.error.split())[:_LONGEST],
        "errorattempts": letter.attempts,
    }
    if letter.status is not None:
        said["errorstatus"] = letter.status
    return letter.event.replace(**said)


def _with_both(letter: DeadLetter, error: EventError) -> DeadLetter:
    return replace(letter, error=f"{letter.error}; and its dead letter could not be sent: {error}")
