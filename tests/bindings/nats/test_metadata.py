from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tests.bindings.nats.project import metadata


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"jwt": "x"}, "jwt and seedKey belong together"),
        ({"seedKey": "x"}, "jwt and seedKey belong together"),
        ({"tls_client_cert": "x"}, "tls_client_cert and tls_client_key belong together"),
        ({"deliverPolicy": "sequence"}, "needs startSequence"),
        ({"deliverPolicy": "time"}, "needs startTime"),
        ({"deliverPolicy": "some"}, "deliverPolicy"),
        ({"durableName": "a.b"}, "durableName"),
        ({"ackWait": "0s"}, "more than zero"),
        ({"backOff": "1s,soon"}, "not a duration"),
        ({"natsUrl": "x"}, "natsUrl"),
    ],
)
def test_metadata_that_cannot_work_are_refused(more: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        metadata("nats://localhost", **more)


@pytest.mark.parametrize("url", ["http://localhost", "localhost:4222", "nats://", "nats://a,ws://b", "nats://a:x"])
def test_address_that_is_none_of_nats_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="write it like nats://"):
        metadata(url)


def test_addresses_are_shown_without_passwords() -> None:
    found = metadata("nats://user:s3cret@a:4222, tls://token@b")
    assert found.servers == ["nats://user:s3cret@a:4222", "tls://token@b"]
    assert found.shown == "nats://a:4222,tls://b"
    assert found.wants_tls


@pytest.mark.parametrize("written", ["50ms,1s,10s", "[50ms, 1s, 10s]", ["50ms", "1s", 10]])
def test_backoff_is_a_list_in_any_of_the_ways_it_is_written(written: Any) -> None:
    assert metadata("nats://a", backOff=written).back_off == [0.05, 1.0, 10.0]


def test_prefix_of_the_api_comes_from_the_domain_or_is_given() -> None:
    assert metadata("nats://a").api == "$JS.API"
    assert metadata("nats://a", domain="hub").api == "$JS.hub.API"
    assert metadata("nats://a", domain="hub", apiPrefix="JS.acc.API").api == "JS.acc.API"
