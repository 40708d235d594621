from __future__ import annotations

import asyncio

import pytest

from bindings.contract import Received, Settled
from engine.definitions.subscriptions import StreamedCall
from engine.errors import Permanent, Retryable, TimedOut
from engine.event import Event
from engine.passage import Arrival, Passage
from engine.stages.stage import Verdict
from engine.stages.stream import StreamStage

EVENT = Event({"specversion": "1.0", "id": "1", "source": "/x", "type": "t"})


class Nobody:
    def add(self, settled: Settled) -> None:
        raise AssertionError("a stage settles nothing")


async def verdict(answer: str | None, timeout: float | None = None) -> Verdict:
    """None: the app does not answer."""

    async def deliver(event: Event) -> str:
        assert event is EVENT
        if answer is None:
            await asyncio.Event().wait()
        return str(answer)

    stage = StreamStage("steps[0].call", StreamedCall(app="shop", deliver=deliver), timeout)
    (found,) = await stage([Passage(Arrival(Received("1", None), EVENT, Nobody()), EVENT)])
    return found


async def test_success_leaves_the_event_as_it_is() -> None:
    assert await verdict("SUCCESS") is EVENT


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        ("RETRY", Retryable, "the app answered RETRY"),
        ("DROP", Permanent, "the app answered DROP"),
        ("7", Retryable, "the app answered with the unknown status '7'"),
    ],
)
async def test_other_answers_are_errors(answer: str, kind: type[Exception], message: str) -> None:
    found = await verdict(answer)
    assert isinstance(found, kind)
    assert str(found) == message


async def test_answer_is_waited_for_no_longer_than_a_resiliency_says() -> None:
    assert isinstance(await verdict(None, timeout=0.001), TimedOut)
