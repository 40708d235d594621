"""State as Dapr's state.redis keeps it: a hash with the fields `data` and `version`, which is the etag.

Source: dapr/components-contrib, state/redis/redis.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from redis.exceptions import ResponseError

from bindings.contract import Change, Context, EtagMismatch, Item
from bindings.redis.connection import RedisConnection
from bindings.redis.failure import FAILURES
from bindings.redis.lane import Command
from bindings.redis.metadata import RedisStateMetadata
from bindings.redis.scripts import Script
from engine.errors import EventError, Permanent

# All changes or none: first each is checked, with what those before it would make of the keys; then they are made.
# Five arguments a change: set or delete, value, etag, `1` for first-write, milliseconds to live; empty where there is
# none. A value that is no hash is one that Dapr wrote before it had etags, or another program: it is replaced.
# The first version of a key is the time in microseconds: one that counted from 1 would come again when the key was
# deleted meanwhile, and be taken for the etag of another value.
_WRITE = Script("""
local versions, foreign = {}, {}
local time = redis.call('TIME')
local fresh = string.format('%.0f', time[1] * 1000000 + time[2])
for number, key in ipairs(KEYS) do
  local at = 5 * (number - 1)
  local version = versions[key]
  if version == nil then
    version = redis.pcall('HGET', key, 'version')
    if type(version) == 'table' then
      version = ''
      foreign[key] = true
    end
  end
  local etag = ARGV[at + 3]
  if (etag ~= '' and version ~= etag) or (etag == '' and ARGV[at + 4] == '1' and version) then
    return -number
  end
  if ARGV[at + 1] == 'set' then
    local number = tonumber(version or '')
    versions[key] = number and string.format('%.0f', number + 1) or fresh
  else
    versions[key] = false
  end
end
for number, key in ipairs(KEYS) do
  local at = 5 * (number - 1)
  if ARGV[at + 1] == 'delete' or foreign[key] then
    redis.call('DEL', key)
    foreign[key] = nil
  end
  if ARGV[at + 1] == 'set' then
    redis.call('HSET', key, 'data', ARGV[at + 2])
    if ARGV[at + 4] == '1' then
      redis.call('HSET', key, 'first-write', 0)
    end
    if redis.call('HSETNX', key, 'version', fresh) == 0 then
      redis.call('HINCRBY', key, 'version', 1)
    end
    if ARGV[at + 5] == '' then
      redis.call('PERSIST', key)
    else
      redis.call('PEXPIRE', key, ARGV[at + 5])
    end
  end
end
return #KEYS
""")


class RedisState:
    def __init__(self, metadata: RedisStateMetadata, context: Context) -> None:
        self._ttl = metadata.ttl_in_seconds if metadata.ttl_in_seconds and metadata.ttl_in_seconds > 0 else None
        self._clock = context.clock
        self._connection = RedisConnection(metadata, context.name)

    async def open(self) -> None:
        await self._connection.open()

    async def get(self, keys: Sequence[str]) -> Mapping[str, Item]:
        """Raises an `EventError`."""
        commands: list[Command] = []
        for key in keys:
            commands += [["HMGET", key, "data", "version"], ["PTTL", key]]
        try:
            answers = await self._connection.run_all(commands)
            found = {key: pair for key, pair in zip(keys, zip(answers[::2], answers[1::2], strict=True), strict=True)}
            await self._get_texts(found)
        except FAILURES as error:
            raise self._connection.of_operation(error) from error
        items = {key: self._item(key, *pair) for key, pair in found.items()}
        return {key: item for key, item in items.items() if item is not None}

    async def write(self, changes: Sequence[Change]) -> Sequence[EventError | None]:
        try:
            answers = await _WRITE.run(self._connection, [self._call([change]) for change in changes])
        except FAILURES as error:
            return [self._connection.of_operation(error)] * len(changes)
        return [self._error([change], answer) for change, answer in zip(changes, answers, strict=True)]

    async def transact(self, changes: Sequence[Change]) -> None:
        """Raises an `EventError`, mostly `EtagMismatch`. In a cluster, all keys must be in one slot."""
        if not changes:
            return
        try:
            [answer] = await _WRITE.run(self._connection, [self._call(changes)])
        except FAILURES as error:
            answer = error
        failed = self._error(changes, answer)
        if failed is not None:
            raise failed

    async def close(self) -> None:
        await self._connection.close()

    def _call(self, changes: Sequence[Change]) -> Command:
        arguments: list[bytes | str | int] = []
        for change in changes:
            ttl = change.ttl if change.ttl is not None else self._ttl
            arguments += [
                "delete" if change.value is None else "set",
                change.value or b"",
                change.etag or "",
                "1" if change.first_write else "",
                "" if ttl is None else max(1, int(ttl * 1000)),
            ]
        return _WRITE.call([change.key for change in changes], arguments)

    def _error(self, changes: Sequence[Change], answer: Any) -> EventError | None:
        if isinstance(answer, Exception):
            return self._connection.of_operation(answer)
        if answer > 0:
            return None
        change = changes[-answer - 1]
        if change.etag:
            return EtagMismatch(f"the value of {change.key!r} has changed: its etag is not {change.etag!r}")
        return EtagMismatch(f"{change.key!r} has a value already")

    async def _get_texts(self, found: dict[str, Any]) -> None:
        """Values that are no hash: Dapr wrote them so before it had etags."""
        keys = [key for key, (fields, _) in found.items() if _is_no_hash(fields)]
        for key, answer in zip(keys, await self._connection.run_all([["GET", key] for key in keys]), strict=True):
            found[key] = (answer if isinstance(answer, Exception) else [answer, b""], found[key][1])

    def _item(self, key: str, fields: Any, ttl: Any) -> Item | None:
        for answer in (fields, ttl):
            if isinstance(answer, Exception):
                raise self._connection.of_operation(answer)
        data, version = fields
        if data is None and version is None:
            return None
        if data is None or version is None:
            raise Permanent(f"the hash {key!r} was not written by Dapr: it has no fields `data` and `version`")
        return Item(data, version.decode(), self._clock.now() + ttl / 1000 if ttl >= 0 else None)


def _is_no_hash(answer: Any) -> bool:
    return isinstance(answer, ResponseError) and "WRONGTYPE" in str(answer)
