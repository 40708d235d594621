from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.clock import VirtualClock
from engine.definitions.pipeline import Retry
from engine.errors import NotReady, Retryable
from engine.retry import Insistence, backoff

LOG = logging.getLogger("jackfield.test")

retries = st.builds(
    Retry,
    initial=st.floats(0, 1e6),
    max=st.floats(0, 1e6),
    multiplier=st.floats(1, 1e300),
    jitter=st.booleans(),
)


@pytest.mark.parametrize(
    ("tries", "seconds"), [(1, 0.2), (2, 0.4), (3, 0.8), (4, 1.6), (8, 25.6), (9, 30), (64, 30), (2000, 30)]
)
def test_wait_doubles_up_to_the_longest(tries: int, seconds: float) -> None:
    assert backoff(Retry(jitter=False), tries) == pytest.approx(seconds)


@pytest.mark.parametrize(("draw", "seconds"), [(0.0, 0.4), (0.5, 0.6), (1.0, 0.8)])
def test_jitter_draws_between_half_and_all_of_the_wait(draw: float, seconds: float) -> None:
    assert backoff(Retry(), 3, draw=draw) == pytest.approx(seconds)


@pytest.mark.parametrize(("after", "seconds"), [(None, 0.2), (0.0, 0.2), (0.1, 0.2), (5.0, 5.0), (100.0, 100.0)])
def test_retry_after_is_the_least_that_is_waited(after: float | None, seconds: float) -> None:
    assert backoff(Retry(jitter=False), 1, Retryable("busy", after=after)) == seconds


@pytest.mark.parametrize("tries", [1, 5, 1000, 10**6])
def test_no_wait_stays_no_wait(tries: int) -> None:
    assert backoff(Retry(initial=0, multiplier=1e300), tries) == 0


@given(retries, st.integers(1, 10**6), st.floats(0, 1))
def test_wait_is_never_longer_than_the_longest(retry: Retry, tries: int, draw: float) -> None:
    assert 0 <= backoff(retry, tries, draw=draw) <= retry.max


@given(retries, st.integers(1, 200))
def test_wait_without_jitter_never_shrinks(retry: Retry, tries: int) -> None:
    steady = retry.model_copy(update={"jitter": False})
    assert backoff(steady, tries) <= backoff(steady, tries + 1)


async def insisted(clock: VirtualClock, write: Callable[[], Awaitable[None]]) -> None:
    insistence = Insistence(Retry(jitter=False), clock, LOG)
    insisting = asyncio.create_task(insistence.on(write, "the marks could not be written"))
    await clock.advance(0)
    assert insistence.problem.startswith("the marks could not be written: ")
    await clock.advance(5)
    await insisting
    assert insistence.problem == ""


async def test_insistence_repeats_until_it_succeeds(caplog: pytest.LogCaptureFixture) -> None:
    clock = VirtualClock()
    left = [NotReady("the disk is full"), NotReady("the disk is full")]
    times: list[float] = []
    began = clock.now()

    async def write() -> None:
        times.append(round(clock.now() - began, 3))
        if left:
            raise left.pop()

    await insisted(clock, write)
    assert times == [0, 0.2, 0.6]
    assert caplog.messages == [
        "the marks could not be written, next try in 0.2 s: the disk is full",
        "the marks could not be written, next try in 0.4 s: the disk is full",
    ]
    assert "Traceback" not in caplog.text


async def test_insistence_shows_a_bug_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    clock = VirtualClock()
    left = [KeyError("seq")]

    async def write() -> None:
        if left:
            raise left.pop()

    await insisted(clock, write)
    assert "Traceback" in caplog.text
