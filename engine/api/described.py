"""What the metadata API tells of a folder, for one app (dapr/dapr, pkg/api/universal/metadata.go and pkg/runtime)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from engine.definitions.check import Definitions
from engine.definitions.dapr import Rule, SubscriptionSpec
from engine.definitions.document import Document
from engine.definitions.pipeline import Pipeline
from engine.definitions.subscriptions import SubscribedInput
from engine.discovery import is_discovered
from engine.registry import installed_type


class SubscriptionType(StrEnum):
    """Where a subscription comes from, with the names of Dapr's API."""

    DECLARATIVE = "DECLARATIVE"
    PROGRAMMATIC = "PROGRAMMATIC"
    STREAMING = "STREAMING"


@dataclass(frozen=True, slots=True)
class DescribedComponent:
    name: str
    type: str
    version: str
    capabilities: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class DescribedSubscription:
    """`rules`: a path for what matches, the default one last."""

    pubsub: str
    topic: str
    type: SubscriptionType
    metadata: Mapping[str, str] = field(default_factory=dict)
    rules: Sequence[Rule] = ()
    dead_letter_topic: str = ""


@dataclass(frozen=True, slots=True)
class AppConnection:
    """Where the app listens; `max_concurrency` 0 is no limit."""

    address: str
    port: int
    protocol: str
    max_concurrency: int = 0


def components_of(definitions: Definitions, app_id: str) -> list[DescribedComponent]:
    """Those that are there for the app."""
    found = []
    for name, component in definitions.components.items():
        spec, scopes = component.model.spec, component.model.scopes
        if not scopes or app_id in scopes:
            found.append(DescribedComponent(name, spec.type, spec.version, _capabilities(spec.type, spec.version)))
    return found


def subscriptions_of(
    definitions: Definitions, app_id: str, streams: Sequence[SubscriptionSpec]
) -> list[DescribedSubscription]:
    """Those of the app: the documents that are for it, what it says itself, and its streams."""
    found = [
        _subscription(one.model.spec, _type_of(one.document))
        for name, one in definitions.subscriptions.items()
        if _app_of(definitions.pipelines[name].model) == app_id
    ]
    opened = [_subscription(spec, SubscriptionType.STREAMING) for spec in streams]
    return found + opened


def connection_of(definitions: Definitions, app_id: str) -> AppConnection | None:
    """None: there is no App of that id."""
    app = definitions.apps.get(app_id)
    if app is None:
        return None
    url = urlsplit(app.model.spec.url)
    port = url.port or (443 if url.scheme == "https" else 80)
    return AppConnection(url.hostname or "", port, url.scheme, app.model.spec.max_concurrency or 0)


def _capabilities(type_name: str, version: str) -> list[str]:
    manifest = installed_type(type_name)
    if manifest is None:  # nothing uses it
        return []
    if manifest.state_store is not None:
        query = ["QUERY_API"] if version in manifest.queryable_versions else []
        return ["ETAG", "TRANSACTIONAL", *query, "TTL"]
    if manifest.pubsub is not None:
        return ["MESSAGE_TTL"] if manifest.native_ttl else []
    roles = {"INPUT_BINDING": manifest.input, "OUTPUT_BINDING": manifest.output}
    return [name for name, role in roles.items() if role is not None]


def _app_of(pipeline: Pipeline) -> str | None:
    source = pipeline.spec.input
    return source.consumer if isinstance(source, SubscribedInput) else None


def _type_of(document: Document) -> SubscriptionType:
    return SubscriptionType.PROGRAMMATIC if is_discovered(document.path) else SubscriptionType.DECLARATIVE


def _subscription(spec: SubscriptionSpec, type: SubscriptionType) -> DescribedSubscription:
    rules = list(spec.routes.rules) if spec.routes is not None else []
    default = spec.route or (spec.routes.default if spec.routes is not None else None)
    if type is SubscriptionType.STREAMING:
        default = "/"
    if default is not None:
        rules.append(Rule(path=default))
    return DescribedSubscription(spec.pubsubname, spec.topic, type, spec.metadata, rules, spec.dead_letter_topic or "")
