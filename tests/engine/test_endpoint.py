from __future__ import annotations

import contextlib

import pytest

from bindings.contract import Outcome
from engine.breaker import Breaker, policy_of
from engine.clock import VirtualClock
from engine.definitions.pipeline import CircuitBreaker
from engine.endpoint import Endpoint, Endpoints
from engine.errors import EventError, Permanent, Retryable, TimedOut, Unavailable
from engine.stages.stage import Verdict
from tests.engine.rig import App, HeldApp, Rig, failing

PROBE_EVERY = 5.0


def endpoint(failures: int = 3) -> Endpoint:
    return Endpoint(Breaker(policy_of(CircuitBreaker(failures=failures, probe_every=PROBE_EVERY))))


class Shared:
    """Pipelines that ask one app, which is away for some time."""

    def __init__(self, pipelines: int, away: float, *, concurrency: int = 16) -> None:
        self.clock = VirtualClock()
        self.back = self.clock.now() + away
        self.endpoint = endpoint()
        self.requests: list[float] = []  # when each was made
        self.rigs = [
            Rig(App(self._reply), concurrency=concurrency, endpoints=[self.endpoint], clock=self.clock)
            for _ in range(pipelines)
        ]

    def _reply(self, _: str) -> Verdict | None:
        self.requests.append(self.clock.now())
        return Unavailable("away") if self.clock.now() < self.back else None

    async def pass_time(self, seconds: float) -> None:
        await self.rigs[0].pass_time(seconds, step=0.5)


def ids(count: int) -> list[str]:
    return [f"e{number}" for number in range(count)]


async def test_what_one_pipeline_finds_out_pauses_the_others() -> None:
    shared = Shared(2, away=60)
    first, second = shared.rigs
    second.start()
    first.start(*ids(10))
    await shared.pass_time(1)
    assert (first.run.paused, second.run.paused) == (True, True)
    assert second.journal.lines == ["paused steps[0].call: away"]
    asked = len(shared.requests)
    second.input.put(*ids(10))
    await shared.pass_time(3)
    assert len(shared.requests) == asked == 3


async def test_outage_of_ten_minutes_is_probed_once_an_interval_over_all_pipelines_and_makes_no_dead_letter() -> None:
    shared = Shared(3, away=600)
    for rig in shared.rigs:
        rig.start(*ids(200))
    await shared.pass_time(599)
    assert 600 / PROBE_EVERY <= len(shared.requests) <= 3 + 600 / PROBE_EVERY
    await shared.pass_time(10)
    for rig in shared.rigs:
        assert await rig.letters() == {}
        assert set(rig.input.outcomes.values()) == {Outcome.DONE}
        assert len(rig.input.settled) == 200
        assert rig.journal.lines[-1].startswith("delivered")


async def test_pipeline_that_stops_while_it_probes_leaves_the_probing_to_the_others() -> None:
    shared = Shared(2, away=60)
    first, second = shared.rigs
    for rig in shared.rigs:
        rig.start(*ids(5))
    await shared.pass_time(7)
    await first.run.stop(1)
    await shared.pass_time(60)
    assert len(second.input.settled) == 5


async def test_pipeline_that_has_nothing_to_probe_with_takes_no_turn_of_the_others() -> None:
    shared = Shared(3, away=20)
    idle, busy, other = shared.rigs
    idle.start()
    other.start()
    busy.start(*ids(5))
    await shared.pass_time(20 + 2 * PROBE_EVERY)
    assert len(busy.input.settled) == 5


async def test_pipeline_that_starts_while_the_endpoint_is_away_waits_with_the_others() -> None:
    shared = Shared(2, away=60)
    first, second = shared.rigs
    first.start(*ids(5))
    await shared.pass_time(1)
    asked = len(shared.requests)
    second.start(*ids(5))
    await shared.pass_time(3)
    assert len(shared.requests) == asked
    assert second.run.paused
    await shared.pass_time(70)
    assert len(second.input.settled) == 5


async def test_bad_events_do_not_hold_up_the_input_although_an_idle_pipeline_probes_too() -> None:
    clock, shared = VirtualClock(), endpoint(failures=2)
    bad = ids(4)
    idle = Rig(App(), endpoints=[shared], clock=clock)
    app = App(failing(lambda: Retryable("broken", status=500), bad))
    busy = Rig(app, concurrency=2, endpoints=[shared], clock=clock)
    idle.start()
    busy.start(*bad)
    await busy.until(lambda: busy.run.paused)
    busy.input.put("good")
    await busy.pass_time(20 * PROBE_EVERY, step=0.5)
    assert busy.input.outcomes["good"] is Outcome.DONE


async def test_what_an_outage_asked_to_wait_for_is_not_waited_for_in_the_next() -> None:
    away = endpoint(failures=1)
    answers: list[EventError] = [Unavailable("busy", status=503, after=3600.0)]
    rig = Rig(App(lambda _: answers.pop() if answers else None), endpoints=[away])
    rig.start("a")
    await rig.until(lambda: rig.run.paused)
    away.answered()  # a request that was under way, too
    await rig.until_settled(1)
    answers.append(Unavailable("away"))
    rig.input.put("b")
    await rig.pass_time(2 * PROBE_EVERY)
    assert rig.input.outcomes["b"] is Outcome.DONE


async def test_backlog_is_let_in_slowly_after_an_outage() -> None:
    away = endpoint(failures=1)
    app = HeldApp()
    rig = Rig(app, concurrency=16, endpoints=[away])
    rig.start(*ids(100))
    await rig.until(lambda: app.under_way == 16)
    away.failed("other", Unavailable("away"))
    app.go.set()
    await rig.pass_time(PROBE_EVERY + 1)
    assert len(rig.input.settled) == 100
    # The 16 answers closed it again: from then on one, two, four … at once.
    assert away.limit.most < 16


@pytest.mark.parametrize(
    ("error", "most"),
    [
        (TimedOut("no answer"), 4.5),
        (Unavailable("too many", status=429), 4.5),
        (Unavailable("busy", status=503, after=2), 4.5),
        (Unavailable("busy", status=503), float("inf")),
        (Retryable("broken", status=500), float("inf")),
        (Permanent("refused", status=422), float("inf")),
    ],
)
async def test_overload_is_what_halves_the_requests(error: EventError, most: float) -> None:
    busy = endpoint()
    async with contextlib.AsyncExitStack() as under_way:
        for _ in range(8):
            await under_way.enter_async_context(busy.limit)
        busy.failed("a", error)
        assert busy.limit.most == most


def test_endpoint_is_the_same_for_one_key_while_somebody_has_it() -> None:
    endpoints = Endpoints()
    kept = endpoints.get("shop", endpoint)
    assert endpoints.get("shop", endpoint) is kept
    assert endpoints.get("bank", endpoint) is not kept
    kept.breaker.failed("a", Unavailable("away"))
    del kept
    assert endpoints.get("shop", endpoint).breaker.succeeded() is False
