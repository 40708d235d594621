from __future__ import annotations

import asyncio

import pytest

from bindings.contract import Received
from bindings.store import DeadLetter
from engine.clock import VirtualClock
from engine.dead_letters import DeadLetters, edited
from engine.errors import EventError, NotReady, Permanent, Retryable
from engine.event import Event
from engine.passage import Arrival, Passage, Replay
from tests.engine.rig import FlakyStore
from tests.engine.stages.passages import Unsettled

NOW = 1_700_000_000.0


def event(id: str) -> Event:
    return Event({"specversion": "1.0", "id": id, "source": "/orders", "type": "order"}, b"{}")


def passage(attempts: int = 0) -> Passage:
    arrival = Arrival(Received("a", b"{}", {}, {"key": "k"}), event("a"), Unsettled())
    return Passage(arrival, event("a/1"), stage=2, attempts=attempts)


async def letter_of(passage: Passage, error: EventError, clock: VirtualClock | None = None) -> DeadLetter:
    letters = DeadLetters("orders", "rev1", FlakyStore(), clock or VirtualClock(now=NOW))
    [letter] = await letters.keep("steps[1].call", [(passage, error)])
    return letter


async def test_letter_has_the_history_of_its_event() -> None:
    error = Retryable("app answered 500", status=500, body=b"out of stock")
    letter = await letter_of(passage(attempts=5), error)
    assert (letter.pipeline, letter.revision, letter.stage) == ("orders", "rev1", "steps[1].call")
    assert (letter.event.id, letter.origin.id, letter.metadata) == ("a/1", "a", {"key": "k"})
    assert (letter.error, letter.status, letter.body) == ("app answered 500", 500, b"out of stock")
    assert (letter.attempts, letter.time) == (5, NOW)


async def test_letter_of_an_event_that_was_tried_once_has_one_attempt() -> None:
    assert (await letter_of(passage(), Permanent("no"))).attempts == 1


async def test_replay_that_fails_again_is_the_letter_that_it_was() -> None:
    again = passage()
    again.arrival.replay = Replay("letter-7")
    assert (await letter_of(again, Permanent("no"))).id == "letter-7"


async def test_parts_of_a_replay_that_fail_are_letters_of_their_own() -> None:
    again = passage()
    again.arrival.replay = Replay("letter-7")
    ids = [(await letter_of(part, Permanent("no"))).id for part in again.fork([event("a/1"), event("a/2")])]
    assert len({*ids, "letter-7"}) == 3
    assert all("letter-7" < id < "letter-8" for id in ids)


async def test_edited_data_keep_the_envelope_but_for_a_reference_to_the_old_data() -> None:
    letter = await letter_of(passage(), Permanent("no"))
    letter.event = letter.event.replace(dataref="/old", dataschema="/schema")
    changed = edited(letter, b"[1]")
    assert (changed.event.value, changed.origin.value) == ([1], [1])
    assert changed.event.attributes == {**event("a/1").attributes, "dataschema": "/schema"}
    with pytest.raises(Permanent, match="the data is not JSON"):
        edited(letter, b"{")


async def test_ids_sort_in_the_order_of_the_letters_also_when_the_clock_is_set_back() -> None:
    clock = VirtualClock(now=NOW)
    letters = DeadLetters("orders", "rev1", FlakyStore(), clock)
    three = [(passage(), Permanent("no"))] * 3
    ids = [letter.id for letter in await letters.keep("event", three)]
    await clock.advance(-3600)
    ids += [letter.id for letter in await letters.keep("event", three)]
    assert ids == sorted(set(ids))


@pytest.mark.parametrize("error", [NotReady("the disk is full"), OSError("no space left")])
async def test_keep_returns_only_when_the_letters_are_durable(error: Exception) -> None:
    store, clock = FlakyStore(), VirtualClock()
    store.errors.extend([error, error])
    letters = DeadLetters("orders", "rev1", store, clock)
    keeping = asyncio.create_task(letters.keep("event", [(passage(), Permanent("no"))] * 2))
    await clock.advance(0)
    assert not keeping.done()
    await clock.advance(5)
    await keeping
    assert await store.count_dead_letters() == 2
