"""The app of the example: what an order costs. It knows no RabbitMQ."""

from __future__ import annotations

import os

from aiohttp import web

LOAF = 4.2


async def price(request: web.Request) -> web.Response:
    order = await request.json()
    if order["loaves"] < 1:
        return web.Response(status=422, text="an order is for one loaf at least")  # a dead letter
    return web.json_response({**order, "total": round(order["loaves"] * LOAF, 2)})


app = web.Application()
app.router.add_post("/orders", price)

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=int(os.environ.get("APP_PORT", "8076")), print=None)
