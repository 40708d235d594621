from __future__ import annotations

import pytest

from bindings.metadata import LockMetadata, Metadata, StateMetadata
from engine.api.keys import IllegalKeyError, lock_key, state_key
from engine.components import Use
from engine.registry import component_type


def use(settings: Metadata) -> Use:
    return Use("store", component_type("state.in-memory"), settings, "1")


@pytest.mark.parametrize(
    ("prefix", "namespace", "expected"),
    [
        ("appid", None, "shop||a"),
        ("APPID", None, "shop||a"),
        ("name", None, "store||a"),
        ("none", None, "a"),
        ("namespace", None, "shop||a"),
        ("namespace", "prod", "prod.shop||a"),
        ("Mine", None, "Mine||a"),
    ],
)
def test_prefix_of_state(monkeypatch: pytest.MonkeyPatch, prefix: str, namespace: str | None, expected: str) -> None:
    monkeypatch.delenv("NAMESPACE", raising=False)
    if namespace is not None:
        monkeypatch.setenv("NAMESPACE", namespace)
    assert state_key(use(StateMetadata(key_prefix=prefix)), "shop", "a") == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (LockMetadata(), "lock||shop||a"),
        (LockMetadata(key_prefix="name"), "lock||store||a"),
        (LockMetadata(key_prefix="none"), "lock||a"),
        (LockMetadata(key_prefix="Mine"), "lock||mine||a"),
        (Metadata(), "lock||shop||a"),
    ],
)
def test_prefix_of_locks(settings: Metadata, expected: str) -> None:
    assert lock_key(use(settings), "shop", "a") == expected


@pytest.mark.parametrize("key", [state_key, lock_key])
def test_key_must_not_look_like_one_with_a_prefix(key: object) -> None:
    assert callable(key)
    with pytest.raises(IllegalKeyError, match="can't contain"):
        key(use(Metadata()), "shop", "a||b")
