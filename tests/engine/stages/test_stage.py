from __future__ import annotations

import pytest

from engine.errors import Permanent
from engine.passage import Passage
from engine.stages.stage import EachEvent, Verdict
from tests.engine.stages.passages import passage, surroundings


def judge(passage: Passage) -> Verdict:
    if passage.event.id == "bad":
        raise Permanent("no")
    return passage.event


async def test_error_of_one_event_is_its_own() -> None:
    batch = [passage(id="a"), passage(id="bad"), passage(id="b")]
    first, second, third = await EachEvent("steps[0].filter", judge)(batch)
    assert (first, third) == (batch[0].event, batch[2].event)
    assert isinstance(second, Permanent)


async def test_bug_is_not_hidden() -> None:
    def buggy(_: Passage) -> Verdict:
        raise KeyError("price")

    with pytest.raises(KeyError):
        await EachEvent("steps[0].filter", buggy)([passage()])


def test_scope_has_the_event_and_its_surroundings() -> None:
    around = surroundings()
    scope = around.scope(passage({"n": 1}, metadata={"key": "k"}))
    values = scope.values(frozenset({"event", "data", "metadata", "env"}))
    assert values["event"]["id"] == "a"
    assert (values["data"], values["metadata"], values["env"]) == ({"n": 1}, {"key": "k"}, {"REGION": "eu"})
    assert scope.now == around.clock.now()
