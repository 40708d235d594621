"""`kind: Component`, exactly as Dapr writes it (dapr/dapr, pkg/apis/components/v1alpha1/types.go)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bindings.metadata import Duration, Flag
from engine.definitions.model import Auth, DaprMeta, DaprModel, NameValuePair


class ComponentSpec(DaprModel):
    type: str = Field(description="The component type.", examples=["bindings.cron"])
    version: str = Field("v1", description="The version of the component type.", examples=["v1"])
    ignore_errors: Flag = Field(False, description="Whether the engine goes on without it when it cannot be opened.")
    init_timeout: Duration = Field(5.0, description="The most time for opening it.", examples=["5s"])
    metadata: list[NameValuePair] = Field(
        default_factory=list,
        description="Its settings, each with a name and a value.",
        examples=[[{"name": "schedule", "value": "@every 5s"}]],
    )


class Component(DaprModel):
    """A named, configured instance of a binding or store."""

    api_version: Literal["dapr.io/v1alpha1"]
    kind: Literal["Component"]
    metadata: DaprMeta
    spec: ComponentSpec
    auth: Auth | None = None
    scopes: list[str] = Field(
        default_factory=list, description="The app ids that may use it; empty means all.", examples=[["orders"]]
    )
