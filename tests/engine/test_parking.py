from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict

import pytest

from bindings.contract import Outcome
from bindings.store import LetterQuery
from engine.errors import DefinitionError, Permanent, Unavailable
from engine.parking import Parked, parked_keys, release
from engine.replay import replay, unpark_message
from tests.engine.rig import App, Rig, Step, failing, parts


def rig(app: App, concurrency: int = 16) -> Rig:
    """Events of one first letter are done one after the other."""
    return Rig(app, park=True, concurrency=concurrency, key_of=lambda passage: passage.event.id[0])


async def waiting(rig: Rig, key: str = "a") -> list[str]:
    letters = await rig.store.dead_letters(LetterQuery("orders", key=key))
    return [letter.origin.id for letter in letters]


async def is_parked(rig: Rig, key: str = "a") -> bool:
    return ("orders", key) in await parked_keys(rig.store)


async def until_unparked(rig: Rig, key: str = "a") -> None:
    for _ in range(100):
        await rig.pass_time(0.1)
        if not await is_parked(rig, key):
            return
    raise AssertionError(f"{key} is still parked")


async def test_later_events_of_the_key_wait_behind_the_dead_letter_and_others_go_on() -> None:
    app = App(failing(lambda: Permanent("no"), ["a1"]))
    bench = rig(app)
    bench.start("a1", "a2", "b1", "a3", "b2")
    await bench.until_settled(5)
    assert sorted(app.called_with) == ["a1", "b1", "b2"]
    assert await waiting(bench) == ["a1", "a2", "a3"]
    assert bench.input.outcomes["a3"] is Outcome.DEAD_LETTERED
    first, second, _ = await bench.store.dead_letters(LetterQuery("orders", key="a"))
    assert str(second.error) == f"its key 'a' is parked since dead letter {first.id}"
    [parked] = (await parked_keys(bench.store)).values()
    assert (parked.letter, parked.time) == (first.id, first.time)


async def test_release_does_the_events_of_the_key_in_their_order_and_unparks_it() -> None:
    app = App(failing(lambda: Permanent("no"), ["a1"], times=1))
    bench = rig(app)
    bench.start("a1", "a2", "a3")
    await bench.until_settled(3)
    app.calls.clear()
    assert await release(bench.store, "orders", "a") == 3
    await until_unparked(bench)
    bench.input.put("a4")
    await bench.until_settled(4)
    assert app.called_with == ["a1", "a2", "a3", "a4"]
    assert await bench.store.count_dead_letters() == 0


async def test_release_that_fails_again_keeps_all_of_them_in_their_order() -> None:
    app = App(failing(lambda: Permanent("no"), ["a1", "a3"], times=2))
    bench = rig(app)
    bench.start("a1", "a2", "a3", "a4")
    await bench.until_settled(4)
    before = [letter.id for letter in await bench.store.dead_letters()]
    await release(bench.store, "orders", "a")
    await bench.pass_time(1)
    assert app.called_with == ["a1", "a1"]
    assert [letter.id for letter in await bench.store.dead_letters()] == before
    assert await waiting(bench) == ["a1", "a2", "a3", "a4"]
    for _ in range(3):  # a3 fails twice
        await release(bench.store, "orders", "a")
        await bench.pass_time(1)
    await until_unparked(bench)
    assert app.called_with == ["a1", "a1", "a1", "a2", "a3", "a3", "a3", "a4"]


async def test_events_that_come_while_a_release_is_under_way_do_not_overtake() -> None:
    app = App(failing(lambda: Permanent("no"), ["a1"], times=1))
    bench = rig(app)
    bench.start("a1", "a2")
    await bench.until_settled(2)
    app.calls.clear()
    bench.input.put("a3")
    await release(bench.store, "orders", "a")
    bench.input.put("a4")
    await until_unparked(bench)
    await bench.until_settled(4)
    bench.input.put("a5")
    await bench.until_settled(5)
    assert app.called_with == ["a1", "a2", "a3", "a4", "a5"]


async def test_parked_keys_survive_a_restart_with_another_revision() -> None:
    app = App(failing(lambda: Permanent("no"), ["a1"], times=1))
    bench = rig(app)
    bench.start("a1")
    await bench.until_settled(1)
    await bench.run.stop(1)
    bench.run.start()
    bench.input.put("a2")
    await bench.until_settled(2)
    assert await waiting(bench) == ["a1", "a2"]


