"""The app of the example: it prices orders, and keeps what each customer has spent. It knows no Redis.

Its orders come over HTTP; prices, state and locks it has by the API of the engine, as every app of Dapr does.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator

from aiohttp import ClientSession, web

ENGINE = f"http://127.0.0.1:{os.environ.get('DAPR_HTTP_PORT', '3500')}"
PRICES = f"{ENGINE}/v1.0/configuration/prices"
STATE = f"{ENGINE}/v1.0/state/customers"
LOCK = f"{ENGINE}/v1.0-alpha1/lock/locks"
CACHE = f"{ENGINE}/v1.0/bindings/cache"


async def accept_order(request: web.Request) -> web.Response:
    order = await request.json()
    session, article = request.app["session"], order["article"]
    key = f"price/{article}"
    async with session.get(PRICES, params={"key": key}, raise_for_status=True) as answer:
        if answer.status == 204:
            return web.json_response({"error": f"there is no {article}"}, status=422)
        price = int((await answer.json())[key]["value"])
    total = price * order["quantity"]
    spent = await spend(session, order["customer"], total)
    return web.json_response({**order, "total": total, "spent": spent})


async def report(request: web.Request) -> web.Response:
    """Of all that are asked in this minute, the one that gets the lock reports. It lets it expire."""
    session: ClientSession = request.app["session"]
    lock = {"resourceId": "report", "lockOwner": str(uuid.uuid4()), "expiryInSeconds": 55}
    async with session.post(LOCK, json=lock, raise_for_status=True) as answer:
        if not (await answer.json())["success"]:
            return web.Response(status=204)
    count = {"operation": "get", "metadata": {"key": "orders-priced"}}
    async with session.post(CACHE, json=count, raise_for_status=True) as answer:
        return web.json_response({"orders": int(await answer.text() or 0)})


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
app.router.add_post("/report", report)
app.cleanup_ctx.append(keep_session)

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=int(os.environ.get("APP_PORT", "8078")), print=None)
