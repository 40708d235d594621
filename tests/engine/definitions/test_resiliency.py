from __future__ import annotations

import pytest

from engine.definitions.resiliency import Resiliency, parse_statuses


def test_statuses_are_numbers_and_ranges() -> None:
    assert parse_statuses("429, 500-502") == {429, 500, 501, 502}


@pytest.mark.parametrize("text", ["", "abc", "500-", "99", "500-600", "503-500", "5xx"])
def test_statuses_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no"):
        parse_statuses(text)


def test_defaults_are_those_of_dapr() -> None:
    document = {
        "apiVersion": "dapr.io/v1alpha1",
        "kind": "Resiliency",
        "metadata": {"name": "r"},
        "spec": {"policies": {"retries": {"r": {}}, "circuitBreakers": {"b": {}}}},
    }
    policies = Resiliency.model_validate(document).spec.policies
    retry, breaker = policies.retries["r"], policies.circuit_breakers["b"]
    assert (retry.policy, retry.duration, retry.max_interval, retry.max_retries) == ("constant", 5.0, 60.0, -1)
    assert (breaker.max_requests, breaker.interval, breaker.timeout) == (1, 0.0, 60.0)
    assert breaker.trip == "consecutiveFailures > 5"
