from __future__ import annotations

import pytest

from bindings.metadata import PubSubMetadata
from engine.topic_scopes import may_publish, may_subscribe


@pytest.mark.parametrize(
    ("settings", "app", "topic", "expected"),
    [
        ({}, "shop", "a", True),
        ({"allowedTopics": "a, b"}, "shop", "b", True),
        ({"allowedTopics": "a,b"}, "shop", "c", False),
        ({"publishingScopes": "shop=a,b;audit="}, "shop", "b", True),
        ({"publishingScopes": "shop=a,b;audit="}, "shop", "c", False),
        ({"publishingScopes": "shop=a,b;audit="}, "audit", "a", False),
        ({"publishingScopes": "shop=a,b;audit="}, "other", "c", True),
        ({"publishingScopes": "shop=a;shop=b"}, "shop", "b", True),
        ({"publishingScopes": "shop"}, "shop", "a", True),
        ({"protectedTopics": "a"}, "shop", "a", False),
        ({"protectedTopics": "a"}, "shop", "b", True),
        ({"protectedTopics": "a", "publishingScopes": "shop=a"}, "shop", "a", True),
        ({"protectedTopics": "a", "publishingScopes": "shop=a"}, "other", "a", False),
        ({"allowedTopics": "b", "publishingScopes": "shop=a"}, "shop", "a", False),
    ],
)
def test_scopes_say_who_may_publish(settings: dict[str, str], app: str, topic: str, expected: bool) -> None:
    assert may_publish(PubSubMetadata.model_validate(settings), app, topic) is expected


def test_subscribing_has_scopes_of_its_own() -> None:
    settings = PubSubMetadata.model_validate({"publishingScopes": "shop=a", "subscriptionScopes": "shop=b"})
    assert [may_subscribe(settings, "shop", topic) for topic in "ab"] == [False, True]
