from __future__ import annotations

import pytest

from engine.breaker import Breaker, policy_of
from engine.definitions.pipeline import CircuitBreaker
from engine.errors import Retryable, Unavailable

BROKEN = Retryable("app answered 500")
AWAY = Unavailable("app answered 503")


def breaker(failures: int = 3) -> Breaker:
    return Breaker(policy_of(CircuitBreaker(failures=failures, probe_every=5)))


def opened() -> Breaker:
    one = breaker()
    assert [one.failed(f"e{number}", BROKEN) for number in range(3)] == [False, False, True]
    return one


def test_closed_breaker_admits_all() -> None:
    assert all(breaker().admits() for _ in range(100))


def test_failures_of_different_events_open_it_once() -> None:
    one = opened()
    assert one.is_open
    assert one.reason == "app answered 500"
    assert not one.failed("e9", BROKEN)
    assert not one.admits()


def test_failures_of_one_event_do_not_open_it() -> None:
    one = breaker()
    assert not any(one.failed("poison", BROKEN) for _ in range(100))
    assert one.admits()


def test_second_event_after_many_failures_of_one_opens_it() -> None:
    one = breaker()
    for _ in range(10):
        one.failed("poison", BROKEN)
    assert one.failed("other", BROKEN)


def test_unavailable_opens_it_whichever_event_met_it() -> None:
    one = breaker()
    assert [one.failed("same", AWAY) for _ in range(3)] == [False, False, True]


def test_success_in_between_begins_anew() -> None:
    one = breaker()
    for _ in range(10):
        one.failed("a", AWAY)
        one.failed("b", AWAY)
        assert not one.succeeded()
    assert not one.is_open


def test_unavailable_before_a_success_is_forgotten() -> None:
    one = breaker()
    one.failed("a", AWAY)
    one.succeeded()
    assert not any(one.failed("a", BROKEN) for _ in range(10))


def test_open_breaker_admits_one_request_a_probe() -> None:
    one = opened()
    one.probes = 1
    assert [one.admits(), one.admits()] == [True, False]


def test_success_closes_it_and_says_so_once() -> None:
    one = opened()
    one.probes = 1
    assert one.succeeded()
    assert not one.succeeded()
    assert (one.is_open, one.probes) == (False, 0)
    assert one.admits()


@pytest.mark.parametrize(
    ("error", "seconds"),
    [(None, 5), (BROKEN, 5), (Unavailable("busy", after=2), 5), (Unavailable("busy", after=60), 60)],
)
def test_next_probe_honours_retry_after(error: Retryable | None, seconds: float) -> None:
    assert breaker().next_probe(error) == seconds