async def test_release_of_a_key_whose_letters_were_discarded_unparks_it() -> None:
    bench = rig(App(failing(lambda: Permanent("no"), ["a1"])))
    bench.start("a1")
    await bench.until_settled(1)
    await bench.store.remove_dead_letters([letter.id for letter in await bench.store.dead_letters()])
    assert await release(bench.store, "orders", "a") == 0
    await until_unparked(bench)


async def test_replay_of_one_letter_passes_although_its_key_is_parked() -> None:
    app = App(failing(lambda: Permanent("no"), ["a1"], times=1))
    bench = rig(app)
    bench.start("a1", "a2")
    await bench.until_settled(2)
    [_, second] = await bench.store.dead_letters()
    await replay(bench.store, [second], from_start=False)
    await bench.until(lambda: app.called_with == ["a1", "a2"])
    assert await is_parked(bench)


async def test_message_at_the_end_that_is_given_out_twice_does_not_unpark_before_the_letters() -> None:
    """As after a crash between the next round of a release and the settlement of the one before."""
    app = App(failing(lambda: Permanent("no"), ["a1"], times=1))
    bench = rig(app, concurrency=1)
    bench.start("a1")
    await bench.until_settled(1)
    await bench.run.stop(1)
    await release(bench.store, "orders", "a")
    [parked] = (await parked_keys(bench.store)).values()
    await bench.store.queue("replay/orders").put([unpark_message("a", parked.token)])
    bench.input.put("a2")
    bench.run.start()
    await until_unparked(bench)
    await bench.until_settled(2)
    assert app.called_with == ["a1", "a1", "a2"]


async def test_release_counts_no_event_for_the_message_at_its_end() -> None:
    bench = rig(App(failing(lambda: Permanent("no"), ["a1"], times=1)))
    bench.start("a1")
    await bench.until_settled(1)
    await release(bench.store, "orders", "a")
    await until_unparked(bench)
    assert (bench.counts.read, bench.counts.delivered) == (2, 1)


async def test_key_that_is_not_parked_cannot_be_released() -> None:
    bench = rig(App(failing(lambda: Permanent("no"), ["a1"])))
    bench.start("a1")
    await bench.until_settled(1)
    with pytest.raises(DefinitionError, match="no key 'b' of pipeline orders is parked"):
        await release(bench.store, "orders", "b")


async def test_release_that_is_asked_for_again_keeps_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.parking._ROUND", 1)
    app = App(failing(lambda: Permanent("no"), ["a1"], times=1))
    bench = rig(app)
    bench.start("a1", "a2", "a3")
    await bench.until_settled(3)
    await bench.run.stop(1)
    assert [await release(bench.store, "orders", "a") for _ in range(3)] == [1, 0, 0]
    bench.run.start()
    await until_unparked(bench)
    assert app.called_with == ["a1", "a1", "a2", "a3"]


async def test_letter_that_failed_in_a_replay_of_its_own_does_not_overtake_in_a_release() -> None:
    app = App(failing(lambda: Permanent("no"), ["a1", "a3"], times=2))
    bench = rig(app)
    bench.start("a1", "a2", "a3")
    await bench.until_settled(3)
    await replay(bench.store, (await bench.store.dead_letters())[2:], from_start=False)
    await bench.pass_time(1)
    await release(bench.store, "orders", "a")
    await bench.pass_time(1)
    assert app.called_with == ["a1", "a3", "a1"]
    assert await waiting(bench) == ["a1", "a2", "a3"]
    for _ in range(2):
        await release(bench.store, "orders", "a")
        await bench.pass_time(1)
    await until_unparked(bench)
    assert app.called_with == ["a1", "a3", "a1", "a1", "a2", "a3", "a3"]


async def test_parts_that_fail_in_a_release_stay_before_what_came_after_their_event() -> None:
    first = App(failing(lambda: Permanent("no"), ["a1"], times=1))
    split = Step(lambda id: parts(["p1", "p2"]) if id == "a1" else None, name="steps[1].split")
    second = App(failing(lambda: Permanent("no"), ["p1", "p2"]), name="steps[2].call")
    bench = Rig(first, split, second, park=True, key_of=lambda passage: passage.event.id[0])
    bench.start("a1", "a2", "a3")
    await bench.until_settled(3)
    await release(bench.store, "orders", "a")
    await bench.pass_time(1)
    letters = await bench.store.dead_letters(LetterQuery("orders", key="a"))
    assert [letter.event.id for letter in letters] == ["p1", "p2", "a2", "a3"]


