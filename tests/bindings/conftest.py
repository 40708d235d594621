from __future__ import annotations

import pytest

_SUITES = ("configurations", "conformance", "locks", "queries", "states", "topics")
pytest.register_assert_rewrite(*(f"tests.bindings.{suite}" for suite in _SUITES))
