"""Makes the stream of the example, unless it is there."""

from __future__ import annotations

import asyncio
import os

import nats


async def main() -> None:
    client = await nats.connect(os.environ.get("NATS_URL", "nats://localhost:4222"))
    await client.jetstream().add_stream(name="ORDERS", subjects=["orders.*"])
    await client.close()


if __name__ == "__main__":
    asyncio.run(main())
