"""Reading when there is room, working side by side, and draining."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest

from bindings.contract import Outcome, Received
from bindings.memory.input import MemoryInput
from bindings.memory.metadata import MemoryMetadata
from bindings.memory.output import MemoryOutput
from engine.errors import NotReady, Permanent, Retryable, Unavailable
from engine.passage import Passage
from engine.replay import replay
from engine.stages.stage import Verdict
from tests.bindings.fakes import context, operation
from tests.engine.rig import App, HeldApp, Rig, Step, failing, parts


def unavailable() -> Unavailable:
    return Unavailable("app answered 503", status=503)


def ids(count: int) -> list[str]:
    return [f"e{number}" for number in range(count)]


# Reading


@pytest.mark.parametrize(("concurrency", "batch_size"), [(1, 1), (16, 1), (4, 100)])
async def test_slow_stage_slows_the_reading(concurrency: int, batch_size: int) -> None:
    app = HeldApp(limit=batch_size)
    rig = Rig(app, concurrency=concurrency, batch_size=batch_size)
    rig.start(*ids(100_000))
    await rig.until(lambda: app.under_way == concurrency * batch_size)
    await rig.pass_time(2)
    assert rig.input.most_out == 2 * concurrency * batch_size
    app.go.set()
    await rig.until_settled(20 * concurrency * batch_size)
    assert rig.input.most_out == 2 * concurrency * batch_size
    await rig.run.stop(1)


async def test_events_that_wait_are_no_reason_to_read_without_end() -> None:
    rig = Rig(App(failing(lambda: Retryable("app answered 500"), ids(100_000))), failures=100_000)
    rig.start(*ids(100_000))
    await rig.pass_time(1)
    assert rig.input.most_out <= 1000 + 2 * 16
    await rig.run.stop(1)


async def test_no_more_calls_than_concurrency_are_under_way() -> None:
    app = HeldApp()
    rig = Rig(app, concurrency=3)
    rig.start(*ids(20))
    await rig.pass_time(1)
    assert app.under_way == 3
    app.go.set()
    await rig.until_settled(20)


async def test_room_is_free_only_when_the_input_has_confirmed() -> None:
    rig = Rig(App(), concurrency=1)
    rig.input.settle_errors.extend(NotReady("the broker is away") for _ in range(3))
    rig.start(*ids(100))
    await rig.pass_time(0.1)
    assert rig.counts.delivered == 2
    assert len(rig.input.out) == 2
    await rig.pass_time(1)
    assert len(rig.input.settled) == 100


async def test_settlement_that_fails_is_repeated() -> None:
    rig = Rig(App())
    rig.input.settle_errors.extend([NotReady("the broker is away"), Retryable("the broker is away")])
    rig.start("a")
    await rig.pass_time(1)
    assert rig.input.outcomes == {"a": Outcome.DONE}


async def test_input_that_cannot_be_read_is_opened_again_and_the_reason_shown() -> None:
    rig = Rig(App())
    rig.input.read_errors.extend([NotReady("connection refused"), NotReady("still away")])
    rig.start("a")
    await rig.pass_time(0.2)
    assert rig.run.problem == "connection refused"
    await rig.pass_time(3)
    assert rig.run.problem == ""
    assert rig.input.opened == 2
    assert rig.input.outcomes == {"a": Outcome.DONE}


async def test_input_with_a_bug_is_read_again(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig(App())
    rig.input.read_errors.append(KeyError("headers"))
    rig.start("a")
    await rig.pass_time(1)
    assert rig.input.outcomes == {"a": Outcome.DONE}
    assert "KeyError" in caplog.text


async def test_replayed_event_goes_on_from_the_stage_where_it_failed() -> None:
    first = App(name="steps[0].call")
    second = App(failing(lambda: Permanent("app answered 400"), ["a"], times=1), name="steps[1].call")
    rig = Rig(first, second)
    rig.start("a")
    await rig.until_settled(1)
    await replay(rig.store, list((await rig.letters()).values()), from_start=False)
    await rig.until(lambda: rig.counts.delivered == 1)
    assert (len(first.calls), len(second.calls)) == (1, 2)
    assert len(rig.input.settled) == 1
    assert await rig.letters() == {}


# Batches


async def test_batch_that_is_not_full_waits_for_more() -> None:
    app = App(limit=3)
    rig = Rig(app, batch_size=3, max_wait=0.5)
    rig.start("a")
    await rig.pass_time(0.3)
    rig.input.put("b")
    assert app.calls == []
    await rig.pass_time(0.3)
    assert app.calls == [["a", "b"]]


async def test_full_batch_does_not_wait() -> None:
    app = App(limit=3)
    rig = Rig(app, batch_size=3, max_wait=10)
    rig.start("a", "b", "c", "d", "e", "f")
    await rig.pass_time(0.1)
    assert app.calls == [["a", "b", "c"], ["d", "e", "f"]]


async def test_batch_that_becomes_full_does_not_wait_longer() -> None:
    app = App(limit=3)
    rig = Rig(app, batch_size=3, max_wait=10)
    rig.start("a")
    await rig.pass_time(0.1)
    rig.input.put("b", "c")
    await rig.pass_time(0.1)
    assert app.calls == [["a", "b", "c"]]


async def test_event_that_is_tried_again_does_not_wait_for_a_full_batch() -> None:
    app = App(failing(lambda: Retryable("app answered 500"), ["a"], times=1), limit=3)
    rig = Rig(app, batch_size=3, max_wait=10)
    rig.start("a", "b", "c")
    await rig.pass_time(0.5)
    assert app.calls == [["a", "b", "c"], ["a"]]


# Stopping


async def test_stop_finishes_what_is_under_way_and_gives_the_rest_back() -> None:
    app = HeldApp()
    rig = Rig(app, concurrency=2)
    rig.start(*ids(4))
    await rig.until(lambda: app.under_way == 2)
    stopping = asyncio.create_task(rig.run.stop(5))
    await rig.until_settled(2)
    assert rig.input.outcomes == {"e2": Outcome.RELEASED, "e3": Outcome.RELEASED}
    app.go.set()
    await stopping
    assert Counter(rig.input.outcomes.values()) == {Outcome.DONE: 2, Outcome.RELEASED: 2}
    assert rig.input.out == {}
    assert (rig.counts.delivered, rig.counts.released) == (2, 2)


async def test_stop_gives_back_what_waits_for_another_try() -> None:
    rig = Rig(App(failing(lambda: Retryable("app answered 500"), ["a"])))
    rig.start("a")
    await rig.until(lambda: rig.clock.sleepers > 0)
    await rig.run.stop(1)
    assert rig.input.outcomes == {"a": Outcome.RELEASED}
    assert await rig.letters() == {}


async def test_stop_gives_back_what_waits_for_an_app_that_is_away() -> None:
    rig = Rig(App(failing(lambda: Unavailable("app answered 503"), ids(10))), failures=2)
    rig.start(*ids(10))
    await rig.pass_time(1)
    await rig.run.stop(1)
    assert set(rig.input.outcomes.values()) == {Outcome.RELEASED}
    assert rig.input.out == {}


async def test_event_that_fails_while_the_pipeline_stops_is_given_back() -> None:
    app = HeldApp()
    app.reply = failing(lambda: Retryable("app answered 500"), ["a"])
    rig = Rig(app)
    rig.start("a")
    await rig.until(lambda: app.under_way == 1)
    stopping = asyncio.create_task(rig.run.stop(5))
    await asyncio.sleep(0)
    app.go.set()
    await stopping
    assert rig.input.outcomes == {"a": Outcome.RELEASED}


async def test_call_that_hangs_is_cancelled_at_the_time_limit_and_not_settled() -> None:
    app = HeldApp()
    rig = Rig(app)
    rig.start("a")
    await rig.until(lambda: app.under_way == 1)
    await rig.run.stop(0.01)
    assert app.under_way == 0
    assert rig.input.settled == []
    assert set(rig.input.out) == {"a"}


async def test_dead_letter_that_cannot_be_kept_is_not_settled_at_the_stop() -> None:
    rig = Rig(App(failing(lambda: Permanent("app answered 400"), ["a"])))
    rig.store.errors.extend(NotReady("the disk is full") for _ in range(100))
    rig.start("a")
    await rig.pass_time(1)
    await rig.run.stop(0.01)
    assert rig.input.settled == []


async def test_stop_gives_up_a_settlement_that_the_input_never_takes() -> None:
    rig = Rig(App())
    rig.input.settle_errors.extend(NotReady("the broker is away") for _ in range(100))
    rig.start("a")
    await rig.until(lambda: rig.counts.delivered == 1)
    await rig.run.stop(0.01)
    assert set(rig.input.out) == {"a"}


async def test_stop_loses_and_repeats_nothing() -> None:
    app = App()
    rig = Rig(app, concurrency=3)
    rig.start(*ids(200))
    await rig.until_settled(50)
    await rig.run.stop(1)
    done = [id for id, outcome in rig.input.outcomes.items() if outcome is Outcome.DONE]
    assert sorted(app.called_with) == sorted(done)
    rig.run.start()
    await rig.until(lambda: Counter(one.outcome for one in rig.input.settled)[Outcome.DONE] == 200)
    assert Counter(app.called_with) == Counter(ids(200))


async def test_stop_without_start_is_allowed() -> None:
    await Rig(App()).run.stop(1)


async def test_start_again_after_stop_reads_on() -> None:
    rig = Rig(App())
    rig.start("a")
    await rig.until_settled(1)
    await rig.run.stop(1)
    rig.input.put("b")
    rig.run.start()
    await rig.until_settled(2)
    assert rig.input.outcomes == {"a": Outcome.DONE, "b": Outcome.DONE}


# With a real binding


async def test_events_of_a_memory_queue_are_delivered_once_each() -> None:
    output = MemoryOutput(MemoryMetadata(), context("orders"))
    await output.open()
    await output.invoke([operation("create", id=id) for id in ids(500)])
    input = MemoryInput(MemoryMetadata(), context("orders"))
    await input.open()
    app = App(limit=10)
    rig = Rig(app, concurrency=4, batch_size=10, input=input)
    rig.run.start()
    await rig.until(lambda: rig.counts.delivered == 500)
    await rig.run.stop(1)
    await input.close()
    assert Counter(app.called_with) == Counter(ids(500))


async def test_pipeline_that_was_stopped_while_it_was_paused_reads_again() -> None:
    answers: list[Unavailable] = [unavailable()]
    rig = Rig(App(lambda _: answers[0] if answers else None))
    rig.start(*ids(10))
    await rig.pass_time(2)
    await rig.run.stop(0.1)
    answers.clear()
    rig.run.start()
    await rig.pass_time(30, step=0.5)
    assert Counter(rig.input.outcomes.values())[Outcome.DONE] == 10


async def test_full_batch_does_not_wait_at_concurrency_one() -> None:
    app = App(limit=3)
    rig = Rig(app, concurrency=1, batch_size=3, max_wait=10)
    rig.start("a")
    await rig.pass_time(1)
    rig.input.put("b", "c")
    await rig.pass_time(1)
    assert app.calls == [["a", "b", "c"]]


async def test_worker_that_is_free_leaves_the_batch_that_fills() -> None:
    app = HeldApp(limit=3)
    rig = Rig(app, concurrency=4, batch_size=3, max_wait=10)
    rig.start("a", "b", "c")
    await rig.until(lambda: app.under_way == 3)
    rig.input.put("d")
    await rig.pass_time(1)
    app.go.set()
    await rig.pass_time(1)
    assert app.calls == [["a", "b", "c"]]
    await rig.run.stop(1)


async def test_outage_of_many_hours_reads_no_more_than_a_thousand_probes() -> None:
    rig = Rig(App(lambda _: unavailable()), concurrency=1)
    rig.start(*ids(5000))
    await rig.pass_time(36_000, step=5)
    assert rig.counts.read < 1100


async def test_message_that_was_cut_off_by_a_stop_comes_again_after_a_start() -> None:
    app = HeldApp()
    rig = Rig(app, concurrency=2)
    rig.start(*ids(4))
    await rig.until(lambda: app.under_way == 2)
    await rig.run.stop(0.01)
    app.go.set()
    rig.run.start()
    await rig.pass_time(10)
    assert Counter(rig.input.outcomes.values())[Outcome.DONE] == 4


async def test_message_that_cannot_be_taken_in_shows_as_a_problem() -> None:
    class Broken(Received):
        @property
        def attributes(self) -> dict[str, str]:
            raise KeyError("headers")

        @attributes.setter
        def attributes(self, _: object) -> None:
            pass

    rig = Rig(App())
    rig.input._backlog.append(Broken("a", b"{}"))  # a bug of a binding
    rig.start()
    await rig.pass_time(1)
    assert rig.run.problem == "'headers'"


class Uneven(App):
    """Answers for the first part at once, and for the others when it is let go."""

    def __init__(self) -> None:
        super().__init__(name="steps[2].call")
        self.go = asyncio.Event()
        self.under_way = 0

    async def __call__(self, batch: Sequence[Passage]) -> Sequence[Verdict]:
        for _ in range(5):
            await asyncio.sleep(0)
        if batch[0].event.id != "p0":
            self.under_way += 1
            await self.go.wait()
        return await super().__call__(batch)


async def test_stop_waits_for_workers_that_started_while_it_waited() -> None:
    first, uneven = HeldApp(), Uneven()
    rig = Rig(first, Step(lambda _: parts(["p0", "p1", "p2"])), uneven)
    rig.start("a")
    await rig.until(lambda: first.under_way == 1)
    stopping = asyncio.create_task(rig.run.stop(5))
    for _ in range(20):
        await asyncio.sleep(0)
    first.go.set()
    await rig.until(lambda: uneven.under_way == 2)
    for _ in range(20):
        await asyncio.sleep(0)
    uneven.go.set()
    await stopping
    assert rig.input.outcomes == {"a": Outcome.DONE}


async def test_start_after_a_settlement_was_cut_off_gives_out_again() -> None:
    rig = Rig(App())
    rig.input.settle_errors.extend(Unavailable("away") for _ in range(1000))
    rig.start("a")
    await rig.until(lambda: len(rig.input.settle_errors) < 1000)
    await rig.run.stop(0.01)
    rig.input.settle_errors.clear()
    rig.run.start()
    for _ in range(50):
        await asyncio.sleep(0)
    await rig.until_settled(1)
    assert rig.input.outcomes == {"a": Outcome.DONE}


async def test_outcome_that_cannot_be_settled_shows_as_a_problem() -> None:
    rig = Rig(App())
    rig.input.settle_errors.append(Unavailable("the disk is full"))
    rig.start("a")
    await rig.until(lambda: rig.run.problem == "1 outcomes could not be settled: the disk is full")
    await rig.pass_time(1)
    assert rig.run.problem == ""
    assert rig.input.outcomes == {"a": Outcome.DONE}


async def test_dead_letter_that_cannot_be_kept_shows_as_a_problem() -> None:
    rig = Rig(App(failing(lambda: Permanent("no"), ["a"])))
    rig.store.errors.append(Unavailable("the disk is full"))
    rig.start("a")
    await rig.until(lambda: rig.run.problem == "1 dead letters could not be stored: the disk is full")
    await rig.pass_time(1)
    assert rig.run.problem == ""
    assert rig.input.outcomes == {"a": Outcome.DEAD_LETTERED}


async def test_replays_of_one_key_are_done_in_their_order_and_those_of_others_beside_them() -> None:
    """The key is the one that the event had when it came in, whatever a step has made of it since."""

    class Renaming(App):
        async def __call__(self, batch: Sequence[Passage]) -> Sequence[Verdict]:
            await super().__call__(batch)
            return [passage.event.replace(id=f"z{passage.event.id}") for passage in batch]

    class Slow(App):
        """Notes which keys are under way together."""

        inside: list[str] = []  # noqa: RUF012 - of this one test
        together: set[str] = set()  # noqa: RUF012

        async def __call__(self, batch: Sequence[Passage]) -> Sequence[Verdict]:
            key = batch[0].event.id[1]
            self.inside.append(key)
            self.together.add("".join(sorted(self.inside)))
            for _ in range(10):
                await asyncio.sleep(0)
            self.inside.remove(key)
            return await super().__call__(batch)

    slow = Slow(lambda _: Permanent("no"), name="steps[1].call")
    rig = Rig(Renaming(), slow, key_of=lambda passage: passage.event.id[0])
    rig.start("a1", "a2", "b1", "a3", "b2")
    await rig.until_settled(5)
    slow.calls.clear()
    slow.together.clear()
    slow.reply = lambda _: None
    await replay(rig.store, await rig.store.dead_letters(), from_start=False)
    await rig.until(lambda: len(slow.called_with) == 5)
    assert [id for id in slow.called_with if "a" in id] == ["za1", "za2", "za3"]
    assert [id for id in slow.called_with if "b" in id] == ["zb1", "zb2"]
    assert {"aa", "bb"}.isdisjoint(slow.together)
    assert "ab" in slow.together
