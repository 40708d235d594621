"""The app of the example: it prices orders. It knows no NATS."""

from __future__ import annotations

import os

from aiohttp import web

PRICES = {"tea": 5, "pot": 40}


async def accept_order(request: web.Request) -> web.Response:
    order = await request.json()
    if order["article"] not in PRICES:
        return web.json_response({"error": f"there is no {order['article']}"}, status=422)
    return web.json_response({**order, "total": PRICES[order["article"]] * order["quantity"]})


app = web.Application()
app.router.add_post("/orders", accept_order)

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=int(os.environ.get("APP_PORT", "8079")), print=None)
