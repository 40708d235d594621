"""The account: what became of every event, and which promises were broken."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from benchmarks.chaos.events import KEYS, is_filtered, is_hopeless
from benchmarks.chaos.pipelines import KINDS, TICKS

_STALE = 10.0  # seconds within which an app that hung may still do what it was asked before the engine died

_NEAR = 3.0  # seconds; the engine waits one second for an answer, and in that time the app is stopped, or was hung


@dataclass
class Record:
    """What excuses an effect that came twice; times are those of `time.monotonic`."""

    deaths: list[tuple[float, Mapping[str, set[int]]]] = field(default_factory=list)  # and what was not acknowledged
    outages: list[tuple[float, float]] = field(default_factory=list)  # the app was stopped or hung, from and to
    # By pipeline: the engine said that a call got no answer, and until when the pipeline was paused for it.
    unanswered: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    lettered: set[tuple[str, int]] = field(default_factory=set)  # a letter may be there twice, and so be replayed twice

    def excuses(self, pipeline: str, n: int, first: float, again: float) -> bool:
        return (
            (pipeline, n) in self.lettered
            or any(first - _STALE < at < again and n in open_[pipeline] for at, open_ in self.deaths)
            or any(begin - _NEAR < first < to + _NEAR for begin, to in (*self.outages, *self.unanswered[pipeline]))
        )


@dataclass(frozen=True)
class Account:
    """Of one pipeline. `repeated`: effects beyond the first at a sink that does not check ids; `unexcused`: those of
    them that were not in flight when something died. `doubled`: at one that does. `disorder`: first effects of a key
    that came after a later one's. `wrong`: filtered and done all the same, or a dead letter that need not be one.
    """

    sent: int
    done: int
    filtered: int
    dead: int
    waiting: int
    lost: int
    repeated: int
    unexcused: int
    doubled: int
    disorder: int
    wrong: int

    @property
    def is_broken(self) -> bool:
        return any((self.waiting, self.lost, self.unexcused, self.doubled, self.disorder, self.wrong))


class Arrivals:
    """What came to the app, in the order in which it came."""

    def __init__(self, path: Path) -> None:
        self._rows: dict[str, list[tuple[int, str, float]]] = defaultdict(list)
        with closing(sqlite3.connect(path)) as connection:
            for pipeline, n, id, at in connection.execute("SELECT pipeline, n, id, at FROM arrivals ORDER BY seq"):
                self._rows[pipeline].append((n, id, at))
            rows = connection.execute("SELECT pipeline, count(*) FROM effects GROUP BY pipeline")
            self._effects: dict[str, int] = dict(rows)

    def numbers(self, pipeline: str) -> list[int]:
        return [n for n, _, _ in self._rows[pipeline]]

    def repeats(self, pipeline: str) -> Iterator[tuple[int, float, float]]:
        """Each arrival beyond the first: the event, and when it came before and again."""
        before: dict[int, float] = {}
        for n, _, at in self._rows[pipeline]:
            if n in before:
                yield n, before[n], at
            before[n] = at

    def doubled(self, pipeline: str) -> int:
        return self._effects.get(pipeline, 0) - len(set(self.numbers(pipeline)))


def account(
    pipeline: str,
    sent: set[int],
    arrivals: Arrivals,
    target: Sequence[int],
    dead: set[int],
    waiting: set[int],
    record: Record,
) -> Account:
    """`target`: what is in the queue behind the app, for a pipeline that has one."""
    kind, came = KINDS[pipeline], arrivals.numbers(pipeline)
    done = set(came) & set(target) if kind.has_target else set(came)
    filtered = {n for n in sent if is_filtered(n)} if pipeline != TICKS else set()
    if pipeline == TICKS and came:
        sent = set(range(min(came), max(came) + 1))  # no instant in between is left out
    repeats = list(arrivals.repeats(pipeline))
    lettered = {n for name, n in record.lettered if name == pipeline}
    sinks = (came, target) if kind.has_target else (came,)
    return Account(
        sent=len(sent),
        done=len(done),
        filtered=len(filtered),
        dead=len(dead),
        waiting=len(waiting),
        lost=len(sent - done - filtered - dead - waiting),
        repeated=len(repeats),
        unexcused=sum(not record.excuses(pipeline, *repeat) for repeat in repeats),
        doubled=arrivals.doubled(pipeline) + len(target) - len(set(target)),
        disorder=sum(_disorder(sink, lettered) for sink in sinks) if kind.is_ordered else 0,
        wrong=len(set(came) & filtered) + sum(not is_hopeless(n) for n in dead),
    )


def _disorder(numbers: Iterable[int], lettered: set[int]) -> int:
    """How many first effects came after a later one of their key. A dead letter let its key go on, and counts not."""
    firsts: dict[int, list[int]] = defaultdict(list)
    for n in dict.fromkeys(numbers):
        if n not in lettered:
            firsts[n % KEYS].append(n)
    return sum(later < earlier for of_key in firsts.values() for earlier, later in pairwise(of_key))
