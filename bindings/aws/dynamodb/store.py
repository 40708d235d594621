"""State in a table, item for item as Dapr's state.aws.dynamodb writes it: the partition key, `value` and `etag`, and
the attribute with the time of expiry.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bindings.aws.dynamodb.metadata import DynamoDbStateMetadata
from bindings.aws.dynamodb.table import Request, Table, not_there, waves
from bindings.aws.session import FAILURES, AwsSession, error_code
from bindings.contract import Change, Context, EtagMismatch, Item
from engine.errors import DefinitionError, EventError, Permanent, Retryable, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_THREADS = 8
_MOST_IN_TRANSACTION = 100
_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4)  # seconds, before a transaction that met another one is tried again
_BUSY = {"ThrottlingError", "ProvisionedThroughputExceeded", "ItemCollectionSizeLimitExceeded"}


class DynamoDbState:
    """What has expired is no item any more, also while DynamoDB has not removed it, which takes it up to two days."""

    def __init__(self, metadata: DynamoDbStateMetadata, context: Context) -> None:
        self._name = metadata.table
        self._key = metadata.partition_key
        self._ttl = metadata.ttl_attribute_name
        self._clock = context.clock
        self._session = AwsSession(metadata, _THREADS)
        self._table: Table

    async def open(self) -> None:
        """Raises `NotReady` when there is no such table, `DefinitionError` for what a person must change."""
        client: DynamoDBClient = await self._session.client("dynamodb")
        try:  # as Dapr looks: what may read items may read this one
            key: Any = {self._key: {"S": secrets.token_hex()}}
            await self._session.call(client.get_item, TableName=self._name, Key=key)
        except FAILURES as error:
            if error_code(error) == "ValidationException":
                hint = "`partitionKey` must be the partition key of the table, a string, and its only key"
                raise DefinitionError(f"table {self._name}: {error}", hint=hint) from error
            raise not_there(error, self._name) from error
        self._table = Table(self._session, client, self._name, [self._key], self._clock)

    async def get(self, keys: Sequence[str]) -> Mapping[str, Item]:
        found = await self._table.read([{self._key: {"S": key}} for key in dict.fromkeys(keys)])
        items = {item[self._key]["S"]: self._item(item) for item in found}
        now = self._clock.now()
        return {key: item for key, item in items.items() if item.expires is None or item.expires > now}

    async def write(self, changes: Sequence[Change]) -> Sequence[EventError | None]:
        results: list[EventError | None] = [None] * len(changes)
        for wave in waves([change.key for change in changes]):
            errors = await self._write_apart([changes[index] for index in wave])
            for index, error in zip(wave, errors, strict=True):
                results[index] = error
        return results

    async def transact(self, changes: Sequence[Change]) -> None:
        """At most 100 keys; raises `EtagMismatch` and other errors of one event."""
        merged = _merged(changes)
        if not merged:
            return
        if len(merged) > _MOST_IN_TRANSACTION:
            raise Permanent(f"a transaction of DynamoDB has at most {_MOST_IN_TRANSACTION} keys, not {len(merged)}")
        items: Any = [self._in_transaction(change) for change in merged]
        for pause in (*_PAUSES, None):
            try:
                await self._table.call(self._table.client.transact_write_items, TransactItems=items)
            except EventError as error:
                refused = _refused(error, merged)
                if pause is None or not isinstance(refused, Retryable) or isinstance(refused, Unavailable):
                    raise refused from error
                await self._clock.sleep(pause)
            else:
                return

    async def close(self) -> None:
        self._session.close()

    async def _write_apart(self, changes: Sequence[Change]) -> Sequence[EventError | None]:
        """Of different keys: those with a condition one by one, the others together."""
        plain = [index for index, change in enumerate(changes) if not _has_condition(change)]
        others = [index for index, change in enumerate(changes) if _has_condition(change)]
        together, each = await asyncio.gather(
            self._write_plain([changes[index] for index in plain]),
            asyncio.gather(*(self._write_one(changes[index]) for index in others)),
        )
        results = dict(zip((*plain, *others), (*together, *each), strict=True))
        return [results[index] for index in range(len(changes))]

    async def _write_plain(self, changes: Sequence[Change]) -> Sequence[EventError | None]:
        requests = [self._request(change) for change in changes]
        errors = iter(await self._table.write([one for one in requests if not isinstance(one, Permanent)]))
        return [one if isinstance(one, Permanent) else next(errors) for one in requests]

    async def _write_one(self, change: Change) -> EventError | None:
        request = self._request(change)
        if isinstance(request, Permanent):
            return request
        [content] = request.values()
        client = self._table.client
        try:
            await self._table.call(
                client.delete_item if change.value is None else client.put_item,
                TableName=self._name,
                **content,
                **self._condition(change),
            )
        except EventError as error:
            code = error_code(error.__cause__) if isinstance(error.__cause__, Exception) else ""
            return _mismatch(change) if code == "ConditionalCheckFailedException" else error
        return None

    def _request(self, change: Change) -> Request | Permanent:
        key = {self._key: {"S": change.key}}
        if change.value is None:
            return {"DeleteRequest": {"Key": key}}
        item: dict[str, Any] = {**key, "value": _written(change.value), "etag": {"S": secrets.token_hex(8)}}
        if change.ttl is not None:
            if self._ttl is None:
                return Permanent("a time to live needs `ttlAttributeName`: the attribute that holds the time of expiry")
            item[self._ttl] = {"N": str(math.ceil(self._clock.now() + change.ttl))}
        return {"PutRequest": {"Item": item}}

    def _in_transaction(self, change: Change) -> Mapping[str, Any]:
        request = self._request(change)
        if isinstance(request, Permanent):
            raise request
        [content] = request.values()
        kind = "Delete" if change.value is None else "Put"
        return {kind: {"TableName": self._name, **content, **self._condition(change)}}

    def _condition(self, change: Change) -> Mapping[str, Any]:
        """What has expired counts as not there."""
        if not _has_condition(change):
            return {}
        names, values = {"#key": self._key}, {":now": {"N": str(int(self._clock.now()))}}
        if change.etag is not None:
            condition, expired = "#etag = :etag", " AND (attribute_not_exists(#ttl) OR #ttl > :now)"
            names, values = {"#etag": "etag"}, {**values, ":etag": {"S": change.etag}}
        else:
            condition, expired = "attribute_not_exists(#key)", " OR #ttl <= :now"
        if self._ttl is not None:
            condition, names = condition + expired, {**names, "#ttl": self._ttl}
        else:
            del values[":now"]
        arguments: dict[str, Any] = {"ConditionExpression": condition, "ExpressionAttributeNames": names}
        return {**arguments, "ExpressionAttributeValues": values} if values else arguments

    def _item(self, item: Mapping[str, Any]) -> Item:
        value = item.get("value", {})
        data = value["S"].encode() if "S" in value else bytes(value.get("B", b""))
        expires = item.get(self._ttl, {}).get("N") if self._ttl is not None else None
        etag = item.get("etag", {}).get("S", "")
        return Item(data, etag, float(expires) if expires is not None else None)


def _has_condition(change: Change) -> bool:
    return change.etag is not None or change.first_write


def _written(value: bytes) -> Mapping[str, Any]:
    """Text as a string, as Dapr writes JSON; anything else as bytes."""
    try:
        return {"S": value.decode()}
    except UnicodeDecodeError:
        return {"B": value}


def _mismatch(change: Change) -> EtagMismatch:
    if change.etag is not None:
        return EtagMismatch(f"the value of {change.key!r} has changed: its etag is not {change.etag!r}")
    return EtagMismatch(f"{change.key!r} has a value already")


def _merged(changes: Sequence[Change]) -> Sequence[Change]:
    """One change a key, because DynamoDB takes no more: the condition of the first one, the value of the last one."""
    merged: dict[str, Change] = {}
    for change in changes:
        before = merged.get(change.key)
        if before is None:
            merged[change.key] = change
            continue
        if change.etag is not None or (change.first_write and before.value is not None):
            raise _mismatch(change)  # its value is the one that this transaction has just written
        merged[change.key] = replace(change, etag=before.etag, first_write=before.first_write)
    return list(merged.values())


def _refused(error: EventError, changes: Sequence[Change]) -> EventError:
    """The reasons are in the order of the items."""
    reasons = getattr(error.__cause__, "response", {}).get("CancellationReasons", [])
    codes = [reason.get("Code", "None") for reason in reasons]
    for change, code in zip(changes, codes, strict=False):
        if code == "ConditionalCheckFailed":
            return _mismatch(change)
    if "TransactionConflict" in codes:
        return Retryable("another transaction changes the same keys now")
    return Unavailable(str(error)) if _BUSY & set(codes) else error
