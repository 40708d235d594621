from __future__ import annotations

import asyncio

from bindings.contract import Received
from bindings.memory.queue import Queue, open_queue


def message(id: str) -> Received:
    return Received(id, None)


def full_queue() -> Queue:
    queue = Queue()
    queue.resize(1)
    queue.give_back([message("first")])
    return queue


async def waiting(queue: Queue, id: str) -> asyncio.Task[None]:
    """A put that waits for room."""
    putting = asyncio.create_task(queue.put(message(id)))
    await asyncio.wait({putting}, timeout=0.02)
    assert not putting.done()
    return putting


async def test_put_waits_while_the_queue_is_full() -> None:
    queue = full_queue()
    putting = await waiting(queue, "second")
    assert [one.id for one in await queue.take(10)] == ["first"]
    await putting
    assert [one.id for one in await queue.take(10)] == ["second"]


async def test_put_cancelled_while_it_waits_adds_nothing() -> None:
    queue = full_queue()
    cancelled, kept = await waiting(queue, "second"), await waiting(queue, "third")
    cancelled.cancel()
    await queue.take(10)
    await kept
    assert [one.id for one in await queue.take(10)] == ["third"]


async def test_puts_that_wait_go_in_as_there_is_room() -> None:
    queue = full_queue()
    puts = [await waiting(queue, id) for id in ("second", "third", "fourth")]
    taken = [(await queue.take(10))[0].id for _ in range(4)]
    await asyncio.gather(*puts)
    assert taken == ["first", "second", "third", "fourth"]


async def test_give_back_goes_to_the_front_of_a_full_queue_in_order() -> None:
    queue = full_queue()
    queue.give_back([message("a"), message("b")])
    assert [one.id for one in await queue.take(10)] == ["a", "b", "first"]


async def test_open_queue_takes_the_latest_capacity() -> None:
    queue = open_queue("orders", capacity=1)
    await queue.put(message("first"))
    putting = await waiting(queue, "second")
    assert open_queue("orders", capacity=2) is queue
    await putting


def test_open_queue_of_another_event_loop_is_another_queue() -> None:
    async def put_and_count() -> int:
        queue = open_queue("orders", capacity=10)
        await queue.put(message("one"))
        return len(await queue.take(10))

    assert [asyncio.run(put_and_count()) for _ in range(2)] == [1, 1]
