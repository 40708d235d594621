"""The other Dapr kinds: read and checked in shape (dapr/dapr, pkg/apis); `jackfield run` says which are not applied."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from engine.definitions.model import Auth, DaprMeta, DaprModel, NameValuePair

_Scopes = Annotated[
    list[str], Field(description="The app ids that it is for; empty means all.", examples=[["checkout", "orders"]])
]


class BulkSubscribe(DaprModel):
    """Whether the app gets several messages in one call."""

    enabled: bool = Field(False, description="Whether it does.", examples=[True])
    max_messages_count: int | None = Field(None, description="The most messages in one call.", examples=[100])
    max_await_duration_ms: int | None = Field(
        None, description="How many milliseconds a call that is not full waits for more.", examples=[40]
    )


class Rule(DaprModel):
    """The path for the messages that an expression is true for."""

    match: str = Field(
        "", description="A CEL expression over `event`; empty matches all.", examples=['event.type == "order.created"']
    )
    path: str = Field(description="The app's path.", examples=["/orders"])


class Routes(DaprModel):
    rules: list[Rule] = Field(default_factory=list, description="The first one that matches counts.")
    default: str | None = Field(None, description="The app's path for what no rule matches.", examples=["/others"])


class SubscriptionSpec(DaprModel):
    pubsubname: str = Field(description="The pub/sub component.", examples=["pubsub"])
    topic: str = Field(description="The topic that is subscribed to.", examples=["orders"])
    route: str | None = Field(None, description="The app's path (v1alpha1).", examples=["/orders"])
    routes: Routes | None = Field(None, description="The app's paths by rule (v2alpha1).")
    metadata: dict[str, str] = Field(
        default_factory=dict,
        description="Metadata of the subscription, for the pub/sub component.",
        examples=[{"rawPayload": "true"}],
    )
    dead_letter_topic: str | None = Field(
        None, description="The topic for messages that cannot be delivered.", examples=["poison-orders"]
    )
    bulk_subscribe: BulkSubscribe | None = None


class Subscription(DaprModel):
    """A topic of a pub/sub component, and the app's route for it."""

    api_version: Literal["dapr.io/v1alpha1", "dapr.io/v2alpha1"]
    kind: Literal["Subscription"]
    metadata: DaprMeta
    spec: SubscriptionSpec
    scopes: _Scopes = Field(default_factory=list)


class SecretsScope(DaprModel):
    """Which secrets of a store apps get."""

    store_name: str = Field(description="The secret store component.", examples=["vault"])
    default_access: Literal["allow", "deny"] = Field(
        "allow", description="Whether apps get what is in neither of the lists."
    )
    allowed_secrets: list[str] = Field(
        default_factory=list, description="When it is not empty, apps get these and no others.", examples=[["redis"]]
    )
    denied_secrets: list[str] = Field(
        default_factory=list, description="What apps do not get.", examples=[["root-password"]]
    )

    def allows(self, name: str) -> bool:
        if self.allowed_secrets:
            return name in self.allowed_secrets
        return name not in self.denied_secrets and self.default_access == "allow"


class SecretsSpec(DaprModel):
    scopes: list[SecretsScope] = Field(default_factory=list, description="At most one for a store is usual.")


class ConfigurationSpec(DaprModel):
    """Beside the secrets it has whatever Dapr's has, which is left alone."""

    model_config = ConfigDict(extra="allow")

    secrets: SecretsSpec = Field(default_factory=SecretsSpec, description="Which secrets apps get.")


class Configuration(DaprModel):
    """The settings of a Dapr sidecar."""

    api_version: Literal["dapr.io/v1alpha1"]
    kind: Literal["Configuration"]
    metadata: DaprMeta
    spec: ConfigurationSpec = Field(
        examples=[{"secrets": {"scopes": [{"storeName": "vault", "deniedSecrets": ["root-password"]}]}}]
    )


class HTTPEndpointSpec(DaprModel):
    base_url: str = Field(description="What the paths of requests are added to.", examples=["https://api.example.com"])
    headers: list[NameValuePair] = Field(default_factory=list, description="Sent with each request.")
    client_tls: dict[str, Any] | None = Field(
        None,
        alias="clientTLS",
        description="The certificates for TLS, as Dapr writes them.",
        examples=[{"rootCA": {"secretKeyRef": {"name": "tls", "key": "ca"}}}],
    )


class HTTPEndpoint(DaprModel):
    """An address outside, to be invoked by name."""

    api_version: Literal["dapr.io/v1alpha1"]
    kind: Literal["HTTPEndpoint"]
    metadata: DaprMeta
    spec: HTTPEndpointSpec
    auth: Auth | None = None
    scopes: _Scopes = Field(default_factory=list)
