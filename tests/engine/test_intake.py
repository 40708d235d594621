"""Order by key: events of one key one after the other, keys side by side."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import defaultdict

import pytest

from bindings.contract import Outcome
from engine.definitions.pipeline import Deduplicate
from engine.errors import Permanent, Retryable, Unavailable
from engine.passage import Passage
from engine.replay import replay
from tests.engine.rig import App, BatchApp, HeldApp, Rig, failing


def key_of(passage: Passage) -> str:
    """`b7` has the key `b`; an event whose id begins with `!` has none."""
    if passage.event.id.startswith("!"):
        raise Permanent("there is no key")
    return passage.event.id[0]


def numbered(keys: str, count: int) -> list[str]:
    """`a0 b0 a1 b1 …`"""
    return [f"{key}{number}" for number in range(count) for key in keys]


def in_order(called: list[str]) -> bool:
    by_key: dict[str, list[int]] = defaultdict(list)
    for id in called:
        by_key[id[0]].append(int(id[1:]))
    return all(numbers == sorted(numbers) for numbers in by_key.values())


async def test_one_event_of_a_key_is_under_way_and_keys_are_side_by_side() -> None:
    app = HeldApp()
    rig = Rig(app, key_of=key_of)
    rig.start("a0", "a1", "b0", "a2", "c0", "b1")
    await rig.until(lambda: app.under_way == 3)
    await rig.pass_time(1)
    assert app.under_way == 3
    app.go.set()
    await rig.until_settled(6)
    assert sorted(app.called_with[:3]) == ["a0", "b0", "c0"]
    assert in_order(app.called_with)


async def test_events_of_a_key_are_in_order_at_any_concurrency() -> None:
    app = App(limit=10)
    rig = Rig(app, concurrency=8, batch_size=10, key_of=key_of)
    rig.start(*numbered("abcde", 200))
    await rig.until_settled(1000)
    assert in_order(app.called_with)
    assert len(app.called_with) == 1000
    assert max(map(len, app.calls)) > 1
    assert all(len({id[0] for id in call}) == len(call) for call in app.calls)


async def test_an_event_that_is_tried_again_holds_up_only_its_key() -> None:
    app = App(failing(lambda: Retryable("no"), ["a0"], times=3))
    rig = Rig(app, key_of=key_of)
    rig.start("a0", "a1", "b0", "b1")
    await rig.until_settled(2)
    assert app.called_with == ["a0", "b0", "b1"]
    await rig.pass_time(5)
    assert app.called_with == ["a0", "b0", "b1", "a0", "a0", "a0", "a1"]


async def test_a_dead_letter_lets_its_key_go_on() -> None:
    app = App(failing(lambda: Permanent("no"), ["a0"]))
    rig = Rig(app, key_of=key_of)
    rig.start("a0", "a1")
    await rig.until_settled(2)
    assert rig.input.outcomes == {"a0": Outcome.DEAD_LETTERED, "a1": Outcome.DONE}


async def test_the_next_of_a_key_waits_until_the_one_before_is_settled_with_the_input() -> None:
    app = App()
    rig = Rig(app, key_of=key_of)
    rig.input.settle_errors.append(OSError("away"))
    rig.start("a0", "a1")
    await rig.until(lambda: not rig.input.settle_errors)
    assert app.called_with == ["a0"]
    await rig.pass_time(1)
    assert app.called_with == ["a0", "a1"]


async def test_a_batch_that_fails_as_a_whole_keeps_the_order() -> None:
    app = BatchApp(failing(lambda: Retryable("no"), ["b1"], times=6), limit=10)
    rig = Rig(app, concurrency=4, batch_size=10, max_attempts=20, key_of=key_of)
    rig.start(*numbered("abc", 3))
    await rig.pass_time(60)
    assert set(rig.input.outcomes.values()) == {Outcome.DONE}
    done = [settled.received.id for settled in rig.input.settled]
    assert in_order(done)


async def test_order_is_kept_through_an_outage() -> None:
    away = [True]
    app = App(lambda _: Unavailable("away") if away[0] else None)
    rig = Rig(app, key_of=key_of)
    rig.start(*numbered("ab", 20))
    await rig.pass_time(60)
    away[0] = False
    failed = len(app.calls)
    await rig.pass_time(60)
    assert in_order(app.called_with[failed:])
    assert len(rig.input.settled) == 40
    assert await rig.letters() == {}


async def test_an_event_without_a_key_is_a_dead_letter_and_holds_up_nothing() -> None:
    app = App()
    rig = Rig(app, key_of=key_of)
    rig.start("!", "a0")
    await rig.until_settled(2)
    assert app.called_with == ["a0"]
    assert (await rig.letters())["!"].error == "there is no key"


async def test_what_is_held_back_is_released_when_the_pipeline_stops() -> None:
    app = HeldApp()
    rig = Rig(app, key_of=key_of)
    rig.start("a0", "a1", "a2")
    await rig.until(lambda: app.under_way == 1)
    stopping = asyncio.create_task(rig.run.stop(5))
    await rig.until(lambda: len(rig.input.settled) == 2)
    app.go.set()
    await stopping
    assert rig.input.outcomes == {"a0": Outcome.DONE, "a1": Outcome.RELEASED, "a2": Outcome.RELEASED}
    rig.run.start()
    await rig.until_settled(5)
    assert app.called_with == ["a0", "a1", "a2"]


async def test_a_replay_takes_its_place_in_the_order_of_its_key() -> None:
    app = App(failing(lambda: Permanent("no"), ["a0"], times=1))
    rig = Rig(app, key_of=key_of)
    rig.start("a0", "a1")
    await rig.until_settled(2)
    letters = await rig.letters()
    await replay(rig.store, [letters["a0"]], from_start=False)
    await rig.until(lambda: len(app.calls) == 3)
    assert app.called_with == ["a0", "a1", "a0"]


async def test_replays_keep_the_order_of_their_key_in_a_revision_without_one() -> None:
    refusing = Rig(App(failing(lambda: Permanent("no"), numbered("a", 3))), key_of=key_of)
    refusing.start(*numbered("a", 3))
    await refusing.until_settled(3)
    await refusing.run.stop(1)
    app = HeldApp()
    rig = Rig(app, store=refusing.store)
    await replay(rig.store, await rig.store.dead_letters(), from_start=False)
    rig.run.start()
    await rig.until(lambda: app.under_way > 0)
    await rig.pass_time(1)
    assert app.under_way == 1
    app.go.set()
    await rig.until(lambda: len(app.calls) == 3)
    assert in_order(app.called_with)


async def test_replay_that_begins_anew_has_the_key_of_the_revision_that_does_it() -> None:
    refusing = Rig(App(failing(lambda: Permanent("no"), ["a0"])), key_of=lambda passage: "before")
    refusing.start("a0")
    await refusing.until_settled(1)
    await refusing.run.stop(1)
    app = HeldApp()
    rig = Rig(app, store=refusing.store, key_of=key_of)
    await replay(rig.store, await rig.store.dead_letters(), from_start=True)
    rig.run.start()
    await rig.until(lambda: app.under_way == 1)
    rig.input.put("a1")
    await rig.pass_time(1)
    assert app.under_way == 1
    app.go.set()
    await rig.until_settled(1)
    assert app.called_with == ["a0", "a1"]


async def test_letter_has_the_key_of_the_order_and_not_that_of_the_deduplication() -> None:
    for given, expected in ((None, None), (key_of, "a")):
        rig = Rig(App(failing(lambda: Permanent("no"), ["a0"])), key_of=given, deduplicate=Deduplicate())
        rig.start("a0")
        await rig.until_settled(1)
        [letter] = await rig.store.dead_letters()
        assert letter.key == expected


@pytest.mark.parametrize("seed", range(20))
async def test_order_is_kept_under_random_failures(seed: int) -> None:
    draw = random.Random(seed)

    def reply(_: str) -> Retryable | Unavailable | None:
        kind = draw.random()
        return Retryable("no") if kind < 0.2 else Unavailable("away") if kind < 0.3 else None

    app = BatchApp(reply, limit=5) if seed % 2 else App(reply)
    rig = Rig(app, concurrency=3, batch_size=5 if seed % 2 else 1, max_attempts=100, key_of=key_of)
    rig.start(*numbered("abcd", 15))
    await rig.pass_time(600, step=0.5)
    done = [settled.received.id for settled in rig.input.settled]
    assert in_order(done)
    assert sorted(done) == sorted(numbered("abcd", 15))
    # What the app was called with begins each event only after the one before it was done.
    first = list(dict.fromkeys(itertools.chain(*app.calls)))
    assert in_order(first)
