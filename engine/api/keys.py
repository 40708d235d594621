"""The keys that apps name, as they are in the store: apps that share one do not see each other's.

Source: dapr/dapr, pkg/components/state/state_config.go and pkg/components/lock/lock_config.go.
"""

from __future__ import annotations

import os

from bindings.metadata import LockMetadata, StateMetadata
from engine.components import Use

SEPARATOR = "||"


class IllegalKeyError(ValueError):
    """The key has what stands between a prefix and a key."""


def state_key(use: Use, app_id: str, key: str) -> str:
    """Raises `IllegalKeyError`."""
    _check(key)
    return f"{state_prefix(use, app_id)}{key}"


def state_prefix(use: Use, app_id: str) -> str:
    """How all keys of the app begin in the store."""
    settings = use.settings
    strategy = settings.key_prefix if isinstance(settings, StateMetadata) else "appid"
    namespace = os.environ.get("NAMESPACE")
    known = {
        "appid": app_id,
        "name": use.name,
        "namespace": f"{namespace}.{app_id}" if namespace else app_id,
        "none": "",
    }
    return _joined(known.get(strategy.lower(), strategy), "")


def lock_key(use: Use, app_id: str, resource: str) -> str:
    """Raises `IllegalKeyError`."""
    _check(resource)
    settings = use.settings
    strategy = (settings.key_prefix if isinstance(settings, LockMetadata) else "appid").lower()
    known = {"appid": app_id, "name": use.name, "none": ""}
    return _joined("lock", _joined(known.get(strategy, strategy), resource))


def _check(key: str) -> None:
    if SEPARATOR in key:
        raise IllegalKeyError(f"input key/keyPrefix '{key}' can't contain '{SEPARATOR}'")


def _joined(prefix: str, key: str) -> str:
    return f"{prefix}{SEPARATOR}{key}" if prefix else key
