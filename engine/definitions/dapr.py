"""The other Dapr kinds: read and checked in shape (dapr/dapr, pkg/apis); `jackfield run` says which are not applied."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from engine.definitions.model import Auth, DaprMeta, DaprModel, NameValuePair


class BulkSubscribe(DaprModel):
    enabled: bool = False
    max_messages_count: int | None = None
    max_await_duration_ms: int | None = None


class Rule(DaprModel):
    match: str = Field("", description="A CEL expression over `event`; empty matches all.")
    path: str = Field(description="The app's path.")


class Routes(DaprModel):
    rules: list[Rule] = Field(default_factory=list)
    default: str | None = None


class SubscriptionSpec(DaprModel):
    pubsubname: str = Field(description="The pub/sub component.")
    topic: str
    route: str | None = Field(None, description="The app's path (v1alpha1).")
    routes: Routes | None = Field(None, description="The app's paths by rule (v2alpha1).")
    metadata: dict[str, str] = Field(default_factory=dict)
    dead_letter_topic: str | None = None
    bulk_subscribe: BulkSubscribe | None = None


class Subscription(DaprModel):
    """A topic of a pub/sub component, and the app's route for it."""

    api_version: Literal["dapr.io/v1alpha1", "dapr.io/v2alpha1"]
    kind: Literal["Subscription"]
    metadata: DaprMeta
    spec: SubscriptionSpec
    scopes: list[str] = Field(default_factory=list)


class Resiliency(DaprModel):
    """Time-outs, retries and circuit breakers, and what they are for."""

    api_version: Literal["dapr.io/v1alpha1"]
    kind: Literal["Resiliency"]
    metadata: DaprMeta
    spec: dict[str, Any]
    scopes: list[str] = Field(default_factory=list)


class Configuration(DaprModel):
    """The settings of a Dapr sidecar."""

    api_version: Literal["dapr.io/v1alpha1"]
    kind: Literal["Configuration"]
    metadata: DaprMeta
    spec: dict[str, Any]


class HTTPEndpointSpec(DaprModel):
    base_url: str
    headers: list[NameValuePair] = Field(default_factory=list)
    client_tls: dict[str, Any] | None = Field(None, alias="clientTLS")


class HTTPEndpoint(DaprModel):
    """An address outside, to be invoked by name."""

    api_version: Literal["dapr.io/v1alpha1"]
    kind: Literal["HTTPEndpoint"]
    metadata: DaprMeta
    spec: HTTPEndpointSpec
    auth: Auth | None = None
    scopes: list[str] = Field(default_factory=list)
