from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from bindings.redis.lane import Command, exchange
from tests.bindings.redis.server import RedisServer


@pytest.fixture
async def one(server: RedisServer, client: Any) -> AsyncIterator[Redis]:
    """A client with one connection."""
    one = Redis(port=server.port, max_connections=1, retry=Retry(NoBackoff(), 0))
    yield one
    await one.aclose()


async def test_answers_are_in_order_and_errors_are_among_them(one: Redis) -> None:
    commands: list[Command] = [
        ["SET", "a", b"\x00\xff"],
        ["GET", "a"],
        ["LPUSH", "a", "1"],
        ["GET", "none"],
        ["INCRBY", "grün", 7],
    ]
    set, get, push, none, increment = await exchange(one, commands, 5)
    assert (set, get, none, increment) == (b"OK", b"\x00\xff", None, 7)
    assert isinstance(push, ResponseError)


async def test_many_commands_and_big_answers(one: Redis) -> None:
    value = b"x" * 100_000
    commands: list[Command] = []
    for number in range(50):
        commands += [["SET", number, value], ["GET", number]]
    assert await exchange(one, commands, 5) == [b"OK", value] * 50


@pytest.mark.parametrize("turns", range(8))
async def test_answers_of_a_call_that_was_cancelled_are_not_those_of_the_next(one: Redis, turns: int) -> None:
    cancelled = asyncio.create_task(exchange(one, [["ECHO", "old"]] * 10, 5))
    for _ in range(turns):
        await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.wait({cancelled})
    assert await exchange(one, [["ECHO", "new"]] * 10, 5) == [b"new"] * 10


async def test_answers_that_came_too_late_are_not_those_of_the_next(one: Redis) -> None:
    with pytest.raises(Exception, match=r"no answer within 0\.01 s"):
        await exchange(one, [["ECHO", "old"], ["BLPOP", "never", "0.2"]], 0.01)
    assert await exchange(one, [["ECHO", "new"]], 5) == [b"new"]
