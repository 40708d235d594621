"""What changes between two texts of definitions, for a person: secrets that stand in the clear are not shown."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from engine.definitions.redaction import redacted

_NOTHING = "/dev/null"  # as diff and git name what is not there


def unified(before: str, after: str, name: str) -> Iterator[str]:
    """The lines of a unified diff; an empty text is a file that is not there."""
    old, new = redacted(before).splitlines(), redacted(after).splitlines()
    names = [name if text else _NOTHING for text in (before, after)]
    yield from difflib.unified_diff(old, new, names[0], names[1], lineterm="")
    if old == new and before != after:
        yield f"{name}: only what is not shown differs: a secret, or the ends of lines"
