from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from bindings.contract import Received
from bindings.kafka.claims import Claims

A, B = ("orders", 0), ("orders", 1)


def filled(*offsets: int, claims: Claims | None = None, partition: tuple[str, int] = A) -> Claims:
    claims = claims or Claims()
    claims.assign(partition, 0, 0)
    for offset in offsets:
        claims.add(partition, offset, Received(f"{partition[1]}-{offset}", b""))
    return claims


def ids(messages: Sequence[Received]) -> list[str]:
    return [message.id for message in messages]


def test_messages_come_in_order_and_the_partitions_by_turns() -> None:
    claims = filled(0, 1, 2)
    filled(0, 1, 2, claims=claims, partition=B)
    assert ids(claims.take(2)) == ["0-0", "0-1"]
    assert ids(claims.take(2)) == ["1-0", "1-1"]
    assert ids(claims.take(9)) == ["0-2", "1-2"]
    assert (claims.take(9), claims.waiting) == ([], 0)


def test_position_is_due_until_the_group_knows_it() -> None:
    claims = filled(0, 1, 2)
    first, second, third = claims.take(3)
    assert claims.due() == {}
    claims.settle([second])
    assert claims.due() == {}
    claims.settle([first])
    assert claims.due() == {A: 2}
    claims.committed(A, 2)
    assert claims.due() == {}
    claims.settle([third])
    assert claims.due() == {A: 3}
    claims.committed(A, 1)  # an answer that came late
    assert claims.due() == {A: 3}
    assert not claims.is_busy


def test_start_that_the_group_does_not_know_is_due() -> None:
    claims = Claims()
    claims.assign(A, 5, None)
    assert claims.due() == {A: 5}


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.permutations(range(6)), st.integers(0, 6))
def test_what_is_given_back_comes_again_in_its_order_and_before_the_rest(order: list[int], count: int) -> None:
    claims = filled(*range(10))
    taken = claims.take(6)
    back = [taken[index] for index in order[:count]]
    for message in back:
        claims.give_back([message])
    again = claims.take(20)
    assert ids(again) == [f"0-{offset}" for offset in (*sorted(order[:count]), *range(6, 10))]
    assert [message.attempt for message in again] == [2] * count + [1] * 4


def test_what_is_settled_is_not_given_back() -> None:
    claims = filled(0)
    messages = claims.take(1)
    claims.settle(messages)
    claims.give_back(messages)
    assert claims.take(1) == []


def test_partition_that_is_taken_away_takes_its_messages_along() -> None:
    claims = filled(0, 1)
    filled(0, claims=claims, partition=B)
    early = claims.take(1)
    claims.revoke([A, ("orders", 7)])
    claims.assign(A, 0, 0)
    claims.settle(early)  # of the time before
    claims.give_back(early)
    assert claims.due() == {}
    assert (ids(claims.take(9)), claims.waiting) == (["1-0"], 0)
    claims.clear()
    assert not claims.is_busy


def test_message_of_a_partition_of_others_is_dropped() -> None:
    claims = filled()
    claims.add(B, 0, Received("x", b""))
    assert claims.take(1) == []


def test_topic_that_is_made_anew_is_read_from_its_new_beginning() -> None:
    claims = filled(0, 1, 2)
    old = claims.take(3)
    claims.add(A, 0, Received("new", b""))
    claims.settle(old)
    assert claims.due() == {A: 0}
    [new] = claims.take(9)
    claims.settle([new])
    assert claims.due() == {A: 1}
