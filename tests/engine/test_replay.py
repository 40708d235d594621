from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bindings.contract import Received
from bindings.store import DeadLetter
from engine.clock import VirtualClock
from engine.event import Event
from engine.passage import Passage
from engine.replay import Replays, paced, passage_of, queue_name, replay
from engine.testing.memory_store import MemoryStore
from tests.engine.test_passage import Settlements

STAGES = ["event", "steps[0].transform", "steps[1].call"]
HEAD = {"specversion": "1.0", "id": "7", "source": "/s", "type": "t"}
ORIGIN = Event({**HEAD, "datacontenttype": "application/json"}, b"{broken")
FAILED = Event({**HEAD, "datacontenttype": "text/plain"}, b"changed")


def letter(id: str = "a", pipeline: str = "orders") -> DeadLetter:
    return DeadLetter(
        id, pipeline, "rev", "steps[1].call", FAILED, ORIGIN, {"key": "k"}, "no", None, None, attempts=5, time=1.0
    )


async def replayed(store: MemoryStore, pipeline: str = "orders") -> list[Received]:
    return list(await store.queue(queue_name(pipeline)).read(10))


async def passage(from_start: bool = False, revision: str = "rev", stages: list[str] = STAGES) -> Passage:
    store = MemoryStore()
    await store.add_dead_letters([letter()])
    await replay(store, [letter()], from_start)
    (received,) = await replayed(store)
    return passage_of(received, revision, stages, Settlements())


async def test_a_replay_goes_on_from_the_stage_that_failed_and_says_what_it_is() -> None:
    result = await passage()
    assert (result.stage, result.event, result.arrival.origin) == (2, FAILED, ORIGIN)
    assert result.metadata == {"key": "k", "replayOf": "a"}


@pytest.mark.parametrize(
    ("from_start", "revision", "stages"),
    [(True, "rev", STAGES), (False, "other", STAGES), (False, "rev", ["event"])],
)
async def test_a_replay_goes_the_whole_way_when_asked_or_when_the_stages_may_be_others(
    from_start: bool, revision: str, stages: list[str]
) -> None:
    result = await passage(from_start, revision, stages)
    assert (result.stage, result.event) == (0, ORIGIN)


async def test_replayed_letters_are_removed_and_each_pipeline_gets_its_own_in_order() -> None:
    store = MemoryStore()
    letters = [letter("a"), letter("b", "payments"), letter("c")]
    await store.add_dead_letters(letters)
    await replay(store, letters, from_start=False)
    assert await store.count_dead_letters() == 0
    assert [one.metadata["replayOf"] for one in await replayed(store)] == ["a", "c"]
    assert [one.metadata["replayOf"] for one in await replayed(store, "payments")] == ["b"]


async def pages(*sizes: int) -> AsyncIterator[list[DeadLetter]]:
    for size in sizes:
        yield [letter(str(number)) for number in range(size)]


@pytest.mark.parametrize(
    ("rate", "sizes", "paced_sizes"),
    [(2.0, [2, 1], [1, 1, 1]), (0.5, [2], [1, 1]), (50.0, [12, 3], [5, 5, 2, 3])],
)
async def test_paced_letters_come_at_their_rate_whatever_their_pages(
    rate: float, sizes: list[int], paced_sizes: list[int]
) -> None:
    clock = VirtualClock(now=0.0)
    times: list[float] = []

    async def take() -> list[int]:
        batches = []
        async for batch in paced(pages(*sizes), rate, clock):
            times.append(clock.now())
            batches.append(len(batch))
        return batches

    taking = asyncio.create_task(take())
    await clock.advance(sum(sizes) / rate)
    assert await taking == paced_sizes
    assert times == pytest.approx([sum(paced_sizes[:number]) / rate for number in range(len(paced_sizes))])


async def test_paced_letters_do_not_come_faster_after_a_slow_taker() -> None:
    clock = VirtualClock(now=0.0)
    times: list[float] = []

    async def take() -> None:
        async for _ in paced(pages(3), 1.0, clock):
            times.append(clock.now())
            if len(times) == 1:
                await clock.sleep(10)

    taking = asyncio.create_task(take())
    await clock.advance(20)
    await taking
    assert times == [0.0, 10.0, 11.0]


async def test_paced_letters_do_not_wait_for_a_clock_that_is_set_back() -> None:
    clock = VirtualClock()
    taken: list[str] = []

    async def take() -> None:
        async for batch in paced(pages(3), 1.0, clock):
            taken.extend(letter.id for letter in batch)

    taking = asyncio.create_task(take())
    await clock.advance(0.5)
    clock.set(-3600)
    await clock.advance(3)
    assert len(taken) == 3
    await taking


async def test_replays_that_are_cancelled_count_what_is_on_its_way() -> None:
    class SlowStore(MemoryStore):
        async def resend(self, *given: Any) -> None:
            sending.set()
            await asyncio.sleep(0)
            await super().resend(*given)

    sending = asyncio.Event()
    store = SlowStore()
    await store.add_dead_letters([letter("a"), letter("b")])
    replays = Replays(store, from_start=False)
    adding = asyncio.create_task(replays.add([letter("a")]))
    await sending.wait()
    adding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adding
    assert replays.count == 1
    assert [one.id for one in await store.dead_letters()] == ["b"]
