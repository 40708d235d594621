from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from bindings.contract import Operation, Result
from bindings.store import DeadLetter
from engine.clock import VirtualClock
from engine.cloudevents import validate
from engine.definitions.pipeline import Retry
from engine.errors import EventError, Permanent, Unavailable
from engine.event import Event
from engine.letter_output import RetryingOutput
from engine.stages.stage import Surroundings


class Output:
    """An output binding that answers with `answers`, then with success."""

    def __init__(self, *answers: EventError) -> None:
        self.answers = list(answers)
        self.done: list[Operation] = []

    async def open(self) -> None:
        pass

    async def invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
        results: list[Result | EventError] = []
        for operation in operations:
            answer = self.answers.pop(0) if self.answers else None
            if answer is None:
                self.done.append(operation)
            results.append(answer or Result())
        return results

    async def close(self) -> None:
        pass


def letter(id: str, error: str = "app shop answered 422", status: int | None = 422) -> DeadLetter:
    event = Event({"specversion": "1.0", "id": f"event-{id}", "source": "/shop", "type": "order"}, b'{"n":1}')
    return DeadLetter(id, "orders", "rev1", "steps[0].call", event, event, {}, error, status, None, 5, 1.0)


async def send(output: Output, *letters: DeadLetter, metadata: dict[str, Any] | None = None) -> Sequence[DeadLetter]:
    clock = VirtualClock()
    retry = Retry(max_attempts=3, initial=0.0, jitter=False)
    sender = RetryingOutput(output, "create", metadata or {}, retry, Surroundings({}, clock))
    return await sender.send(letters)


async def test_event_goes_as_it_failed_and_says_what_happened() -> None:
    output = Output()
    assert await send(output, letter("a"), metadata={"fileName": "{{ event.errorstage }}/{{ event.id }}"}) == []
    [operation] = output.done
    assert (operation.name, operation.event.id, operation.event.data) == ("create", "event-a", b'{"n":1}')
    assert operation.metadata == {"fileName": "steps[0].call/event-a"}
    said = {name: value for name, value in operation.event.attributes.items() if name.startswith("error")}
    assert said == {
        "errorpipeline": "orders",
        "errorrevision": "rev1",
        "errorstage": "steps[0].call",
        "errormessage": "app shop answered 422",
        "errorattempts": 5,
        "errorstatus": 422,
    }
    validate(operation.event.attributes)


async def test_error_of_many_lines_is_a_valid_attribute() -> None:
    output = Output()
    await send(output, letter("a", error="no\n  such\tthing", status=None))
    assert output.done[0].event.attributes["errormessage"] == "no such thing"
    validate(output.done[0].event.attributes)


async def test_output_that_is_away_for_a_moment_is_tried_again() -> None:
    output = Output(Unavailable("away"), Unavailable("away"))
    assert await send(output, letter("a")) == []
    assert len(output.done) == 1


@pytest.mark.parametrize("answers", [[Permanent("too large")], [Unavailable("away")] * 3])
async def test_what_the_output_cannot_take_is_given_back_with_both_errors(answers: list[EventError]) -> None:
    output = Output(*answers)
    [left] = await send(output, letter("a"))
    assert left.id == "a"
    assert left.error == f"app shop answered 422; and its dead letter could not be sent: {answers[0]}"
    assert output.done == []


async def test_metadata_that_cannot_be_made_gives_back_only_its_letter() -> None:
    output = Output()
    metadata = {"fileName": "{{ 1 // (event.errorstatus - 422) }}"}
    [left] = await send(output, letter("a"), letter("b", status=500), metadata=metadata)
    assert left.id == "a"
    assert [operation.event.id for operation in output.done] == ["event-b"]


async def test_output_that_asks_for_a_long_wait_is_not_waited_for() -> None:
    retry = Retry(max_attempts=3, initial=0.0, max=30.0, jitter=False)
    output = Output(Unavailable("too many", after=86_400.0))
    sender = RetryingOutput(output, "create", {}, retry, Surroundings({}, VirtualClock()))
    async with asyncio.timeout(5):
        [left] = await sender.send([letter("a")])
    assert left.id == "a"


class Hanging(Output):
    """Never answers the first so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    async def invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
        if self.times:
            self.times -= 1
            await asyncio.Event().wait()
        return await super().invoke(operations)


@pytest.mark.parametrize(("times", "left"), [(2, []), (3, ["a"])])
async def test_output_that_hangs_is_tried_again_and_holds_nobody_for_ever(times: int, left: list[str]) -> None:
    retry = Retry(max_attempts=3, initial=0.0, jitter=False)
    output = Hanging(times)
    sender = RetryingOutput(output, "create", {}, retry, Surroundings({}, VirtualClock()), timeout=0.01)
    async with asyncio.timeout(5):
        given_back = await sender.send([letter("a")])
    assert [one.id for one in given_back] == left
    assert all("it was not confirmed within 0.01 s" in one.error for one in given_back)


class Broken(Output):
    """Raises, where a binding should give back a result for each operation."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
        raise self.error


@pytest.mark.parametrize("error", [Unavailable("away"), Permanent("no"), RuntimeError("a bug of the binding")])
async def test_output_that_raises_loses_no_letter(error: Exception) -> None:
    left = await send(Broken(error), letter("a"), letter("b"))
    assert [one.id for one in left] == ["a", "b"]
    assert str(error) in left[0].error
