"""Which topics an app may use (dapr/dapr, pkg/scopes/scopes.go and pkg/runtime/pubsub/adapter.go)."""

from __future__ import annotations

from collections.abc import Set

from bindings.metadata import Metadata, PubSubMetadata
from engine.errors import DefinitionError

SCOPES = ("subscriptionScopes", "allowedTopics", "protectedTopics")  # the metadata that say who may subscribe


class ForbiddenTopic(DefinitionError):
    """The app may not use the topic."""

    def __init__(self, app_id: str, pubsub: str, topic: str) -> None:
        message = f"subscription to topic {topic!r} on pubsub {pubsub!r} is not allowed for {app_id!r}"
        hint = "`subscriptionScopes`, `allowedTopics` and `protectedTopics` of the component say who may"
        super().__init__(message, hint=hint)


def check_subscriber(settings: Metadata, app_id: str, pubsub: str, topic: str) -> None:
    """Raises `ForbiddenTopic`."""
    if isinstance(settings, PubSubMetadata) and not may_subscribe(settings, app_id, topic):
        raise ForbiddenTopic(app_id, pubsub, topic)


def may_publish(settings: PubSubMetadata, app_id: str, topic: str) -> bool:
    return _allowed(settings, _scope(settings.publishing_scopes, app_id), topic)


def may_subscribe(settings: PubSubMetadata, app_id: str, topic: str) -> bool:
    return _allowed(settings, _scope(settings.subscription_scopes, app_id), topic)


def _allowed(settings: PubSubMetadata, scope: Set[str], topic: str) -> bool:
    allowed, protected = _listed(settings.allowed_topics), _listed(settings.protected_topics)
    if allowed and topic not in allowed:
        return False
    return topic in scope or (not scope and topic not in protected)


def _scope(text: str | None, app_id: str) -> Set[str]:
    """The topics of the app in `app1=a,b;app2=`; empty for an app that is not named. One that is named without topics
    has the empty topic alone: it may use none.
    """
    topics: set[str] = set()
    for entry in (text or "").replace(" ", "").split(";"):
        app, equals, names = entry.partition("=")
        if equals and app == app_id:
            topics.update(names.partition("=")[0].split(","))
    return topics


def _listed(text: str | None) -> Set[str]:
    return set(text.replace(" ", "").split(",")) if text else set()
