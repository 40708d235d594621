from __future__ import annotations

import json

import pytest

from bindings.aws.snssqs.names import allowing, aws_name, partition_of


@pytest.mark.parametrize(
    ("name", "fifo", "expected"),
    [  # what Dapr makes of them
        ("orders", False, "orders"),
        ("Orders_new-1", False, "Orders_new-1"),
        ("or/ders.new ü", False, "ordersnew"),
        ("orders.fifo", False, "ordersfifo"),
        ("orders", True, "orders.fifo"),
        ("orders.fifo", True, "orders.fifo"),
        ("x" * 90, False, "x" * 80),
        ("x" * 90, True, "x" * 75 + ".fifo"),
        ("x" * 76 + ".fifo", True, "x" * 75 + ".fifo"),
    ],
)
def test_name_is_the_one_that_dapr_makes(name: str, fifo: bool, expected: str) -> None:
    assert aws_name(name, fifo) == expected


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("eu-central-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("us-iso-east-1", "aws-iso"),
        ("us-isob-east-1", "aws-iso-b"),
    ],
)
def test_partition_is_that_of_the_region(region: str, partition: str) -> None:
    assert partition_of(region) == partition


def test_policy_gets_one_statement_a_topic_and_keeps_the_others() -> None:
    first = allowing('{"Version": "2012-10-17", "Id": "mine"}', "queue", "topic")
    assert first is not None
    second = allowing(first, "queue", "other")
    assert second is not None
    assert json.loads(second)["Id"] == "mine"
    sources = [one["Condition"]["ArnEquals"]["aws:SourceArn"] for one in json.loads(second)["Statement"]]
    assert sources == ["topic", "other"]
    assert allowing(second, "queue", "topic") is None


def test_statements_of_another_form_are_left_alone() -> None:
    policy = '{"Statement": [{"Effect": "Deny", "Resource": "queue", "Condition": {"Bool": {"a": "b"}}}]}'
    changed = allowing(policy, "queue", "topic")
    assert changed is not None
    assert [one["Effect"] for one in json.loads(changed)["Statement"]] == ["Deny", "Allow"]
