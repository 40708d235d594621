"""The way of an event, from the input to its settlement."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest

from bindings.contract import Operation, Outcome, Result
from engine.clock import VirtualClock
from engine.definitions.pipeline import Output, Retry
from engine.errors import EventError, NotReady, Permanent, Retryable, Unavailable
from engine.passage import Passage
from engine.retry import RetryRule
from engine.stages.output import OutputStage
from engine.stages.stage import Surroundings, Verdict
from tests.engine.rig import App, BatchApp, Rig, Step, failing, parts


def server_error() -> Retryable:
    return Retryable("app answered 500", status=500)


def unavailable() -> Unavailable:
    return Unavailable("app answered 503", status=503)


def refusal() -> Permanent:
    return Permanent("app answered 400", status=400, body=b"no such size")


def ids(count: int) -> list[str]:
    return [f"e{number}" for number in range(count)]


# One event


async def test_event_that_passes_all_stages_is_done() -> None:
    app, output = App(), App(name="outputs[0]")
    rig = Rig(Step(lambda _: None), app, output)
    rig.start("a", "b")
    await rig.until_settled(2)
    assert rig.input.outcomes == {"a": Outcome.DONE, "b": Outcome.DONE}
    assert sorted(output.called_with) == ["a", "b"]
    assert (rig.counts.read, rig.counts.delivered, rig.counts.retried) == (2, 2, 0)


async def test_settlement_comes_after_all_effects() -> None:
    order: list[str] = []

    def note(place: str) -> Verdict | None:
        order.append(f"{place}, settled {len(rig.input.settled)}")
        return None

    rig = Rig(App(lambda _: note("call")), App(lambda _: note("output 0")), App(lambda _: note("output 1")))
    rig.start("a")
    await rig.until_settled(1)
    assert order == ["call, settled 0", "output 0, settled 0", "output 1, settled 0"]


async def test_settlement_carries_the_event_as_it_ended() -> None:
    [changed] = parts(["changed"])
    rig = Rig(App(lambda _: changed))
    rig.start("a")
    await rig.until_settled(1)
    assert list(rig.input.settled[0].results) == [changed]
    assert rig.input.settled[0].error is None


async def test_filtered_event_ends_there() -> None:
    output = App(name="outputs[0]")
    rig = Rig(Step(lambda id: Outcome.FILTERED if id == "a" else None), output)
    rig.start("a", "b")
    await rig.until_settled(2)
    assert rig.input.outcomes == {"a": Outcome.FILTERED, "b": Outcome.DONE}
    assert output.called_with == ["b"]
    assert (rig.counts.filtered, rig.counts.delivered) == (1, 1)
    assert list(rig.input.settled[0].results) == []


# Permanent errors and bugs


async def test_permanent_error_is_a_dead_letter_with_its_history() -> None:
    [changed] = parts(["changed"])
    rig = Rig(
        App(lambda _: changed, name="steps[0].call"),
        App(failing(refusal, ["changed"]), name="steps[1].call"),
    )
    rig.start()
    rig.input.put("a", data=b'{"size":"XXL"}')
    await rig.until_settled(1)
    letter = (await rig.letters())["a"]
    assert (letter.pipeline, letter.revision, letter.stage) == ("orders", "rev1", "steps[1].call")
    assert (letter.error, letter.status, letter.body) == ("app answered 400", 400, b"no such size")
    assert letter.attempts == 1
    assert letter.event == changed
    assert (letter.origin.id, letter.origin.data) == ("a", b'{"size":"XXL"}')
    assert letter.time == rig.clock.now()
    assert rig.input.outcomes == {"a": Outcome.DEAD_LETTERED}
    assert rig.input.settled[0].error is not None
    assert (rig.counts.dead_lettered, rig.counts.retried) == (1, 0)


@pytest.mark.parametrize("waits", [True, False])
async def test_bug_in_a_stage_dead_letters_its_event_and_the_others_go_on(
    waits: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def reply(id: str) -> Verdict | None:
        if id == "bad":
            raise KeyError("price")
        return None

    rig = Rig(App(reply) if waits else Step(reply))
    rig.start("a", "bad", "b")
    await rig.until_settled(3)
    assert rig.input.outcomes == {"a": Outcome.DONE, "bad": Outcome.DEAD_LETTERED, "b": Outcome.DONE}
    assert (await rig.letters())["bad"].error == "internal error: KeyError: 'price'"
    assert "Traceback" in caplog.text


async def test_bug_in_a_batch_stage_dead_letters_only_the_event_that_meets_it() -> None:
    def reply(id: str) -> Verdict | None:
        if id == "e3":
            raise KeyError("price")
        return None

    rig = Rig(App(reply, limit=8), batch_size=8)
    rig.start(*ids(8))
    await rig.until_settled(8)
    assert [id for id, outcome in rig.input.outcomes.items() if outcome is not Outcome.DONE] == ["e3"]


# Errors that may pass


async def test_retryable_error_is_tried_until_it_passes() -> None:
    app = App(failing(server_error, ["a"], times=2))
    rig = Rig(app)
    rig.start("a")
    await rig.pass_time(1)
    assert app.called_with == ["a", "a", "a"]
    assert rig.input.outcomes == {"a": Outcome.DONE}
    assert (rig.counts.retried, rig.counts.delivered, rig.counts.dead_lettered) == (2, 1, 0)


async def test_retryable_error_is_a_dead_letter_after_max_attempts_with_growing_waits() -> None:
    times: list[float] = []

    def reply(_: str) -> Verdict:
        times.append(rig.clock.now())
        return server_error()

    rig = Rig(App(reply))
    rig.start("a")
    await rig.pass_time(4)
    assert [round(after - before, 3) for before, after in pairwise(times)] == [0.2, 0.4, 0.8, 1.6]
    assert rig.journal.waits == [0.2, 0.4, 0.8, 1.6]
    letter = (await rig.letters())["a"]
    assert (letter.attempts, letter.status) == (5, 500)
    assert rig.input.outcomes == {"a": Outcome.DEAD_LETTERED}


async def test_retry_after_is_the_least_that_is_waited() -> None:
    app = App(failing(lambda: Retryable("slow down", after=7), ["a"], times=1))
    rig = Rig(app)
    rig.start("a")
    await rig.pass_time(6.9)
    assert len(app.calls) == 1
    await rig.pass_time(0.2)
    assert rig.input.outcomes == {"a": Outcome.DONE}


async def test_event_that_waits_does_not_hold_up_the_others() -> None:
    rig = Rig(App(failing(server_error, ["a"], times=1)), concurrency=1)
    rig.start("a", *ids(50))
    await rig.until_settled(50)
    assert "a" not in rig.input.outcomes
    await rig.pass_time(0.3)
    assert rig.input.outcomes["a"] is Outcome.DONE


async def test_poison_event_is_a_dead_letter_after_five_attempts_while_others_flow() -> None:
    app = App(failing(server_error, ["poison"]))
    rig = Rig(app)
    rig.start("poison")
    for number in range(40):
        rig.input.put(f"e{number}")
        await rig.pass_time(0.1)
    assert Counter(app.called_with)["poison"] == 5
    assert set(await rig.letters()) == {"poison"}
    assert rig.counts.delivered == 40
    assert rig.journal.lines.count("paused steps[0].call: app answered 500") == 0


async def test_only_the_stage_that_failed_is_repeated() -> None:
    first, second = App(name="steps[0].call"), App(failing(server_error, ["a"], times=2), name="steps[1].call")
    output, other = App(name="outputs[0]"), App(failing(server_error, ["a"], times=2), name="outputs[1]")
    rig = Rig(first, second, output, other)
    rig.start("a")
    await rig.pass_time(2)
    assert [len(stage.calls) for stage in (first, second, output, other)] == [1, 3, 1, 3]
    assert rig.input.outcomes == {"a": Outcome.DONE}


async def test_each_stage_has_its_own_attempts() -> None:
    stages = [App(failing(server_error, ["a"], times=4), name=f"steps[{index}].call") for index in range(3)]
    rig = Rig(*stages)
    rig.start("a")
    await rig.pass_time(10)
    assert rig.input.outcomes == {"a": Outcome.DONE}


# The other side is not there


async def test_single_unavailable_answer_is_tried_again_and_counts_no_attempt() -> None:
    app = App(failing(unavailable, ["a"], times=2))
    rig = Rig(app, max_attempts=1)
    rig.start("a")
    await rig.pass_time(1)
    assert len(app.calls) == 3
    assert rig.input.outcomes == {"a": Outcome.DONE}


async def test_outage_of_ten_minutes_makes_no_dead_letter() -> None:
    ends = 600.0
    probes: list[float] = []

    def reply(_: str) -> Verdict | None:
        if rig.clock.now() < began + ends:
            probes.append(rig.clock.now() - began)
            return unavailable()
        return None

    app = App(reply)
    rig = Rig(app, concurrency=4)
    began = rig.clock.now()
    rig.start(*ids(300))
    await rig.pass_time(20)
    assert rig.run.paused
    before, read = len(probes), rig.counts.read
    await rig.pass_time(575, step=1)
    assert len(probes) - before == pytest.approx(575 / 5, abs=2)  # nothing but a probe every five seconds
    assert rig.counts.read - read <= len(probes) - before
    assert rig.input.settled == []
    await rig.pass_time(20)
    assert len(rig.input.settled) == 300
    assert set(rig.input.outcomes.values()) == {Outcome.DONE}
    assert await rig.letters() == {}
    assert not rig.run.paused
    assert len(app.called_with) - len(probes) == 300  # each went through once


async def test_breaker_opens_after_failures_and_pauses_the_input() -> None:
    app = App(failing(unavailable, ids(100)))
    rig = Rig(app, concurrency=1, failures=3)
    rig.start(*ids(100))
    await rig.pass_time(0.1)
    assert len(app.calls) == 3
    assert rig.journal.lines == ["paused steps[0].call: app answered 503"]
    read = rig.counts.read
    await rig.pass_time(4.8)
    assert (len(app.calls), rig.counts.read) == (3, read)


async def test_retry_after_puts_off_the_probe() -> None:
    app = App(failing(lambda: Unavailable("app answered 503", after=60), ids(5)))
    rig = Rig(app, failures=5)
    rig.start(*ids(5))
    await rig.pass_time(59)
    assert len(app.calls) == 5
    await rig.pass_time(2)
    assert len(app.calls) == 6


async def test_clock_that_is_set_back_does_not_put_off_the_probe() -> None:
    app = App(failing(unavailable, ids(5), times=1))
    rig = Rig(app, failures=5)
    rig.start(*ids(5))
    await rig.pass_time(1)
    assert rig.run.paused
    rig.clock.set(-3600)
    await rig.pass_time(10)
    assert len(rig.input.settled) == 5


async def test_outage_of_an_output_does_not_repeat_the_call() -> None:
    app = App()

    def reply(_: str) -> Verdict | None:
        return unavailable() if rig.clock.now() < began + 60 else None

    rig = Rig(app, App(reply, name="outputs[0]", limit=None), concurrency=2)
    began = rig.clock.now()
    rig.start(*ids(100))
    await rig.pass_time(80)
    assert set(rig.input.outcomes.values()) == {Outcome.DONE}
    assert Counter(app.called_with) == Counter(ids(100))


async def test_outage_of_hanging_answers_makes_no_dead_letter() -> None:
    def reply(_: str) -> Verdict | None:
        return server_error() if rig.clock.now() < began + 600 else None

    rig = Rig(App(reply), max_attempts=3)
    began = rig.clock.now()
    rig.start(*ids(200))
    await rig.pass_time(640, step=1)
    assert await rig.letters() == {}
    assert len(rig.input.settled) == 200


async def test_refusal_is_an_answer_and_closes_the_breaker() -> None:
    def reply(id: str) -> Verdict | None:
        if rig.clock.now() < began + 7:
            return unavailable()
        return refusal()

    rig = Rig(App(reply))
    began = rig.clock.now()
    rig.start(*ids(20))
    await rig.pass_time(15)
    assert "resumed steps[0].call" in rig.journal.lines
    assert set(rig.input.outcomes.values()) == {Outcome.DEAD_LETTERED}
    assert len(rig.input.settled) == 20


async def test_two_poison_events_at_the_head_do_not_stop_the_good_ones() -> None:
    rig = Rig(App(failing(server_error, ["bad0", "bad1"])), concurrency=1)
    rig.start("bad0", "bad1", *ids(20))
    await rig.until_settled(20)
    assert {id for id, outcome in rig.input.outcomes.items() if outcome is Outcome.DONE} == set(ids(20))


async def test_good_events_that_come_late_free_two_poison_events_that_opened_the_breaker() -> None:
    rig = Rig(App(failing(server_error, ["bad0", "bad1"])))
    rig.start("bad0", "bad1")
    await rig.pass_time(30, step=0.5)
    assert rig.run.paused
    rig.input.put(*ids(20))
    await rig.pass_time(60, step=0.5)
    assert {id for id, outcome in rig.input.outcomes.items() if outcome is Outcome.DONE} == set(ids(20))
    assert set(await rig.letters()) == {"bad0", "bad1"}


# Batches


async def test_batch_that_fails_as_a_whole_is_halved_until_the_bad_event_stands_alone() -> None:
    delivered: list[str] = []
    bad = failing(refusal, ["e5"])

    class Table(App):
        async def __call__(self, batch: Sequence[Passage]) -> Sequence[Verdict]:
            self.calls.append([passage.event.id for passage in batch])
            for passage in batch:
                if isinstance(error := bad(passage.event.id), EventError):
                    raise error
            delivered.extend(passage.event.id for passage in batch)
            return [passage.event for passage in batch]

    app = Table(limit=16)
    rig = Rig(app, batch_size=16)
    rig.start(*ids(16))
    await rig.until_settled(16)
    assert [len(call) for call in app.calls if "e5" in call] == [16, 8, 4, 2, 1]
    assert set(await rig.letters()) == {"e5"}
    assert Counter(delivered) == Counter(id for id in ids(16) if id != "e5")


async def test_batch_with_a_poison_event_gives_its_neighbours_no_attempt() -> None:
    app = BatchApp(failing(server_error, ["e0"]), limit=4)
    rig = Rig(app, batch_size=4)
    rig.start(*ids(4))
    await rig.pass_time(20)
    assert Counter(rig.input.outcomes.values()) == {Outcome.DONE: 3, Outcome.DEAD_LETTERED: 1}
    assert (await rig.letters())["e0"].attempts == 5
    assert app.calls.count(["e0"]) == 5


async def test_batch_that_meets_nobody_is_not_halved() -> None:
    def reply(_: str) -> Verdict | None:
        return unavailable() if rig.clock.now() < began + 1 else None

    app = BatchApp(reply, limit=8)
    rig = Rig(app, batch_size=8)
    began = rig.clock.now()
    rig.start(*ids(8))
    await rig.pass_time(3)
    assert {len(call) for call in app.calls} == {8}
    assert len(rig.input.settled) == 8


async def test_errors_of_single_events_in_a_batch_leave_their_neighbours_alone() -> None:
    verdicts: dict[str, Verdict] = {"e1": refusal(), "e2": Outcome.FILTERED}

    app = App(failing(server_error, ["e3"], times=1), limit=None, name="outputs[0]")
    rig = Rig(App(verdicts.get, limit=5), app, batch_size=5)
    rig.start(*ids(5))
    await rig.pass_time(1)
    assert rig.input.outcomes == {
        "e0": Outcome.DONE,
        "e1": Outcome.DEAD_LETTERED,
        "e2": Outcome.FILTERED,
        "e3": Outcome.DONE,
        "e4": Outcome.DONE,
    }
    assert app.calls == [["e0", "e3", "e4"], ["e3"]]


async def test_batch_larger_than_a_stage_takes_goes_on_in_pieces() -> None:
    app = App(limit=2)
    rig = Rig(Step(lambda _: None), app, batch_size=5)
    rig.start(*ids(5))
    await rig.until_settled(5)
    assert sorted(map(len, app.calls)) == [1, 2, 2]
    assert sorted(app.called_with) == ids(5)


# Split


async def test_split_message_is_settled_when_all_its_events_have_ended() -> None:
    held = asyncio.Event()
    seen: list[str] = []

    class Last(App):
        async def __call__(self, batch: Sequence[Passage]) -> Sequence[Verdict]:
            if batch[0].event.id == "a/2":
                await held.wait()
            seen.extend(passage.event.id for passage in batch)
            return [passage.event for passage in batch]

    rig = Rig(Step(lambda id: parts([f"{id}/{n}" for n in range(3)])), Last())
    rig.start("a")
    await rig.until(lambda: len(seen) == 2)
    assert rig.input.settled == []
    held.set()
    await rig.until_settled(1)
    assert sorted(event.id for event in rig.input.settled[0].results) == ["a/0", "a/1", "a/2"]
    assert rig.input.outcomes == {"a": Outcome.DONE}
    assert rig.counts.delivered == 3


async def test_split_message_with_one_dead_letter_is_dead_lettered() -> None:
    rig = Rig(Step(lambda id: parts([f"{id}/{n}" for n in range(3)])), App(failing(refusal, ["a/1"])))
    rig.start("a")
    await rig.until_settled(1)
    assert rig.input.outcomes == {"a": Outcome.DEAD_LETTERED}
    [letter] = (await rig.letters()).values()
    assert (letter.event.id, letter.origin.id) == ("a/1", "a")
    assert (rig.counts.delivered, rig.counts.dead_lettered) == (2, 1)


async def test_split_message_with_one_event_released_is_released() -> None:
    rig = Rig(Step(lambda id: parts([f"{id}/{n}" for n in range(3)])), App(failing(server_error, ["a/1"])))
    rig.start("a")
    await rig.until(lambda: rig.counts.delivered == 2)
    assert rig.input.settled == []
    await rig.run.stop(1)
    assert rig.input.outcomes == {"a": Outcome.RELEASED}


async def test_split_of_nothing_is_filtered() -> None:
    rig = Rig(Step(lambda _: []), App())
    rig.start("a")
    await rig.until_settled(1)
    assert rig.input.outcomes == {"a": Outcome.FILTERED}


async def test_split_message_whose_events_are_partly_filtered_is_done() -> None:
    rig = Rig(
        Step(lambda id: parts([f"{id}/0", f"{id}/1"])),
        Step(lambda id: Outcome.FILTERED if id == "a/0" else None),
    )
    rig.start("a")
    await rig.until_settled(1)
    assert rig.input.outcomes == {"a": Outcome.DONE}


# Durable before it is settled


async def test_dead_letter_is_durable_before_its_event_is_settled() -> None:
    rig = Rig(App(failing(refusal, ["a"])))
    rig.store.errors.extend([NotReady("the disk is full"), NotReady("the disk is full")])
    rig.start("a", "b")
    await rig.until_settled(1)
    assert rig.input.outcomes == {"b": Outcome.DONE}
    await rig.pass_time(1)
    assert rig.input.outcomes["a"] is Outcome.DEAD_LETTERED
    assert set(await rig.letters()) == {"a"}


async def test_event_for_which_an_output_is_not_asked_is_no_answer_of_it() -> None:
    class TimesOut:
        async def open(self) -> None:
            pass

        async def invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
            return [server_error() if rig.clock.now() < began + 600 else Result() for _ in operations]

        async def close(self) -> None:
            pass

    output = Output.model_validate({"binding": "db", "when": "event.id.endswith('-1')"})
    stage = OutputStage("outputs[0]", "orders.0", output, "create", TimesOut(), Surroundings({}, VirtualClock()))
    rig = Rig(stage, concurrency=4)
    began = rig.clock.now()
    rig.start()
    for number in range(600):
        rig.input.put(f"e{number}-{number % 2}")
        await rig.pass_time(0.1)
    await rig.pass_time(650, step=1)
    assert await rig.letters() == {}
    assert len(rig.input.settled) == 600


async def test_batch_of_which_some_pass_does_not_open_the_breaker() -> None:
    bad = [f"e{number}" for number in range(0, 60, 10)]
    rig = Rig(App(failing(server_error, bad), limit=100), batch_size=100)
    rig.start(*ids(100))
    await rig.pass_time(0.1)
    assert not rig.run.paused
    assert rig.counts.delivered == 94


async def test_stage_that_gives_too_few_verdicts_loses_no_event() -> None:
    class Short(App):
        async def __call__(self, batch: Sequence[Passage]) -> Sequence[Verdict]:
            return [passage.event for passage in batch][:-1]

    rig = Rig(Short(limit=3), batch_size=3)
    rig.start("a", "b", "c")
    await rig.until_settled(3)
    assert set(rig.input.outcomes.values()) == {Outcome.DEAD_LETTERED}


async def test_retry_after_of_a_probe_puts_off_the_next_one() -> None:
    app = App(failing(lambda: Unavailable("app answered 503", after=60), ids(5)))
    rig = Rig(app)
    rig.start(*ids(5))
    await rig.pass_time(61)
    assert len(app.calls) == 6
    await rig.pass_time(58)
    assert len(app.calls) == 6


async def test_breaker_that_was_opened_by_dead_letters_is_probed() -> None:
    rig = Rig(App(failing(server_error, ids(4))), max_attempts=1, failures=4, concurrency=1)
    rig.start(*ids(20))
    await rig.pass_time(60)
    assert Counter(rig.input.outcomes.values()) == {Outcome.DEAD_LETTERED: 4, Outcome.DONE: 16}


async def test_stage_with_a_retry_of_its_own_does_not_take_that_of_the_pipeline() -> None:
    first = App(failing(server_error, ["a"]), name="steps[0].call")
    rig = Rig(first, App(), rules=[RetryRule(Retry(max_attempts=2, initial=1.0, jitter=False)), None])
    rig.start("a")
    await rig.pass_time(2)
    assert rig.journal.waits == [1.0]
    assert (await rig.letters())["a"].attempts == 2


async def test_stage_without_a_retry_of_its_own_takes_that_of_the_pipeline() -> None:
    second = App(failing(server_error, ["a"]), name="steps[1].call")
    rig = Rig(App(), second, max_attempts=3, rules=[RetryRule(Retry(max_attempts=1)), None])
    rig.start("a")
    await rig.pass_time(2)
    assert rig.journal.waits == [0.2, 0.4]
    assert (await rig.letters())["a"].attempts == 3
