"""An app that prices orders. It knows neither queues nor Azure.

Run it with: python prices.py
"""

from __future__ import annotations

import os

from aiohttp import web

PRICES = {"tea": 5, "pot": 40}
routes = web.RouteTableDef()


@routes.post("/invoice")
async def price(request: web.Request) -> web.Response:
    """One order; the answer is what becomes of the event."""
    order = await request.json()
    if order["article"] not in PRICES:
        return web.Response(status=422, text=f"there is no {order['article']}")  # a dead letter
    return web.json_response({**order, "total": PRICES[order["article"]] * order["quantity"]})


def make_app() -> web.Application:
    app = web.Application()
    app.add_routes(routes)
    return app


if __name__ == "__main__":
    web.run_app(make_app(), host="127.0.0.1", port=int(os.environ.get("PORT", "8081")), print=None)
