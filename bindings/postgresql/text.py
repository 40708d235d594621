"""Texts in PostgreSQL, which can hold neither a NUL nor half a surrogate pair, and only short ones in an index."""

from __future__ import annotations

import re
from hashlib import sha256

_ESCAPED = re.compile(r"[\0\\\ud800-\udfff]")
_UNWRITABLE = re.compile(r"[\0\ud800-\udfff]")
_LONGEST_KEY = 500  # characters of at most 4 bytes: an entry of an index has room for 2,704 bytes


def written(text: str) -> str:
    """Two texts that differ are written differently; most are written as they are."""
    return text.encode("unicode_escape").decode("ascii") if _ESCAPED.search(text) else text


def read(text: str) -> str:
    return text.encode("ascii").decode("unicode_escape") if "\\" in text else text


def key(text: str) -> str:
    """What a text is found by: the text as it is written, or the beginning and the hash of a long one."""
    text = written(text)
    if len(text) <= _LONGEST_KEY:
        return text
    return text[:_LONGEST_KEY] + sha256(text.encode()).hexdigest()  # longer than all that are short


def folded(text: str) -> str:
    """For a search in upper or lower case; what cannot be written is left out."""
    return _UNWRITABLE.sub("", text.casefold())
