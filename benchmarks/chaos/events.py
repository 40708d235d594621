"""The events of a chaos run: each has a number, which says what has to become of it."""

from __future__ import annotations

import json
from typing import TypeAlias

Event: TypeAlias = tuple[int, str]
"""Its number and its id."""

TICK = 5  # seconds between two events of the schedule
KEYS = 50  # of the order


def is_filtered(n: int) -> bool:
    """By the first step; the same as `FILTER`."""
    return n % 50 == 7


FILTER = "data.n % 50 != 7"


def is_refused_at_first(n: int) -> bool:
    """The app answers 422 until it is mended: a dead letter that is to be replayed with success."""
    return n > 0 and n % 100 == 3


def is_hopeless(n: int) -> bool:
    """The app always answers 422: a dead letter at the end."""
    return n > 0 and n % 400 == 11


def is_sent_twice(n: int) -> bool:
    return n % 40 == 9


def body(n: int) -> bytes:
    return json.dumps({"n": n, "key": n % KEYS}).encode()
