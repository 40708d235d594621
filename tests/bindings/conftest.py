from __future__ import annotations

import pytest

for _suite in ():
    pytest.register_assert_rewrite(f"tests.bindings.{_suite}")
