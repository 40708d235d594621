from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from bindings.aws.bundler import Bundler
from engine.errors import EventError, Permanent, Retryable, Unavailable


class Service:
    """What was sent, request by request. `answering` is set when it answers."""

    def __init__(self) -> None:
        self.requests: list[list[str]] = []
        self.answering = asyncio.Event()
        self.answering.set()

    async def send(self, entries: Sequence[str]) -> Sequence[str | EventError]:
        self.requests.append(list(entries))
        await self.answering.wait()
        for kind, error in (("bad", Permanent), ("later", Retryable), ("bug", ZeroDivisionError)):
            if kind in entries:
                raise error(kind)
        if "gone" in entries:
            raise asyncio.CancelledError
        return [entry.upper() for entry in entries]


def bundler(service: Service, lanes: int = 1, most: int = 3, most_bytes: int = 100) -> Bundler[str, str]:
    return Bundler(service.send, lanes=lanes, most=most, size=len, most_bytes=most_bytes)


async def test_entries_go_in_full_requests_and_in_their_order() -> None:
    service = Service()
    assert await bundler(service).put(list("abcdefg")) == list("ABCDEFG")
    assert service.requests == [["a", "b", "c"], ["d", "e", "f"], ["g"]]


async def test_what_comes_in_one_turn_goes_together() -> None:
    service = Service()
    one = bundler(service)
    assert await asyncio.gather(*(one.put([entry]) for entry in "abc")) == [["A"], ["B"], ["C"]]
    assert service.requests == [["a", "b", "c"]]


async def test_what_comes_while_a_request_is_under_way_goes_together() -> None:
    service = Service()
    service.answering.clear()
    one = bundler(service, lanes=2)
    puts = []
    for entry in "abcdef":
        puts.append(asyncio.create_task(one.put([entry])))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    service.answering.set()
    assert [answer for put in puts for answer in await put] == list("ABCDEF")
    assert service.requests == [["a"], ["b", "c", "d"], ["e", "f"]]


async def test_request_holds_so_many_bytes_and_a_larger_entry_goes_alone() -> None:
    service = Service()
    entries = ["x" * 60, "x" * 40, "x" * 1, "x" * 200, "x"]
    assert len(await bundler(service, most=10).put(entries)) == 5
    assert [[len(entry) for entry in request] for request in service.requests] == [[60, 40], [1], [200], [1]]


async def test_entries_with_one_key_go_in_requests_of_their_own() -> None:
    service = Service()
    one: Bundler[str, str] = Bundler(service.send, lanes=1, key=lambda entry: entry[0])
    await one.put(["a1", "b1", "a2", "a3", "b2"])
    assert service.requests == [["a1", "b1"], ["a2"], ["a3", "b2"]]


async def test_entry_that_the_service_refuses_fails_alone() -> None:
    a, bad, c = await bundler(Service()).put(["a", "bad", "c"])
    assert (a, c) == ("A", "C")
    assert isinstance(bad, Permanent)


async def test_error_of_a_request_is_that_of_all_its_entries() -> None:
    answers = await bundler(Service()).put(["a", "later", "c", "d"])
    assert [type(answer) for answer in answers] == [Retryable, Retryable, Retryable, str]


async def test_bug_is_raised_and_the_others_go_on() -> None:
    one = bundler(Service(), most=1)
    other = asyncio.create_task(one.put(["a"]))
    with pytest.raises(ZeroDivisionError):
        await one.put(["bug"])
    assert await other == ["A"]


async def test_request_that_is_called_off_is_no_answer() -> None:
    assert [type(answer) for answer in await bundler(Service()).put(["gone", "a"])] == [Unavailable, Unavailable]


async def test_put_that_is_cancelled_is_sent_and_disturbs_nobody() -> None:
    service = Service()
    one = bundler(service)
    cancelled, other = asyncio.create_task(one.put(["a"])), asyncio.create_task(one.put(["b"]))
    await asyncio.sleep(0)
    cancelled.cancel()
    assert await other == ["B"]
    assert service.requests == [["a", "b"]]


@pytest.mark.parametrize("turns", range(8))
async def test_what_comes_while_a_lane_ends_is_sent(turns: int) -> None:
    one = bundler(Service())
    first = asyncio.create_task(one.put(["a"]))
    for _ in range(turns):
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        assert await one.put(["b"]) == ["B"]
        assert await first == ["A"]
