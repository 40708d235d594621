from __future__ import annotations

import pytest

from bindings.structured import identity


def test_event_is_known_by_its_source_and_its_id() -> None:
    assert identity(b' {"specversion":"1.0","id":"7","source":"/shop","type":"order"}') == ("/shop", "7")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"specversion":"1.0","id":"7","source":"/shop"}',
        b'{"event":{"specversion":"1.0","id":"7","source":"/shop","type":"order"}}',
        b'["specversion","id","source","type"]',
        b'{"specversion"',
        b'"specversion"' + b"[" * 100_000,
        b'\xff"specversion"',
    ],
)
def test_anything_else_is_none(data: bytes) -> None:
    assert identity(data) is None
