"""Dapr's metadata: who serves, and which components there are (dapr/dapr, pkg/api/universal/metadata.go)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.api.described import AppConnection, DescribedComponent, DescribedSubscription
from engine.api.parts import Parts
from engine.version import VERSION


class Metadata:
    """`set` values stay until the engine ends."""

    def __init__(self, parts: Parts, app_id: str) -> None:
        self._parts = parts
        self.app_id = app_id
        self.version = VERSION
        self._extended = {"daprRuntimeVersion": f"jackfield-{VERSION}"}

    @property
    def components(self) -> Sequence[DescribedComponent]:
        return self._parts.components()

    @property
    def subscriptions(self) -> Sequence[DescribedSubscription]:
        return self._parts.subscriptions()

    @property
    def connection(self) -> AppConnection | None:
        return self._parts.connection()

    @property
    def extended(self) -> Mapping[str, str]:
        return self._extended

    def set(self, key: str, value: str) -> None:
        self._extended[key] = value
