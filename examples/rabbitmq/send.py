"""Three orders of a bakery: python send.py [URL]"""

from __future__ import annotations

import asyncio
import json
import sys

import aio_pika

ORDERS = [
    {"customer": "zoe", "loaves": 2},
    {"customer": "max", "loaves": 0},
    {"customer": "inn", "loaves": 60, "address": "Mill Lane 3"},
]


async def main(url: str) -> None:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        for order in ORDERS:
            message = aio_pika.Message(
                json.dumps(order).encode(),
                content_type="application/json",
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            )
            await channel.default_exchange.publish(message, "orders")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "amqp://guest:guest@localhost:5672/"))
