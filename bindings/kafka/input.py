from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from bindings.contract import Outcome, Received, Settled
from bindings.kafka.member import Member
from bindings.kafka.metadata import KafkaConnectionMetadata


class KafkaInput:
    """Reads topics as a member of a consumer group. What is not settled comes again to whoever has its partition."""

    redelivery: Literal["native"] = "native"

    def __init__(self, metadata: KafkaConnectionMetadata, topics: Sequence[str], group: str) -> None:
        self._metadata = metadata
        self._topics = topics
        self._group = group
        self._member: Member | None = None

    async def open(self) -> None:
        self._member = Member(self._metadata, self._topics, self._group)
        await self._member.open()

    async def read(self, limit: int) -> Sequence[Received]:
        return await self._opened.take(limit)

    async def settle(self, settled: Sequence[Settled]) -> None:
        done = [one.received for one in settled if one.outcome is not Outcome.RELEASED]
        back = [one.received for one in settled if one.outcome is Outcome.RELEASED]
        await self._opened.settle(done, back)

    async def close(self) -> None:
        if self._member is not None:
            await self._member.close()

    @property
    def _opened(self) -> Member:
        assert self._member is not None, "it is not open"  # noqa: S101
        return self._member
