"""An app that keeps balances in the state of the engine. It knows neither queues nor AWS.

Run it with: APP_API_TOKEN=letmein python ledger.py
"""

from __future__ import annotations

import os

import aiohttp
from aiohttp import web

STATE = f"http://127.0.0.1:{os.environ.get('DAPR_HTTP_PORT', '3500')}/v1.0/state/balances"
routes = web.RouteTableDef()


@routes.post("/payments")
async def book(request: web.Request) -> web.Response:
    """One payment; the answer is what becomes of the event."""
    if request.headers.get("dapr-api-token") != os.environ["APP_API_TOKEN"]:
        return web.Response(status=401)
    payment = await request.json()
    if payment["amount"] <= 0:
        return web.Response(status=422, text="an amount is more than nothing")  # a dead letter
    account = payment["account"]
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        async with session.get(f"{STATE}/{account}") as answer:
            balance = await answer.json() if answer.status == 200 else {"amount": 0, "last": None}
        # A message may come twice: what was booked last is not booked again.
        if balance["last"] != request.headers["ce-id"]:
            balance = {"amount": balance["amount"] + payment["amount"], "last": request.headers["ce-id"]}
            await session.post(STATE, json=[{"key": account, "value": balance}])
    return web.json_response({"account": account, "balance": balance["amount"]})


def make_app() -> web.Application:
    app = web.Application()
    app.add_routes(routes)
    return app


if __name__ == "__main__":
    web.run_app(make_app(), host="127.0.0.1", port=int(os.environ.get("PORT", "8079")), print=None)
