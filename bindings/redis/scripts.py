"""Lua scripts: what must be read and written with nothing between."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from redis.asyncio import RedisCluster
from redis.exceptions import NoScriptError

from bindings.redis.connection import RedisConnection
from bindings.redis.lane import Command


class Script:
    """A script that is sent once and called by its hash; a server that does not know it any more gets it again."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._hash = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    def call(self, keys: Sequence[str], arguments: Sequence[bytes | str | int]) -> Command:
        return ["EVALSHA", self._hash, len(keys), *keys, *arguments]

    async def run(self, connection: RedisConnection, commands: Sequence[Command]) -> list[Any]:
        """The answers to several calls that go out together, each the error that it failed with."""
        answers = await connection.run_all(commands)
        unknown = [index for index, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if unknown:
            await self._load(connection)
            again = await connection.run_all([commands[index] for index in unknown])
            for index, answer in zip(unknown, again, strict=True):
                answers[index] = answer
        return answers

    async def _load(self, connection: RedisConnection) -> None:
        if isinstance(connection.client, RedisCluster):
            await connection.client.execute_command("SCRIPT LOAD", self._source, target_nodes=RedisCluster.PRIMARIES)
        else:
            await connection.run("SCRIPT", "LOAD", self._source)
