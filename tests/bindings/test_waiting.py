from __future__ import annotations

import asyncio

from bindings.waiting import Waiting


def late() -> str:
    return "late"


async def test_answers_are_in_the_order_of_the_requests() -> None:
    waiting: Waiting[int, str] = Waiting()
    batch, other = waiting.expect([1, 2, 3]), waiting.expect([4])
    for key in (3, 4, 1, 2):
        waiting.answer(key, str(key))
    assert await batch.answers(5, late) == ["1", "2", "3"]
    assert await other.answers(5, late) == ["4"]


async def test_request_without_an_answer_in_time_is_late_and_forgotten() -> None:
    waiting: Waiting[int, str] = Waiting()
    batch = waiting.expect([1, 2])
    waiting.answer(2, "2")
    assert 1 in waiting
    assert await batch.answers(0, late) == ["late", "2"]
    assert 1 not in waiting
    waiting.answer(1, "nobody waits for it")


async def test_end_answers_all_that_is_open() -> None:
    waiting: Waiting[int, str] = Waiting()
    batch = waiting.expect([1, 2])
    waiting.answer(1, "1")
    waiting.end("over")
    assert await batch.answers(5, late) == ["1", "over"]


async def test_call_that_is_cancelled_leaves_nothing_behind() -> None:
    waiting: Waiting[int, str] = Waiting()
    task = asyncio.ensure_future(waiting.expect([1]).answers(5, late))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert 1 not in waiting


async def test_batch_of_nothing_needs_no_answer() -> None:
    waiting: Waiting[int, str] = Waiting()
    assert await waiting.expect([]).answers(5, late) == []
