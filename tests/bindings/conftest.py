from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.bindings.conformance", "tests.bindings.states", "tests.bindings.topics")
