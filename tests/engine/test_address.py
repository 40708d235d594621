from __future__ import annotations

import pytest

from engine.address import without_password


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://me:secret@localhost:8000/in", "http://localhost:8000/in"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_a_password_is_not_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown
