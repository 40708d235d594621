"""The promises of docs/delivery.md, held against drawn histories of failures, stops, crashes, replays and changes."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from engine.errors import Permanent, Retryable, Unavailable
from tests.engine.world import EVENTS, PARTS, Mode, Setting, VirtualLoop, World

Action: TypeAlias = tuple[Any, ...]  # the name of a method of `World`, and what it is given
History: TypeAlias = list[tuple[Action, bool]]  # with each: whether all that follows from it happens before the next

HISTORIES = int(os.environ.get("JACKFIELD_HISTORIES", "120"))  # of each test; more look deeper
drawn = settings(
    max_examples=HISTORIES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
)
ERRORS = [Retryable, Unavailable, Permanent]
PARTIES = st.sampled_from(["call", "output"])
modes = st.one_of(
    st.just(Mode()),
    st.builds(Mode, st.sampled_from(ERRORS), st.sampled_from(PARTS)),
    st.builds(Mode, st.sampled_from([Retryable, Unavailable])),
    st.just(Mode(hangs=True)),
)
arrivals = st.tuples(st.just("arrive"), st.lists(st.sampled_from(EVENTS), min_size=1, max_size=8))
changes_of_parties = st.tuples(st.just("behave"), PARTIES, modes)
passing = st.tuples(st.just("pass_time"), st.sampled_from([0.0, 0.3, 2.0, 7.0]))
faults = st.tuples(st.just("store_fails"), st.lists(st.booleans(), min_size=1, max_size=8), st.booleans())
actions = st.one_of(
    arrivals,
    arrivals,
    changes_of_parties,
    changes_of_parties,
    passing,
    passing,
    st.tuples(st.just("broker_works"), st.booleans()),
    st.tuples(st.just("store_works"), st.booleans()),
    faults,
    st.tuples(st.just("set_clock"), st.sampled_from([-3600.0, 3600.0])),
    st.tuples(st.just("restart"), st.sampled_from([0.0, 1.0]), st.booleans(), st.none() | modes),
    st.tuples(st.just("crash")),
    st.tuples(st.just("replay"), st.booleans()),
    st.tuples(st.just("replay_one"), st.integers(0, 9), st.booleans()),
)
settings_of_pipelines = st.builds(
    Setting,
    concurrency=st.sampled_from([1, 4]),
    batch=st.sampled_from([1, 5]),
    ordered=st.booleans(),
    once=st.booleans(),
    whole=st.booleans(),
    splits=st.booleans(),
)
of_parking_pipelines = st.builds(
    Setting,
    concurrency=st.sampled_from([1, 4]),
    batch=st.sampled_from([1, 5]),
    ordered=st.just(True),
    once=st.booleans(),
    whole=st.booleans(),
    parks=st.just(True),
    splits=st.booleans(),
)
refusals = st.tuples(
    st.just("behave"),
    PARTIES,
    st.builds(Mode, st.just(Permanent), st.sampled_from([None, None, "a0", "a1", "a2", "a1/0"])),
)
recoveries = st.tuples(st.just("behave"), PARTIES, st.just(Mode()))
of_one_key = st.lists(st.sampled_from(["a0", "a1", "a2", "a3", "b0"]), min_size=1, max_size=6)
releases = st.tuples(st.just("release"), st.sampled_from("aaab"), st.integers(1, 2))
calm = [  # nothing but dead letters, and what a person does with them
    st.tuples(st.just("arrive"), of_one_key),
    refusals,
    recoveries,
    releases,
    releases,
    st.tuples(st.just("replay"), st.just(False)),
    st.tuples(st.just("replay_one"), st.integers(0, 3), st.just(False)),
]
wild = [*calm, refusals, st.tuples(st.just("behave"), PARTIES, st.just(Mode(hangs=True))), faults, actions]
changes = st.tuples(st.just("change"), st.booleans(), st.booleans(), st.sampled_from([0.0, 1.0]))


async def live(setting: Setting, history: History) -> None:
    world = World(setting)
    for action, rests in history:
        await world.act(*action, rests=rests)
    await world.end()


def histories(actions: Sequence[st.SearchStrategy[Action]], least: int = 8) -> st.SearchStrategy[History]:
    return st.lists(st.tuples(st.one_of(actions), st.booleans()), min_size=least, max_size=30)


def abrupt(*actions: Action) -> History:
    return [(action, False) for action in actions]


def in_peace(*actions: Action) -> History:
    return [(action, True) for action in actions]


@pytest.fixture(autouse=True, scope="module")
def quiet() -> Iterator[None]:
    """What is logged of thousands of failures is not read; and a release has several rounds."""
    logging.disable()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.parking._ROUND", 2)
        yield
    logging.disable(logging.NOTSET)


ONE = Setting(concurrency=1, batch=1, ordered=False, once=False, whole=False)
BATCHES = Setting(concurrency=1, batch=5, ordered=False, once=False, whole=False)
PARKS = Setting(concurrency=4, batch=1, ordered=True, once=False, whole=False, parks=True)
HANGS = Mode(hangs=True)
REFUSES = Mode(Permanent)


# Histories that once went wrong: a settlement that a stop cut off, the outcomes that waited behind it, a replay that a
# stop cut off, and the parts of a batch that were left when their worker was cancelled.
@example(ONE, abrupt(("broker_works", False), ("arrive", ["a0"]), ("restart", 1.0, False, None)))
@example(ONE, abrupt(("broker_works", False), ("arrive", ["a0", "a1", "a2"]), ("restart", 1.0, False, HANGS)))
@example(
    ONE,
    abrupt(
        ("behave", "call", Mode(Permanent, "a0")),
        ("arrive", ["a0"]),
        ("behave", "call", HANGS),
        ("replay", False),
        ("restart", 0.0, False, None),
    ),
)
@example(
    BATCHES,
    abrupt(
        ("behave", "output", HANGS),
        ("behave", "call", HANGS),
        ("arrive", ["a0", "a1", "a2", "a3", "b0"]),
        ("restart", 1.0, True, Mode()),
    ),
)
@given(settings_of_pipelines, histories([actions], least=3))
@drawn
def test_nothing_is_lost_doubled_or_overtaken(setting: Setting, history: History) -> None:
    """To minimise a history that fails, add `Phase.shrink`."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(live(setting, history))


# One letter of a release failed, and another one that had failed in a replay of its own overtook it.
@example(
    PARKS,
    in_peace(
        ("behave", "call", REFUSES),
        ("arrive", ["a0", "a1", "a2"]),
        ("replay_one", 1, False),
        ("behave", "call", Mode(Permanent, "a0")),
        ("release", "a", 1),
    ),
)
# Parts that failed in a release came behind what had come after their event.
@example(
    replace(PARKS, splits=True),
    in_peace(
        ("behave", "call", REFUSES),
        ("arrive", ["a1", "a2"]),
        ("behave", "call", Mode()),
        ("behave", "output", REFUSES),
        ("release", "a", 1),
        ("behave", "output", Mode()),
        ("release", "a", 1),
    ),
)
# The ids of letters went back with the clock, and so a later letter was released first.
@example(
    PARKS,
    in_peace(
        ("behave", "call", REFUSES),
        ("arrive", ["a0"]),
        ("set_clock", -3600.0),
        ("restart", 1.0, True, None),
        ("arrive", ["a1"]),
        ("behave", "call", Mode()),
        ("release", "a", 1),
    ),
)
@given(of_parking_pipelines, histories(calm) | histories(wild))
@drawn
def test_parked_keys_keep_their_order_for_good(setting: Setting, history: History) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(live(setting, history))


# A release that began anew for ever, and replays of a key side by side where there is no order any more.
@example(
    PARKS,
    in_peace(("behave", "call", REFUSES), ("arrive", ["a0"]), ("change", True, False, 1.0), ("release", "a", 1)),
)
@example(
    replace(PARKS, parks=False),
    in_peace(
        ("behave", "call", REFUSES),
        ("arrive", ["a0", "a1", "a2"]),
        ("change", False, False, 1.0),
        ("behave", "call", Mode()),
        ("replay", False),
    ),
)
# A replay that kept a key of the deduplication beside events of its order.
@example(
    replace(PARKS, ordered=False, parks=False, once=True),
    in_peace(
        ("behave", "call", REFUSES),
        ("arrive", ["a0"]),
        ("change", True, False, 1.0),
        ("behave", "call", HANGS),
        ("replay", False),
        ("arrive", ["a1"]),
        ("behave", "call", Mode()),
    ),
)
@given(
    of_parking_pipelines | settings_of_pipelines,
    histories([changes, changes, *calm]) | histories([changes, changes, *wild]),
)
@drawn
def test_each_revision_keeps_its_promises(setting: Setting, history: History) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(live(setting, history))


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("setting", [PARKS, replace(PARKS, once=True), replace(PARKS, splits=True)])
def test_store_may_fail_at_each_call(setting: Setting, late: bool) -> None:
    """Before the call does anything, or when it is done and the answer is lost."""
    history = in_peace(
        ("behave", "output", REFUSES),
        ("arrive", ["a1", "a2", "b1"]),
        ("restart", 1.0, True, None),
        ("replay_one", 0, False),
        ("release", "a", 1),
        ("pass_time", 7.0),
        ("behave", "output", Mode()),
        ("release", "a", 2),
        ("pass_time", 7.0),
    )
    for call in range(70):
        fails: Action = ("store_fails", [False] * call + [True], late)
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(live(setting, [(fails, False), *history]))
