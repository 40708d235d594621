"""Component types of a lock and of a configuration store in memory, which only tests register."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from bindings.manifest import ComponentType
from bindings.metadata import LockMetadata, Metadata
from engine import registry
from engine.testing.fake_stores import FakeConfiguration, FakeConfigurationStore, FakeLocks

LOCKS = """
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: locks}
spec: {type: lock.test, version: v1}
"""
SETTINGS = """
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: settings}
spec: {type: configuration.test, version: v1}
"""
VALUES = FakeConfiguration()


SEEN: list[str] = []  # the resources that were asked for


class CountedLocks(FakeLocks):
    async def acquire(self, resource: str, owner: str, seconds: float) -> bool:
        SEEN.append(resource)
        return await super().acquire(resource, owner, seconds)


lock = ComponentType(
    name="lock.test",
    summary="Locks in memory.",
    metadata=LockMetadata,
    example=LOCKS,
    lock=lambda settings, context: CountedLocks(context.clock),
)
configuration = ComponentType(
    name="configuration.test",
    summary="Settings in memory.",
    metadata=Metadata,
    example=SETTINGS,
    configuration_store=lambda settings, context: FakeConfigurationStore(VALUES),
)


def register(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the time of one test; the stores are empty then."""
    points = {
        name: EntryPoint(name, f"{__name__}:{name.partition('.')[0]}", "jackfield.components")
        for name in ("lock.test", "configuration.test")
    }
    known = {**registry.component_types(), **points}
    monkeypatch.setattr(registry, "component_types", lambda: known)
    SEEN.clear()
    VALUES.clear()
    VALUES.watchers.clear()
