"""The app of the example: it prices orders, and keeps what each customer has spent. It knows no Redis.

Its orders come over HTTP; its state it keeps by the API of the engine, as every app of Dapr does.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

from aiohttp import ClientSession, web

PRICES = {"tea": 5, "pot": 40}
STATE = f"http://127.0.0.1:{os.environ.get('DAPR_HTTP_PORT', '3500')}/v1.0/state/customers"


async def accept_order(request: web.Request) -> web.Response:
    order = await request.json()
    if order["article"] not in PRICES:
        return web.json_response({"error": f"there is no {order['article']}"}, status=422)
    total = PRICES[order["article"]] * order["quantity"]
    spent = await spend(request.app["session"], order["customer"], total)
    return web.json_response({**order, "total": total, "spent": spent})


async def spend(session: ClientSession, customer: str, total: int) -> int:
    """Adds to what the customer has spent. Two orders at once: one of them has an old etag, and is done again."""
    while True:
        async with session.get(f"{STATE}/{customer}") as answer:
            etag = answer.headers.get("ETag")
            before = int(await answer.json()) if answer.status == 200 else 0
        change = {"key": customer, "value": before + total, "options": {"concurrency": "first-write"}}
        async with session.post(STATE, json=[change if etag is None else {**change, "etag": etag}]) as answer:
            if answer.status == 204:
                return before + total
            if answer.status != 409:
                raise web.HTTPServiceUnavailable(text=await answer.text())


async def keep_session(app: web.Application) -> AsyncIterator[None]:
    async with ClientSession() as session:
        app["session"] = session
        yield


app = web.Application()
app.router.add_post("/orders", accept_order)
app.cleanup_ctx.append(keep_session)

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=int(os.environ.get("APP_PORT", "8078")), print=None)
