"""How many of a thing there are, in words."""

from __future__ import annotations


def counted(count: int, thing: str) -> str:
    """`1 dead letter`, `3 dead letters`, `1,000 dead letters`; for things whose plural only adds an `s`."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
