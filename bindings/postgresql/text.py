"""Texts in PostgreSQL, which can hold neither a NUL nor half a surrogate pair."""

from __future__ import annotations

import re

_ESCAPED = re.compile(r"[\0\\\ud800-\udfff]")


def written(text: str) -> str:
    """Two texts that differ are written differently; most are written as they are."""
    return text.encode("unicode_escape").decode("ascii") if _ESCAPED.search(text) else text


def read(text: str) -> str:
    return text.encode("ascii").decode("unicode_escape") if "\\" in text else text
