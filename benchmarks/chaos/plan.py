"""What happens in each life of the engine: drawn from the seed before the run, so that a seed means a plan."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

# Fault points, and the most passings before the process dies: what is passed rarely must be hit soon.
_PASSINGS: Mapping[str, int] = {
    "before-commit": 60,
    "after-commit": 60,
    "after-outputs": 60,
    "after-ledger": 30,
    "after-settle": 60,
    "after-dead-letter": 2,
    "reload": 1,
    "replay": 1,
}
DISTURBANCES = ("reload", "replay", "app-stop", "app-hang", "app-errors", "disk-full")


@dataclass(frozen=True)
class Disturbance:
    kind: str
    after: float  # seconds after the engine is up
    lasts: float  # seconds


@dataclass(frozen=True)
class Life:
    """One life of the engine, from its start to its death."""

    fault: str  # `after-outputs:37`, or empty: killed from outside
    jumps: str  # of its clock: `600@2`, or empty
    seconds: float  # after which it is killed if it has not killed itself
    start: float  # the part of its start that it lives to see, 1 for all of it
    disturbances: Sequence[Disturbance]


def lives(kills: int, draw: random.Random) -> Iterator[Life]:
    """Two of three end at a fault point, each point in turn; each has a disturbance, each kind in turn, or several."""
    points, turns = _shuffled(_PASSINGS, draw), _shuffled(DISTURBANCES, draw)
    for number in range(kills):
        point = next(points) if number % 3 else ""
        fault = f"{point}:{draw.randint(1, _PASSINGS[point])}" if point else ""
        turn = next(turns)
        kinds = [kind for kind in DISTURBANCES if kind in (turn, point) or draw.random() < 1 / 5]
        yield Life(
            fault=fault,
            jumps=",".join(_jumps(draw)) if number % 4 == 1 else "",
            seconds=10.0 if fault else draw.uniform(0.3, 3.0),
            start=draw.random() if not fault and draw.random() < 0.3 else 1.0,
            disturbances=[Disturbance(kind, draw.uniform(0, 2), draw.uniform(0.2, 1.5)) for kind in kinds],
        )


def _shuffled(names: Collection[str], draw: random.Random) -> Iterator[str]:
    return cycle(draw.sample(list(names), len(names)))


def _jumps(draw: random.Random) -> Iterator[str]:
    """Back and forth, by less than a window of deduplication (24 h)."""
    for _ in range(draw.randint(1, 3)):
        yield f"{draw.choice((-900, -100, -2, 2, 100, 900))}@{draw.uniform(0, 3):.2f}"