async def test_release_ends_when_a_letter_fails_in_a_revision_that_does_not_park() -> None:
    reply = failing(lambda: Permanent("no"), ["a1"])
    parks, goes_on = rig(App(reply)), App(reply)
    parks.start("a1", "a2")
    await parks.until_settled(2)
    await parks.run.stop(1)
    bench = Rig(goes_on, key_of=lambda passage: passage.event.id[0], store=parks.store)
    bench.start()
    await release(bench.store, "orders", "a")
    await bench.pass_time(1)
    assert goes_on.called_with == ["a1", "a2"]
    assert await waiting(bench) == ["a1"]
    bench.input.put("b1", "a3")
    await bench.until_settled(2)
    assert sorted(goes_on.called_with[2:]) == ["a3", "b1"]


async def test_key_is_unparked_although_marks_are_read_meanwhile() -> None:
    app = App(failing(lambda: Permanent("no"), ["a1", "b1"], times=1))
    bench = rig(app)
    bench.start("a1", "b1", "b2")
    await bench.until_settled(3)
    [b1, _] = await bench.store.dead_letters(LetterQuery("orders", key="b"))
    await bench.store.remove_dead_letters([b1.id])  # what is first now comes by the stage that reads the marks
    dropping, drops, drop_marks = asyncio.Event(), asyncio.Event(), bench.store.drop_marks

    async def slow(scope: str, keys: Sequence[str]) -> None:
        dropping.set()
        await drops.wait()
        await drop_marks(scope, keys)

    bench.store.drop_marks = slow  # type: ignore[method-assign]
    await release(bench.store, "orders", "a")
    await dropping.wait()
    await release(bench.store, "orders", "b")
    await bench.pass_time(1)
    drops.set()
    await until_unparked(bench, "b")
    bench.input.put("a2")
    await bench.until_settled(4)
    assert bench.input.outcomes["a2"] is Outcome.DONE


async def test_key_is_parked_although_marks_are_read_meanwhile() -> None:
    bench = rig(App(failing(lambda: Permanent("no"), ["a1", "b1"])))
    bench.start("a1")
    await bench.until_settled(1)
    reads, marks = [asyncio.Event(), asyncio.Event()], bench.store.marks
    first, second = reads

    async def slow(scope: str) -> dict[str, str]:
        read = await marks(scope)
        if reads:
            await reads.pop(0).wait()
        return read

    bench.store.marks = slow  # type: ignore[method-assign]
    bench.input.put("a2")  # the parked keys are read for it
    await bench.until(lambda: reads == [second])
    bench.input.put("b1")
    await bench.pass_time(1)
    first.set()
    bench.input.put("b2")
    await bench.pass_time(1)
    second.set()
    await bench.until_settled(4)
    assert bench.input.outcomes["b2"] is Outcome.DEAD_LETTERED


async def test_marks_that_cannot_be_read_hold_up_the_dead_letter_and_lose_nothing() -> None:
    bench = rig(App(failing(lambda: Permanent("no"), ["a1"], times=2)))
    bench.start("a1")
    await bench.until_settled(1)
    await bench.run.stop(1)
    await replay(bench.store, await bench.store.dead_letters(), from_start=False)
    errors, marks = [Unavailable("locked")], bench.store.marks

    async def locked(scope: str) -> dict[str, str]:
        if errors:
            raise errors.pop()
        return await marks(scope)

    bench.store.marks = locked  # type: ignore[method-assign]
    bench.run.start()
    await bench.pass_time(1)
    assert bench.run.under_way == 0
    assert await waiting(bench) == ["a1"]


async def test_key_that_another_engine_unparked_is_free() -> None:
    bench = rig(App(failing(lambda: Permanent("no"), ["a1"])))
    bench.start("a1")
    await bench.until_settled(1)
    await bench.store.remove_dead_letters([letter.id for letter in await bench.store.dead_letters()])
    await bench.store.drop_marks("parked", ["orders/a"])
    bench.input.put("a2")
    await bench.until_settled(2)
    assert bench.input.outcomes["a2"] is Outcome.DONE


async def test_release_of_a_key_that_another_engine_parked_ends() -> None:
    bench = rig(App())
    bench.start("b1")  # the parked keys are read
    await bench.until_settled(1)
    parked = Parked("letter", 1.0, "token")
    await bench.store.set_marks("parked", {"orders/a": json.dumps(asdict(parked))})
    await release(bench.store, "orders", "a")
    await until_unparked(bench)
