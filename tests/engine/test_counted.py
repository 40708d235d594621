from __future__ import annotations

import pytest

from engine.counted import counted


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 dead letters"), (1, "1 dead letter"), (2, "2 dead letters"), (1_234_567, "1,234,567 dead letters")],
)
def test_one_is_not_many(count: int, words: str) -> None:
    assert counted(count, "dead letter") == words
