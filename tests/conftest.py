from __future__ import annotations

import pytest

_INSTALLING = 400  # seconds


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test of a server may have to install it."""
    for item in items:
        if "server" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(_INSTALLING))
