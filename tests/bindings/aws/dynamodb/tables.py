from __future__ import annotations

from typing import Any

from tests.bindings.aws.server import Moto


def make_table(moto: Moto, name: str, key: str = "key") -> None:
    moto.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def items(moto: Moto, name: str) -> list[Any]:
    found: list[Any] = moto.client("dynamodb").scan(TableName=name)["Items"]
    return found
