from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from bindings.aws.bundler import Bundler
from bindings.aws.session import FAILURES, AwsSession, error_code, failure, refusal
from bindings.contract import Clock
from engine.errors import DefinitionError, EventError, NotReady, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item: TypeAlias = Mapping[str, Any]  # attribute values as DynamoDB writes them: {"id": {"S": "42"}}
Request: TypeAlias = Mapping[str, Any]  # {"PutRequest": {"Item": …}} or {"DeleteRequest": {"Key": …}}

_LANES = 4  # requests that are under way at once
_MOST_WRITES, _MOST_READS = 25, 100  # of one request
_MOST_BYTES = 16 * 2**20 - 2**17  # of one request: 16 MiB, and some for what is written around the items
_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)  # seconds, before what a busy table left undone is asked for again


class Table:
    """One table: items are read a hundred at a time, and written 25 at a time."""

    def __init__(
        self, session: AwsSession, client: DynamoDBClient, name: str, keys: Sequence[str], clock: Clock
    ) -> None:
        """`keys`: the attributes that tell the items apart."""
        self.client = client
        self.name = name
        self._session = session
        self._keys = keys
        self._clock = clock
        self._writing: Bundler[Request, None] = Bundler(
            self._write, lanes=_LANES, most=_MOST_WRITES, most_bytes=_MOST_BYTES, size=_size, key=self._key
        )

    async def read(self, keys: Sequence[Item]) -> Sequence[Item]:
        """The items as they are now; raises `EventError`. No key may come twice."""
        found: list[Item] = []
        for start in range(0, len(keys), _MOST_READS):
            asked: Any = {self.name: {"Keys": list(keys[start : start + _MOST_READS]), "ConsistentRead": True}}
            for pause in (*_PAUSES, None):
                answer = await self.call(self.client.batch_get_item, RequestItems=asked)
                found += answer["Responses"].get(self.name, [])
                asked = answer.get("UnprocessedKeys")
                if not asked:
                    break
                await self._rest(pause)
        return found

    async def write(self, requests: Sequence[Request]) -> Sequence[EventError | None]:
        """Each for itself. Of requests for one item the last one counts."""
        results: list[EventError | None] = [None] * len(requests)
        for wave in waves([self._key(request) for request in requests]):
            for index, error in zip(wave, await self._writing.put([requests[one] for one in wave]), strict=True):
                results[index] = error
        return results

    async def call(self, request: Callable[..., Any], **arguments: Any) -> Any:
        """Raises `EventError`, whose cause is the error of boto3."""
        try:
            return await self._session.call(request, **arguments)
        except FAILURES as error:
            raise failure(error, f"table {self.name}") from error

    def _key(self, request: Request) -> object:
        [(_, content)] = request.items()
        item = content.get("Item") or content.get("Key")
        return tuple(str(item.get(name)) for name in self._keys)

    async def _write(self, requests: Sequence[Request]) -> Sequence[EventError | None]:
        if len(requests) == 1:
            [(kind, content)] = requests[0].items()
            single = self.client.put_item if kind == "PutRequest" else self.client.delete_item
            await self.call(single, TableName=self.name, **content)
            return [None]
        asked: Any = {self.name: list(requests)}
        for pause in (*_PAUSES, None):
            answer = await self.call(self.client.batch_write_item, RequestItems=asked)
            asked = answer.get("UnprocessedItems")
            if not asked:
                break
            left = {self._key(request) for request in next(iter(asked.values()))}
            if pause is None:
                busy = Unavailable(f"table {self.name} has no capacity for the item now")
                return [busy if self._key(request) in left else None for request in requests]
            await self._clock.sleep(pause)
        return [None] * len(requests)

    async def _rest(self, pause: float | None) -> None:
        if pause is None:
            raise Unavailable(f"table {self.name} has no capacity for all keys now")
        await self._clock.sleep(pause)


def waves(keys: Sequence[object]) -> Sequence[Sequence[int]]:
    """The indexes of all keys in waves to follow one another, so that no key is twice in one."""
    found: list[list[int]] = []
    count: Counter[object] = Counter()
    for index, key in enumerate(keys):
        if count[key] == len(found):
            found.append([])
        found[count[key]].append(index)
        count[key] += 1
    return found


def not_there(error: Exception, table: str) -> NotReady | DefinitionError:
    """What an error of boto3 means for `open`."""
    if error_code(error) == "ResourceNotFoundException":
        return NotReady(f"there is no table {table}: it is waited for, as a table is not made here")
    return refusal(error, f"table {table}")


def _size(request: Request) -> int:
    """About as many bytes as it takes in a request, and never fewer."""
    return len(repr(request).encode())
