"""The app of the demo: an HTTP server that knows nothing of queues, files, schedules or retries.

Each route gets the data of an event as its body and answers what becomes of it. Run it with: python app.py
"""

from __future__ import annotations

import collections
import os

from aiohttp import web

routes = web.RouteTableDef()
attempts: collections.Counter[str] = collections.Counter()


@routes.post("/readings")
async def read_sensor(request: web.Request) -> web.Response:
    """Called by a schedule: there is no body, only the event's attributes in the headers."""
    return web.json_response({"scheduled": request.headers["ce-time"], "load": os.getloadavg()[0]})


@routes.post("/orders")
async def accept_orders(request: web.Request) -> web.Response:
    """Called with a batch of CloudEvents; answers for each of them, so that a bad one does not fail the others."""
    results: list[dict[str, object]] = []
    for event in await request.json():
        order = event["data"]
        if order["sku"] == "unknown":
            results.append({"id": event["id"], "status": 422, "error": "no such article"})
        else:
            results.append({"id": event["id"], "data": {**order, "total": order["quantity"] * 25}})
    return web.json_response({"results": results})


@routes.post("/documents")
async def count_words(request: web.Request) -> web.Response:
    text = await request.text()
    return web.json_response({"document": request.headers["ce-subject"], "words": len(text.split())})


@routes.post("/payments")
async def take_payment(request: web.Request) -> web.Response:
    """Fails twice for each payment, as an app with a sleepy database would."""
    event_id = request.headers["ce-id"]
    attempts[event_id] += 1
    if attempts[event_id] <= 2:
        raise web.HTTPInternalServerError(text="the database does not answer")
    return web.json_response({**await request.json(), "state": "paid"})


app = web.Application()
app.add_routes(routes)

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8077")), print=None)
