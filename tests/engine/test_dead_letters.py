from __future__ import annotations

import asyncio

import pytest

from bindings.contract import Received
from engine.clock import VirtualClock
from engine.dead_letters import Keeper, edited, letter_id, letter_of
from engine.errors import NotReady, Permanent, Retryable
from engine.event import Event
from engine.passage import Arrival, Passage
from tests.engine.rig import FlakyStore
from tests.engine.stages.passages import Unsettled

NOW = 1_700_000_000.0


def event(id: str) -> Event:
    return Event({"specversion": "1.0", "id": id, "source": "/orders", "type": "order"}, b"{}")


def passage(attempts: int = 0) -> Passage:
    arrival = Arrival(Received("a", b"{}", {}, {"key": "k"}), event("a"), Unsettled())
    return Passage(arrival, event("a/1"), stage=2, attempts=attempts)


def test_letter_has_the_history_of_its_event() -> None:
    error = Retryable("app answered 500", status=500, body=b"out of stock")
    letter = letter_of(passage(attempts=5), "orders", "rev1", "steps[1].call", error, NOW)
    assert (letter.pipeline, letter.revision, letter.stage) == ("orders", "rev1", "steps[1].call")
    assert (letter.event.id, letter.origin.id, letter.metadata) == ("a/1", "a", {"key": "k"})
    assert (letter.error, letter.status, letter.body) == ("app answered 500", 500, b"out of stock")
    assert (letter.attempts, letter.time) == (5, NOW)


def test_letter_of_an_event_that_was_tried_once_has_one_attempt() -> None:
    assert letter_of(passage(), "orders", "rev1", "event", Permanent("no"), NOW).attempts == 1


def test_edited_data_keep_the_envelope_but_for_a_reference_to_the_old_data() -> None:
    letter = letter_of(passage(), "orders", "rev1", "event", Permanent("no"), NOW)
    letter.event = letter.event.replace(dataref="/old", dataschema="/schema")
    changed = edited(letter, b"[1]")
    assert (changed.event.value, changed.origin.value) == ([1], [1])
    assert changed.event.attributes == {**event("a/1").attributes, "dataschema": "/schema"}
    with pytest.raises(Permanent, match="the data is not JSON"):
        edited(letter, b"{")


def test_ids_sort_by_time_and_differ_in_one_instant() -> None:
    ids = [letter_id(NOW + seconds) for seconds in (0, 1e-5, 0.5, 1, 60, 86_400, 1e9)]
    assert ids == sorted(ids)
    assert len({letter_id(NOW) for _ in range(100)}) == 100


@pytest.mark.parametrize("error", [NotReady("the disk is full"), OSError("no space left")])
async def test_keeper_returns_only_when_the_letters_are_durable(error: Exception) -> None:
    store, clock = FlakyStore(), VirtualClock()
    store.errors.extend([error, error])
    letters = [letter_of(passage(), "orders", "rev1", "event", Permanent("no"), NOW) for _ in range(2)]
    keeping = asyncio.create_task(Keeper(store, clock).keep(letters))
    await clock.advance(0)
    assert not keeping.done()
    await clock.advance(5)
    await keeping
    assert await store.count_dead_letters() == 2
