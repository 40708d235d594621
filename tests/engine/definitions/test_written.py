from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.definitions.source import Source
from engine.definitions.written import written
from engine.definitions.yaml import parse


@pytest.mark.parametrize("text", ["1e3", "0o17", "0x1f", "1_000", "on", "null", "~", "", "x\x85y", "é", "a: b", "- x"])
def test_texts_stay_texts(text: str) -> None:
    [document], diagnostics = parse(Source(Path("f.yaml"), "f.yaml", written([{"a": text, text: [text]}])))
    assert (document.value, diagnostics) == ({"a": text, text: [text]}, [])


def test_what_is_no_text_is_none() -> None:
    value: dict[str, Any] = {"a": [1, 1.5, 1e30, True, None, {}, []]}
    [document], _ = parse(Source(Path("f.yaml"), "f.yaml", written([value])))
    assert document.value == value
