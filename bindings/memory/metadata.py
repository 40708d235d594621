from __future__ import annotations

from pydantic import Field

from bindings.metadata import BindingMetadata, Text, Whole


class MemoryMetadata(BindingMetadata):
    queue_name: Text | None = Field(
        None,
        description="The queue: components with one queue name share it. Default: the component's name.",
        examples=["orders"],
        min_length=1,
    )
    capacity: Whole = Field(
        10_000,
        description="How many messages may wait; when the queue is full, `create` waits until there is room. "
        "Where components of one queue differ, the one that was started last decides.",
        examples=[10_000, "500"],
        ge=1,
    )
