"""Events are done once, and none is lost for it."""

from __future__ import annotations

import itertools

from bindings.contract import Outcome
from engine.definitions.pipeline import Deduplicate
from engine.errors import Permanent, Retryable, Unavailable
from engine.replay import replay
from tests.engine.rig import App, HeldApp, Rig, failing

SCOPE = "deduplicate/orders"


def rig_with(app: App, key: str | None = None) -> Rig:
    return Rig(app, deduplicate=Deduplicate(key=key, window=3600))


async def test_an_event_that_comes_again_is_done_once() -> None:
    app = App()
    rig = rig_with(app)
    rig.start("a#1", "b", "a#2", "a#3")
    await rig.until_settled(4)
    assert app.called_with == ["a", "b"]
    assert rig.counts.filtered == 2


async def test_a_duplicate_waits_for_the_one_that_is_under_way() -> None:
    app = HeldApp()
    rig = rig_with(app)
    rig.start("a#1", "a#2")
    await rig.until(lambda: app.under_way == 1)
    await rig.pass_time(1)
    assert app.under_way == 1
    app.go.set()
    await rig.until_settled(2)
    assert [one.outcome for one in rig.input.settled] == [Outcome.DONE, Outcome.FILTERED]


async def test_a_duplicate_with_another_key_of_the_order_waits_too() -> None:
    app = HeldApp()
    turns = itertools.count()
    rig = Rig(app, deduplicate=Deduplicate(), key_of=lambda _: str(next(turns)))
    rig.start("a#1", "a#2")
    await rig.until(lambda: app.under_way == 1)
    await rig.pass_time(1)
    assert app.under_way == 1
    app.go.set()
    await rig.pass_time(30)
    assert [one.outcome for one in rig.input.settled] == [Outcome.DONE, Outcome.FILTERED]
    assert app.called_with == ["a"]


async def test_an_event_that_was_not_finished_is_no_duplicate_of_itself() -> None:
    app = HeldApp()
    rig = rig_with(app)
    rig.start("a")
    await rig.until(lambda: app.under_way == 1)
    await rig.run.stop(0)  # as in a crash: it was claimed, and is never committed
    assert rig.input.settled == []
    assert await rig.store.claim(SCOPE, ["/orders a"], rig.clock.now(), 0) == [False]


async def test_the_ledger_is_written_before_the_message_is_settled_and_after_its_effects() -> None:
    app = App()
    rig = rig_with(app)
    rig.input.settle_errors.append(OSError("the engine dies here"))
    rig.start("a")
    await rig.until(lambda: not rig.input.settle_errors)
    assert app.called_with == ["a"]
    assert rig.input.settled == []
    assert await rig.store.claim(SCOPE, ["/orders a"], rig.clock.now(), 0) == [True]


async def test_a_released_event_is_done_when_it_comes_again() -> None:
    app = App(failing(lambda: Unavailable("away"), ["a"], times=1))
    rig = rig_with(app)
    rig.start("a")
    await rig.until(lambda: app.called_with == ["a"])
    await rig.run.stop(1)
    assert rig.input.outcomes == {"a": Outcome.RELEASED}
    rig.run.start()
    await rig.until_settled(2)
    assert rig.input.settled[-1].outcome is Outcome.DONE


async def test_a_dead_letter_is_remembered_and_its_replay_is_no_duplicate() -> None:
    app = App(failing(lambda: Permanent("no"), ["a"], times=1))
    rig = rig_with(app)
    rig.start("a#1", "a#2")
    await rig.until_settled(2)
    assert [one.outcome for one in rig.input.settled] == [Outcome.DEAD_LETTERED, Outcome.FILTERED]
    await replay(rig.store, list((await rig.letters()).values()), from_start=True)
    await rig.until(lambda: rig.counts.delivered == 1)
    assert app.called_with == ["a", "a"]


async def test_a_retry_is_no_duplicate() -> None:
    app = App(failing(lambda: Retryable("no"), ["a"], times=2))
    rig = rig_with(app)
    rig.start("a")
    await rig.pass_time(2)
    assert app.called_with == ["a", "a", "a"]
    assert rig.input.outcomes == {"a": Outcome.DONE}


async def test_an_event_is_done_again_after_the_window() -> None:
    app = App()
    rig = rig_with(app)
    rig.start("a")
    await rig.until_settled(1)
    await rig.pass_time(3700, step=100)
    rig.input.put("a#2")
    await rig.until_settled(2)
    assert app.called_with == ["a", "a"]


async def test_the_key_can_be_an_expression() -> None:
    app = App()
    rig = rig_with(app, key="event.id[0]")
    rig.start("a1", "a2", "b1")
    await rig.until_settled(3)
    assert app.called_with == ["a1", "b1"]
