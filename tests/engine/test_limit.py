from __future__ import annotations

import asyncio
import math

import pytest

from engine.limit import AdaptiveLimit


class Requests:
    """Requests that stay under way until they are ended."""

    def __init__(self, limit: AdaptiveLimit) -> None:
        self.limit = limit
        self.tasks: list[asyncio.Task[None]] = []
        self._ends: list[asyncio.Event] = []

    async def begin(self, count: int) -> None:
        for _ in range(count):
            end = asyncio.Event()
            self._ends.append(end)
            self.tasks.append(asyncio.create_task(self._request(end)))
        await asyncio.sleep(0)

    async def end(self, count: int, answered: bool = True) -> None:
        for _ in range(count):
            self._ends.pop(0).set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            if answered:
                self.limit.answered()
            else:
                self.limit.overloaded()
            await asyncio.sleep(0)

    async def _request(self, end: asyncio.Event) -> None:
        async with self.limit:
            await end.wait()


@pytest.fixture
def requests() -> Requests:
    return Requests(AdaptiveLimit())


async def test_limit_has_no_bound_until_there_is_too_much(requests: Requests) -> None:
    await requests.begin(100)
    assert (requests.limit.under_way, requests.limit.most) == (100, math.inf)


async def test_overload_halves_what_was_under_way_once_a_round(requests: Requests) -> None:
    await requests.begin(16)
    await requests.end(8, answered=False)
    assert requests.limit.most == 8
    assert requests.limit.under_way == 8


async def test_overload_after_the_round_halves_again_and_never_below_one(requests: Requests) -> None:
    there_are = 16
    for expected in (8, 4, 2, 1, 1):
        await requests.begin(there_are)
        await requests.end(there_are, answered=False)
        there_are = int(requests.limit.most)
        assert there_are == expected


async def test_each_round_of_answers_lets_one_more(requests: Requests) -> None:
    await requests.begin(8)
    await requests.end(1, answered=False)
    await requests.end(7)
    before = requests.limit.most
    await requests.begin(100)
    await requests.end(int(before))
    assert before < requests.limit.most <= before + 1


async def test_what_is_too_much_waits_for_its_turn_in_its_order(requests: Requests) -> None:
    requests.limit.begin_anew(before=1)
    await requests.begin(3)
    assert requests.limit.under_way == 1
    await requests.end(1)
    assert [task.done() for task in requests.tasks] == [True, False, False]
    await requests.end(2)
    await asyncio.gather(*requests.tasks)
    assert requests.limit.under_way == 0


async def test_after_an_outage_each_round_doubles_up_to_half_of_what_there_was(requests: Requests) -> None:
    requests.limit.begin_anew(before=16)
    await requests.begin(100)
    rounds = []
    for _ in range(6):
        rounds.append(requests.limit.under_way)
        await requests.end(requests.limit.under_way)
    assert rounds == [1, 2, 4, 8, 8, 9]


async def test_one_that_waits_and_is_cancelled_takes_no_turn(requests: Requests) -> None:
    requests.limit.begin_anew(before=1)
    await requests.begin(3)
    requests.tasks[1].cancel()
    await asyncio.sleep(0)
    await requests.end(1)
    assert [task.done() for task in requests.tasks] == [True, True, False]
    assert requests.limit.under_way == 1


async def test_one_that_is_cancelled_just_as_it_gets_its_turn_passes_it_on(requests: Requests) -> None:
    limit = requests.limit
    limit.begin_anew(before=1)
    await requests.begin(3)
    requests._ends[0].set()
    await requests.tasks[0]
    requests.tasks[1].cancel()
    await asyncio.gather(requests.tasks[1], return_exceptions=True)
    await asyncio.sleep(0)
    assert limit.under_way == 1
    requests._ends[2].set()
    await requests.tasks[2]
    assert limit.under_way == 0


async def test_one_that_is_cancelled_and_passed_over_at_once_ends_as_cancelled(requests: Requests) -> None:
    limit = requests.limit
    limit.begin_anew(before=1)
    await limit.__aenter__()
    await requests.begin(1)
    requests.tasks[0].cancel()
    await limit.__aexit__()
    await asyncio.wait(requests.tasks)
    assert requests.tasks[0].cancelled()
    assert limit.under_way == 0
