from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeSerializer

from bindings.aws.dynamodb.metadata import DynamoDbMetadata
from bindings.aws.dynamodb.table import Request, Table, not_there
from bindings.aws.session import FAILURES, AwsSession
from bindings.contract import Context, Operation, Result
from engine.errors import EventError, Permanent

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_THREADS = 4
_written = TypeSerializer().serialize


class DynamoDbOutput:
    """Puts items into one table; an item with the same key is replaced."""

    def __init__(self, metadata: DynamoDbMetadata, context: Context) -> None:
        self._name = metadata.table
        self._clock = context.clock
        self._session = AwsSession(metadata, _THREADS)
        self._table: Table

    async def open(self) -> None:
        """Raises `NotReady` when there is no such table, `DefinitionError` for what a person must change."""
        client: DynamoDBClient = await self._session.client("dynamodb")
        try:
            answer = await self._session.call(client.describe_table, TableName=self._name)
        except FAILURES as error:
            raise not_there(error, self._name) from error
        keys = [key["AttributeName"] for key in answer["Table"]["KeySchema"]]
        self._table = Table(self._session, client, self._name, keys, self._clock)

    async def invoke(self, operations: Sequence[Operation]) -> Sequence[Result | EventError]:
        requests = [_request(operation) for operation in operations]
        errors = iter(await self._table.write([one for one in requests if not isinstance(one, Permanent)]))
        result = Result(landed=f"table {self._name}")
        return [one if isinstance(one, Permanent) else next(errors) or result for one in requests]

    async def close(self) -> None:
        self._session.close()


def _request(operation: Operation) -> Request | Permanent:
    if operation.name != "create":
        return Permanent(f"bindings.aws.dynamodb has no operation {operation.name!r}; it has create")
    try:
        value: Any = json.loads(operation.event.data or b"", parse_float=Decimal, parse_constant=_no_number)
        if not isinstance(value, dict):
            return Permanent("the data is no JSON object: an item is made of names and values")
        return {"PutRequest": {"Item": {name: _written(one) for name, one in value.items()}}}
    except (ValueError, ArithmeticError, TypeError, RecursionError) as error:
        return Permanent(f"the data cannot be an item: {error or type(error).__name__}")


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")
